// SPDX-License-Identifier: Apache-2.0
// Ethernet II and the 802.1Q tag.
//
// As in every codec here, `read` and `write` take a pointer to at least kBytes
// bytes (the caller has compared lengths) and never look further.
// Source: IEEE 802.3 clause 3, IEEE 802.1Q clause 9.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "bytes.h"

namespace emu::wire {

using Mac = std::array<std::uint8_t, 6>;

enum EtherType : std::uint16_t {
  kEtherIpv4 = 0x0800,
  kEtherArp = 0x0806,
  kEtherVlan = 0x8100,
  kEtherIpv6 = 0x86DD,
  kEtherMacControl = 0x8808,
  kEtherProviderVlan = 0x88A8,
  kEtherLldp = 0x88CC,
};

/// Below this the field is a length (802.3) and not a type.
inline constexpr std::uint16_t kEtherTypeMin = 0x0600;
/// Shortest frame without its FCS; shorter ones are padded with zeros.
inline constexpr std::size_t kFrameBytesMin = 60;
inline constexpr std::size_t kFcsBytes = 4;

struct Ethernet {
  static constexpr std::size_t kBytes = 14;
  Mac dst{};
  Mac src{};
  std::uint16_t type = 0;  // of what follows: of the tag when there is one

  static Ethernet read(const std::uint8_t* p) {
    Ethernet h;
    std::copy_n(p, 6, h.dst.begin());
    std::copy_n(p + 6, 6, h.src.begin());
    h.type = load_be16(p + 12);
    return h;
  }
  void write(std::uint8_t* p) const {
    std::copy_n(dst.begin(), 6, p);
    std::copy_n(src.begin(), 6, p + 6);
    store_be16(p + 12, type);
  }
  bool operator==(const Ethernet&) const = default;
};

/// What stands behind the type field kEtherVlan: tag control and the next type.
struct Vlan {
  static constexpr std::size_t kBytes = 4;
  std::uint8_t pcp = 0;    // priority code point, 0 to 7
  bool dei = false;        // drop eligible
  std::uint16_t vid = 0;   // VLAN id, 12 bits
  std::uint16_t type = 0;  // of what follows

  static Vlan read(const std::uint8_t* p) {
    const std::uint16_t control = load_be16(p);
    return {.pcp = static_cast<std::uint8_t>(control >> 13),
            .dei = (control & 0x1000) != 0,
            .vid = static_cast<std::uint16_t>(control & 0x0FFF),
            .type = load_be16(p + 2)};
  }
  void write(std::uint8_t* p) const {
    store_be16(p, static_cast<std::uint16_t>((pcp << 13) | (dei ? 0x1000 : 0) | (vid & 0x0FFF)));
    store_be16(p + 2, type);
  }
  bool operator==(const Vlan&) const = default;
};

}  // namespace emu::wire
