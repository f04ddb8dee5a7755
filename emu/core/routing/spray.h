// SPDX-License-Identifier: Apache-2.0
// Spraying: the sender gives each packet an entropy value, and the value picks the
// next hop, counted from a member that the flow's hash picks.
//
// Invariant: values in turn visit the members in turn, so of one flow no member
// carries more than one packet more than another; a tier above looks at the next
// digit of the value, so that tiers do not repeat each other's choice.
// Sources: DRB (Cao et al., CoNEXT 2013) for paths in turn; REPS (arXiv 2407.21625)
// for senders that choose the value.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../entropy.h"
#include "../packet.h"
#include "params.h"

namespace emu {

struct Spray {
  static constexpr const char* kName = "spray";
  explicit Spray(const RoutingParams& params)
      : digit_(static_cast<std::uint32_t>(std::max<std::int64_t>(1, params.at("digit")))) {}

  template <typename Hops>
  std::uint32_t pick(const Hops& hops, const Packet& packet) {
    const std::uint32_t n = hops.size();
    const std::uint32_t value = (packet.entropy & kEntropyMask) / digit_;
    std::uint32_t i = (hops.hashed(packet.entropy >> kEntropyBits) + value) % n;
    for (std::uint32_t k = 1; k < n && !hops.alive(i); ++k) i = i + 1 < n ? i + 1 : 0;
    return i;
  }
  void forget(std::uint32_t /*group*/) {}

 private:
  std::uint32_t digit_;  // values per step: the product of the fan-outs below
};

}  // namespace emu
