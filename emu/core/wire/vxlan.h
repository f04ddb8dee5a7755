// SPDX-License-Identifier: Apache-2.0
// VXLAN header. Source: RFC 7348 section 5; ECN of both headers RFC 6040.
#pragma once

#include <cstdint>

#include "bytes.h"
#include "ip.h"

namespace emu::wire {

struct Vxlan {
  static constexpr std::size_t kBytes = 8;
  static constexpr std::uint8_t kVniValid = 0x08;
  std::uint8_t flags = kVniValid;
  std::uint32_t vni = 0;  // 24 bits

  static Vxlan read(const std::uint8_t* p) { return {.flags = p[0], .vni = load_be24(p + 4)}; }
  void write(std::uint8_t* p) const {
    store_be32(p, static_cast<std::uint32_t>(flags) << 24);
    store_be24(p + 4, vni);
    p[7] = 0;
  }
  bool operator==(const Vxlan&) const = default;
};

/// ECN of the inner header after decapsulation, by RFC 6040 section 4.2 (normal
/// mode). `drop` says that the packet has to go: CE arrived on a packet whose end
/// could not be told.
inline std::uint8_t ecn_decapsulated(std::uint8_t inner, std::uint8_t outer, bool& drop) {
  drop = inner == kNotEct && outer == kCongestionExperienced;
  if (inner == kNotEct || inner == kCongestionExperienced) return inner;
  if (outer == kCongestionExperienced) return kCongestionExperienced;
  // ECT(1) outside marks a weaker signal, which survives on ECT(0).
  return outer == kEct1 ? std::uint8_t{kEct1} : inner;
}

}  // namespace emu::wire
