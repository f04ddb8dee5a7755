// SPDX-License-Identifier: Apache-2.0
// The PFC watchdog of a switch: finds lossless queues that pauses keep stopped
// and stops obeying, as SONiC does.
//
// Invariant: a queue is in a storm from the poll at which it has been stopped
// for the detection time until the poll at which its port has received no XOFF
// for the restoration time. Stopped: it holds packets, sent none since the last
// poll, and was paused for more than 99 % of that time (sonic-swss,
// orchagent/pfc_detect_mellanox.lua; pfc_restore.lua).
#pragma once

#include <cstdint>
#include <vector>

#include "port.h"

namespace emu {

/// What is done about a storm (sonic-swss pfcwdorch.h, PfcWdAction).
enum class WatchdogAction : std::uint8_t {
  kAlert,    // only said
  kForward,  // pauses are not obeyed
  kDrop,     // nor is anything sent or taken: the class is lost on that port
};

struct WatchdogParams {
  Ps poll_ps = 0;  // 0: no watchdog
  Ps detect_ps = 0;
  Ps restore_ps = 0;
  WatchdogAction action = WatchdogAction::kDrop;
};

/// One lossless egress queue under watch.
class WatchedQueue {
 public:
  enum class Verdict : std::uint8_t { kNothing, kStorm, kRestored };

  explicit WatchedQueue(std::uint32_t queue) : number(queue) {}

  /// One poll at `now`, `params.poll_ps` after the last one.
  Verdict poll(const EgressQueue& queue, const WatchdogParams& params, Ps now) {
    const Ps paused = queue.paused_total(now);
    const bool stopped = !queue.packets.empty() && queue.tx_packets == tx_packets_ &&
                         (paused - paused_ps_) * 100 > params.poll_ps * 99;
    const bool quiet = queue.pfc_rx == pfc_rx_;
    tx_packets_ = queue.tx_packets;
    paused_ps_ = paused;
    pfc_rx_ = queue.pfc_rx;
    for_ps_ = (in_storm ? quiet : stopped) ? for_ps_ + params.poll_ps : 0;
    if (for_ps_ < (in_storm ? params.restore_ps : params.detect_ps) || for_ps_ == 0) {
      return Verdict::kNothing;
    }
    for_ps_ = 0;
    in_storm = !in_storm;
    return in_storm ? Verdict::kStorm : Verdict::kRestored;
  }

  std::uint32_t number;  // port * 8 + priority
  bool in_storm = false;

 private:
  std::uint64_t tx_packets_ = 0;
  std::uint64_t pfc_rx_ = 0;
  Ps paused_ps_ = 0;
  Ps for_ps_ = 0;  // how long the queue has been stopped; in a storm: has been quiet
};

/// The queues of all switches of one profile.
struct Watchdog {
  WatchdogParams params;
  Ps next_poll = 0;
  std::vector<WatchedQueue> queues;
};

}  // namespace emu
