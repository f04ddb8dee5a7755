// SPDX-License-Identifier: Apache-2.0
// Which egress queue sends next: strict priorities first, the rest by deficit
// weighted round robin (Shreedhar and Varghese, SIGCOMM 1995).
//
// Invariant: a queue that is paused or whose head is not there yet is passed
// over and loses neither its turn nor its credit.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "port.h"

namespace emu {

struct SchedulerParams {
  std::uint8_t strict = 0;                                // bit p: strict, the highest number first
  std::array<std::int32_t, kPriorities> quantum_bytes{};  // DWRR credit per round
};

struct Choice {
  int priority = -1;
  Ps start = kNever;
};

/// A mask with exactly one bit. (std::has_single_bit counts all bits, by a
/// library call on plain x86-64.)
constexpr bool single_bit(std::uint32_t bits) { return bits != 0 && (bits & (bits - 1)) == 0; }

/// Earliest time at which priority `p` of the port could start a packet.
[[gnu::always_inline]] inline Ps earliest_start(const Port& port, const EgressQueue& queue, int p) {
  Ps at = std::max(port.next_free, queue.packets.front().at);
  if ((port.paused >> p & 1) != 0) at = std::max(at, queue.paused_until);
  return at;
}

/// When the port, which has a backlog, could start its next packet.
inline Ps next_start(const Port& port, const EgressQueue* queues) {
  Ps start = kNever;
  for (std::uint32_t left = port.backlog; left != 0; left &= left - 1) {
    const int p = std::countr_zero(left);
    start = std::min(start, earliest_start(port, queues[p], p));
  }
  return start;
}

/// The queue among `eligible` (non-empty mask) whose packet goes now.
inline int pick(Port& port, EgressQueue* queues, std::uint32_t eligible,
                const SchedulerParams& params) {
  const std::uint32_t strict = eligible & params.strict;
  if (strict != 0) return 31 - std::countl_zero(strict);
  if (single_bit(eligible)) return std::countr_zero(eligible);
  for (;;) {
    const int p = port.turn;
    EgressQueue& queue = queues[p];
    if ((eligible >> p & 1) != 0) {
      const std::int64_t need = queue.packets.front().bytes;
      if (queue.deficit >= need) {
        queue.deficit -= need;
        return p;
      }
    } else if (queue.packets.empty()) {
      queue.deficit = 0;
    }
    port.turn = static_cast<std::uint8_t>((p + 1) % kPriorities);
    if ((eligible >> port.turn & 1) != 0) {
      queues[port.turn].deficit += params.quantum_bytes[port.turn];
    }
  }
}

/// What the port, of which several queues hold packets, starts next.
inline Choice choose_among(Port& port, EgressQueue* queues, Ps until,
                           const SchedulerParams& params) {
  Ps start = kNever;
  std::array<Ps, kPriorities> at{};
  for (std::uint32_t left = port.backlog; left != 0; left &= left - 1) {
    const int p = std::countr_zero(left);
    at[p] = earliest_start(port, queues[p], p);
    start = std::min(start, at[p]);
  }
  if (start >= until) return {-1, start};
  std::uint32_t eligible = 0;
  for (std::uint32_t left = port.backlog; left != 0; left &= left - 1) {
    const int p = std::countr_zero(left);
    if (at[p] <= start) eligible |= 1U << p;
  }
  return {pick(port, queues, eligible, params), start};
}

/// What the port starts next, if that is before `until`.
[[gnu::always_inline]] inline Choice choose(Port& port, EgressQueue* queues, Ps until,
                                            const SchedulerParams& params) {
  if (single_bit(port.backlog)) [[likely]] {
    const int p = std::countr_zero(port.backlog);
    const Ps start = earliest_start(port, queues[p], p);
    return start < until ? Choice{p, start} : Choice{-1, start};
  }
  return choose_among(port, queues, until, params);
}

}  // namespace emu
