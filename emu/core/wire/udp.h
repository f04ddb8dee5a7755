// SPDX-License-Identifier: Apache-2.0
// UDP: header, checksum over either IP, and the ports that matter here.
// Source: RFC 768; RFC 8200 section 8.1 (mandatory over IPv6); RFC 6935 (zero allowed
// for tunnels). Source port of RoCEv2 from a flow label: rdma-core, verbs.h.
#pragma once

#include <cstdint>

#include "bytes.h"
#include "checksum.h"
#include "ip.h"

namespace emu::wire {

inline constexpr std::uint16_t kPortRoce = 4791;   // IBTA annex A17
inline constexpr std::uint16_t kPortVxlan = 4789;  // RFC 7348 section 5

struct Udp {
  static constexpr std::size_t kBytes = 8;
  std::uint16_t src = 0;
  std::uint16_t dst = 0;
  std::uint16_t bytes = 0;     // header included
  std::uint16_t checksum = 0;  // 0: none (what RoCEv2 and VXLAN send over IPv4)

  static Udp read(const std::uint8_t* p) {
    return {.src = load_be16(p),
            .dst = load_be16(p + 2),
            .bytes = load_be16(p + 4),
            .checksum = load_be16(p + 6)};
  }
  void write(std::uint8_t* p) const {
    store_be16(p, src);
    store_be16(p + 2, dst);
    store_be16(p + 4, bytes);
    store_be16(p + 6, checksum);
  }

  /// Checksum of the datagram behind an IP header at `ip` (its version says which
  /// pseudo header). The checksum field is taken as it is: zero there computes the
  /// value to send, and over a right datagram the result is zero.
  static std::uint16_t checksum_of(const std::uint8_t* ip, const std::uint8_t* udp,
                                   std::size_t udp_bytes) {
    std::uint64_t sum = Ipv4::version(ip) == 4 ? sum16(ip + 12, 8) : sum16(ip + 8, 32);
    sum += kProtoUdp + udp_bytes;
    return fold16(sum16(udp, udp_bytes, sum));
  }
  bool operator==(const Udp&) const = default;
};

/// Source port that a RoCEv2 NIC derives from a 20-bit flow label.
inline std::uint16_t roce_source_port(std::uint32_t flow_label) {
  const std::uint32_t folded = (flow_label & 0x3FFF) ^ ((flow_label & 0xFC000) >> 14);
  return static_cast<std::uint16_t>(folded | 0xC000);
}

}  // namespace emu::wire
