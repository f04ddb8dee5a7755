// SPDX-License-Identifier: Apache-2.0
// PFC deadlocks: queues that wait for each other in a circle.
//
// An egress queue is paused by the priority group at the far end of its link,
// which waits for the packets that it holds in that switch's own egress queues
// (Guo et al., SIGCOMM 2016, section 4.2). A circle of such queues, none of
// which has sent anything for kDeadlockPs, is a deadlock: nothing inside it can
// ever end it.
//
// Invariant: a circle is reported once for as long as it stands.
#pragma once

#include <cstdint>
#include <vector>

#include "units.h"

namespace emu {

/// Far longer than a paused queue takes to move when what it waits for moves at
/// all: a whole shared buffer drains through one port in about this time.
inline constexpr Ps kDeadlockPs = 1'000'000'000;

/// A queue that pauses keep stopped, by number (port * 8 + priority).
struct StoppedQueue {
  std::uint32_t number;
  std::uint64_t tx_packets;
  Ps since;
};

using QueueCircle = std::vector<std::uint32_t>;

class DeadlockWatch {
 public:
  /// Takes the queues that are stopped now, in order of their numbers. Returns
  /// those that have sent nothing for kDeadlockPs.
  std::vector<std::uint32_t> look(std::vector<StoppedQueue> stopped, Ps now);
  /// Which of these circles are new since the last call.
  std::vector<QueueCircle> fresh(std::vector<QueueCircle> circles);

 private:
  std::vector<StoppedQueue> stopped_;
  std::vector<QueueCircle> standing_;
};

/// Disjoint circles of a graph, each from its smallest member on. `next[i]`:
/// the nodes that node i waits for, in order.
std::vector<QueueCircle> circles_of(const std::vector<std::vector<std::uint32_t>>& next);

}  // namespace emu
