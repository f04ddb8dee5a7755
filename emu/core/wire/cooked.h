// SPDX-License-Identifier: Apache-2.0
// Linux cooked capture: what `tcpdump -i any` puts where the Ethernet header was.
// Source: the tcpdump group's LINKTYPE_LINUX_SLL (113) and LINKTYPE_LINUX_SLL2 (276).
#pragma once

#include <cstdint>

#include "bytes.h"

namespace emu::wire {

struct CookedV1 {
  static constexpr std::size_t kBytes = 16;
  std::uint16_t packet_type = 0;  // 0 to us, 1 broadcast, 2 multicast, 3 other, 4 from us
  std::uint16_t hardware = 1;     // ARPHRD, 1 = Ethernet
  std::uint16_t type = 0;         // EtherType of what follows

  static CookedV1 read(const std::uint8_t* p) {
    return {.packet_type = load_be16(p), .hardware = load_be16(p + 2), .type = load_be16(p + 14)};
  }
};

struct CookedV2 {
  static constexpr std::size_t kBytes = 20;
  std::uint16_t type = 0;
  std::uint32_t interface = 0;
  std::uint16_t hardware = 1;
  std::uint8_t packet_type = 0;

  static CookedV2 read(const std::uint8_t* p) {
    return {.type = load_be16(p),
            .interface = load_be32(p + 4),
            .hardware = load_be16(p + 8),
            .packet_type = p[10]};
  }
};

}  // namespace emu::wire
