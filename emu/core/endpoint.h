// SPDX-License-Identifier: Apache-2.0
// The state of one NIC: its timers, the queue pairs that wait for each of its
// ports, and the receive buffer of a slow host.
//
// Invariant: a queue pair is in one ring of `ready` or in `paced` of one port,
// or in neither; SendQp::state says which.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "paced.h"
#include "packet.h"
#include "units.h"

namespace emu {

enum class TimerKind : std::uint8_t { kPost, kRetransmit, kReadRetry, kArp, kStorm, kRxXon };
/// When, what, for which id, which breaks ties, and where its record lies.
using Timer = std::tuple<Ps, TimerKind, std::uint32_t, std::uint32_t>;

/// Transmit side of one NIC port: queue pairs by round robin, paced ones by
/// the time they fall due. Control packets wait in the port's egress queues.
struct NicPort {
  std::uint32_t head[kPriorities];
  std::uint32_t tail[kPriorities];
  std::uint8_t ready = 0;  // bit p: the ring of priority p is not empty
  std::uint8_t turn = 0;   // round robin over priorities
  PacedQueue paced;
};

/// What a storm consists of.
enum class StormFrame : std::uint8_t {
  kPfc,
  kNoClass,  // PFC whose enable vector is empty
  kPause,    // IEEE 802.3x, for the whole link
};

inline StormFrame storm_frame(const std::string& name) {
  if (name == "pfc") return StormFrame::kPfc;
  if (name == "no-class") return StormFrame::kNoClass;
  if (name == "pause") return StormFrame::kPause;
  throw std::invalid_argument("no storm of " + name);
}

struct Storm {
  std::uint32_t quanta = 0xFFFF;
  Ps every_ps = 0;  // 0: half of a pause, so that it never ends
  StormFrame frame = StormFrame::kPfc;
};

/// One NIC: an address with one or two ports.
struct Endpoint {
  std::uint32_t node = 0;
  std::uint32_t first_port = 0;
  std::uint32_t ports = 0;
  std::uint32_t profile = 0;
  std::uint32_t group = 0;    // ports it may send on
  Bps receive_rate_bps = 0;   // 0: line rate
  std::int64_t rx_bytes = 0;  // receive buffer, while slower than the line
  Ps rx_at = 0;
  std::uint8_t rx_paused = 0;  // bit p: it sent XOFF for priority p
  std::uint8_t storm = 0;      // bit p: sends XOFF for p without end
  bool silent = false;
  std::array<Storm, kPriorities> storms{};  // by priority, while it storms
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers;
};

}  // namespace emu
