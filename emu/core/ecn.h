// SPDX-License-Identifier: Apache-2.0
// ECN marking at dequeue (RED-style, per egress queue).
//
// Invariant: never below kmin, always above kmax, in between with a
// probability that rises linearly to pmax. The queue is what remains after the
// departing packet was removed. Source: SONiC WRED profiles (SAI "ecn_all"),
// HPCC ns-3 ShouldSendCN; capability rules RFC 3168 §5.
#pragma once

#include <cstdint>

#include "packet.h"
#include "rng.h"

namespace emu {

struct EcnProfile {
  std::int64_t kmin_bytes = 0;
  std::int64_t kmax_bytes = 0;
  double pmax = 0.0;
  std::uint8_t priorities = 0;  // bit p: marking is on for priority p

  bool marks(std::int64_t queue_bytes, std::uint64_t seed, std::uint32_t stream,
             std::uint32_t& draws) const {
    if (queue_bytes <= kmin_bytes) return false;
    if (queue_bytes > kmax_bytes) return true;
    const double p = pmax * static_cast<double>(queue_bytes - kmin_bytes) /
                     static_cast<double>(kmax_bytes - kmin_bytes);
    return draw32(seed, stream, draws++) < probability_q32(p);
  }
};

/// Sets CE on the header that the switch sees. Returns whether it was set now.
inline bool mark_congestion(Packet& packet) {
  const bool outer = (packet.flags & kEncap) != 0;
  const std::uint8_t capable = outer ? kOuterEct : kEct;
  const std::uint8_t ce = outer ? kOuterCe : kCe;
  if ((packet.flags & capable) == 0 || (packet.flags & ce) != 0) return false;
  packet.flags |= ce;
  return true;
}

}  // namespace emu
