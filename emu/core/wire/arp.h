// SPDX-License-Identifier: Apache-2.0
// ARP for IPv4 over Ethernet. Source: RFC 826.
#pragma once

#include <algorithm>
#include <cstdint>

#include "bytes.h"
#include "ethernet.h"

namespace emu::wire {

struct Arp {
  static constexpr std::size_t kBytes = 28;
  static constexpr std::uint16_t kRequest = 1;
  static constexpr std::uint16_t kReply = 2;
  std::uint16_t operation = kRequest;
  Mac sender_mac{};
  std::uint32_t sender_ip = 0;
  Mac target_mac{};
  std::uint32_t target_ip = 0;

  /// Is this ARP for IPv4 over Ethernet? No other kind can be read.
  static bool readable(const std::uint8_t* p) {
    return load_be16(p) == 1 && load_be16(p + 2) == kEtherIpv4 && p[4] == 6 && p[5] == 4;
  }
  static Arp read(const std::uint8_t* p) {
    Arp h;
    h.operation = load_be16(p + 6);
    std::copy_n(p + 8, 6, h.sender_mac.begin());
    h.sender_ip = load_be32(p + 14);
    std::copy_n(p + 18, 6, h.target_mac.begin());
    h.target_ip = load_be32(p + 24);
    return h;
  }
  void write(std::uint8_t* p) const {
    store_be16(p, 1);
    store_be16(p + 2, kEtherIpv4);
    p[4] = 6;
    p[5] = 4;
    store_be16(p + 6, operation);
    std::copy_n(sender_mac.begin(), 6, p + 8);
    store_be32(p + 14, sender_ip);
    std::copy_n(target_mac.begin(), 6, p + 18);
    store_be32(p + 24, target_ip);
  }
  bool operator==(const Arp&) const = default;
};

}  // namespace emu::wire
