// SPDX-License-Identifier: Apache-2.0
// Pause episodes: from the XOFF that a port sends to the XON that takes it back,
// with what filled the buffer and who has to wait.
//
// Invariant: episodes are a forest. The buffer of a switch fills because packets
// wait in one of its egress queues. If a pause holds that queue, that pause is
// the parent; if none does, the queue itself is too slow for what comes, and the
// episode is a root.
//
// Long queues are looked at by sample: of kLooks packets or more, every nth, which
// stands for n.
#pragma once

#include <cstdint>
#include <vector>

#include "flows.h"

namespace emu::telemetry {

struct Pause {
  std::uint32_t port = 0;  // that sends XOFF; its peer has to wait
  std::uint8_t priority = 0;
  bool host = false;  // a NIC asks: its receiver is slow, or it storms
  bool storm = false;
  Ps start = 0;                 // first XOFF sent
  Ps end = -1;                  // XON sent; -1: never
  Ps obeyed = -1;               // the peer stops
  Ps released = -1;             // the peer goes on
  std::uint32_t frames = 0;     // XOFF frames, repetitions included
  std::int32_t parent = -1;     // row of the pause that holds the queue below
  std::uint32_t queue = kNone;  // egress queue (port * 8 + priority) that fills the buffer
  std::int64_t queue_bytes = 0;
  Shares cause;    // flows in that queue when the episode began or ended
  Shares waiting;  // flows the peer had ready for this priority when it went on
};

class Pauses {
 public:
  /// Packets of one queue that are looked at, at least, if there are as many.
  static constexpr std::uint32_t kLooks = 128;

  /// Of more than `rows_max` episodes the first so many are kept.
  Pauses(const Engine& engine, FlowFinder& finder, std::uint64_t rows_max)
      : engine_(engine),
        finder_(finder),
        rows_max_(rows_max),
        open_(engine.queues().size(), -1),
        last_(engine.queues().size(), -1),
        holder_(engine.queues().size(), -1) {}

  void pauses(std::uint32_t port, std::uint8_t priority, std::uint32_t quanta, Ps now);
  void obeys(std::uint32_t port, const PfcFrame& frame, Ps sent);
  void finish();
  const std::vector<Pause>& rows() const { return rows_; }

 private:
  void find_cause(Pause& pause, Ps now);
  void add_cause(Pause& pause);
  void add_waiting(Pause& pause, std::uint32_t port);
  std::int32_t episode_at(std::uint32_t group, Ps sent, bool xon) const;

  const Engine& engine_;
  FlowFinder& finder_;
  std::uint64_t rows_max_;
  // By port * 8 + priority.
  std::vector<std::int32_t> open_;    // row of the episode that goes on
  std::vector<std::int32_t> last_;    // row of the newest
  std::vector<std::int32_t> holder_;  // row of the episode that this queue obeys
  std::vector<Pause> rows_;
  std::vector<std::int32_t> before_;  // by row: the one before of the same port and priority
};

}  // namespace emu::telemetry
