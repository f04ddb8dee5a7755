// SPDX-License-Identifier: Apache-2.0
// IPv4 and IPv6 headers.
// Source: RFC 791, RFC 8200; DSCP RFC 2474, ECN RFC 3168 section 5.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "bytes.h"
#include "checksum.h"

namespace emu::wire {

/// ECN field of the IP header.
enum Ecn : std::uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCongestionExperienced = 3 };

enum IpProtocol : std::uint8_t { kProtoIcmp = 1, kProtoTcp = 6, kProtoUdp = 17, kProtoIcmpv6 = 58 };

struct Ipv4 {
  static constexpr std::size_t kBytes = 20;  // without options
  static constexpr std::uint16_t kDontFragment = 0x4000;
  static constexpr std::uint16_t kMoreFragments = 0x2000;

  std::uint8_t header_words = 5;  // IHL; options are the words above 5
  std::uint8_t dscp = 0;
  std::uint8_t ecn = kNotEct;
  std::uint16_t total_bytes = 0;  // header included
  std::uint16_t id = 0;
  std::uint16_t fragment = 0;  // flags and offset as on the wire
  std::uint8_t ttl = 64;
  std::uint8_t protocol = kProtoUdp;
  std::uint16_t checksum = 0;  // as found; write() computes its own
  std::uint32_t src = 0;
  std::uint32_t dst = 0;

  static std::uint8_t version(const std::uint8_t* p) { return p[0] >> 4; }
  std::size_t header_bytes() const { return std::size_t{header_words} * 4; }
  bool is_fragment() const { return (fragment & 0x3FFF) != 0; }

  static Ipv4 read(const std::uint8_t* p) {
    return {.header_words = static_cast<std::uint8_t>(p[0] & 0x0F),
            .dscp = static_cast<std::uint8_t>(p[1] >> 2),
            .ecn = static_cast<std::uint8_t>(p[1] & 3),
            .total_bytes = load_be16(p + 2),
            .id = load_be16(p + 4),
            .fragment = load_be16(p + 6),
            .ttl = p[8],
            .protocol = p[9],
            .checksum = load_be16(p + 10),
            .src = load_be32(p + 12),
            .dst = load_be32(p + 16)};
  }

  /// Writes the header without options, with the right checksum.
  void write(std::uint8_t* p) const {
    p[0] = 0x45;
    p[1] = static_cast<std::uint8_t>((dscp << 2) | (ecn & 3));
    store_be16(p + 2, total_bytes);
    store_be16(p + 4, id);
    store_be16(p + 6, fragment);
    p[8] = ttl;
    p[9] = protocol;
    store_be16(p + 10, 0);
    store_be32(p + 12, src);
    store_be32(p + 16, dst);
    store_be16(p + 10, checksum16(p, kBytes));
  }

  /// Is the checksum right? `p` holds the whole header, options included.
  static bool checksum_ok(const std::uint8_t* p) {
    return checksum16(p, std::size_t{p[0] & 0x0FU} * 4) == 0;
  }
  bool operator==(const Ipv4&) const = default;
};

struct Ipv6 {
  static constexpr std::size_t kBytes = 40;
  using Address = std::array<std::uint8_t, 16>;

  std::uint8_t dscp = 0;
  std::uint8_t ecn = kNotEct;
  std::uint32_t flow_label = 0;     // 20 bits
  std::uint16_t payload_bytes = 0;  // without this header
  std::uint8_t next_header = kProtoUdp;
  std::uint8_t hop_limit = 64;
  Address src{};
  Address dst{};

  static Ipv6 read(const std::uint8_t* p) {
    const std::uint32_t first = load_be32(p);
    Ipv6 h;
    h.dscp = static_cast<std::uint8_t>((first >> 22) & 0x3F);
    h.ecn = static_cast<std::uint8_t>((first >> 20) & 3);
    h.flow_label = first & 0xFFFFF;
    h.payload_bytes = load_be16(p + 4);
    h.next_header = p[6];
    h.hop_limit = p[7];
    std::copy_n(p + 8, 16, h.src.begin());
    std::copy_n(p + 24, 16, h.dst.begin());
    return h;
  }
  void write(std::uint8_t* p) const {
    store_be32(p, (6U << 28) | (static_cast<std::uint32_t>(dscp) << 22) |
                      (static_cast<std::uint32_t>(ecn & 3) << 20) | (flow_label & 0xFFFFF));
    store_be16(p + 4, payload_bytes);
    p[6] = next_header;
    p[7] = hop_limit;
    std::copy_n(src.begin(), 16, p + 8);
    std::copy_n(dst.begin(), 16, p + 24);
  }
  bool operator==(const Ipv6&) const = default;
};

}  // namespace emu::wire
