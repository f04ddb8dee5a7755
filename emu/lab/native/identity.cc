// SPDX-License-Identifier: Apache-2.0
#include "emu/lab/native/identity.h"

#include <algorithm>
#include <cstring>

#include "emu/core/rng.h"
#include "emu/core/wire/bytes.h"
#include "emu/core/wire/checksum.h"
#include "emu/core/wire/ethernet.h"
#include "emu/core/wire/ip.h"
#include "emu/core/wire/udp.h"
#include "emu/core/wire/vxlan.h"

namespace emu::lab {

namespace {
/// Behind the IP header: UDP or TCP ports, BTH and RETH; a TCP sequence number.
constexpr std::size_t kTransportBytes = wire::Udp::kBytes + 28;

std::uint64_t digest(std::uint64_t state, const std::uint8_t* p, std::size_t n) {
  while (n > 0) {
    std::uint8_t word[8] = {};
    const std::size_t take = std::min<std::size_t>(8, n);
    std::memcpy(word, p, take);
    state = mix64(state ^ wire::load_be64(word)) + n;
    p += take;
    n -= take;
  }
  return state;
}
}  // namespace

Identity identify(const std::uint8_t* frame, std::size_t n) {
  Identity id;
  std::size_t at = 0;
  bool outer = true;
  for (;;) {
    if (n < at + wire::Ethernet::kBytes) break;
    std::uint16_t type = wire::load_be16(frame + at + 12);
    at += wire::Ethernet::kBytes;
    while (type == wire::kEtherVlan && n >= at + wire::Vlan::kBytes) {
      type = wire::load_be16(frame + at + 2);
      at += wire::Vlan::kBytes;
    }
    id.key = digest(type, nullptr, 0);
    if (type == wire::kEtherIpv4 && n >= at + wire::Ipv4::kBytes) {
      const std::uint8_t* const ip = frame + at;
      const std::size_t header = std::size_t{ip[0] & 0x0FU} * 4;
      if (header < wire::Ipv4::kBytes || n < at + header) break;
      id.ip = true;
      id.inner_tos = ip[1];
      id.inner_at = static_cast<std::uint32_t>(at);
      if (outer) {
        id.outer_tos = ip[1];
        id.outer_at = id.inner_at;
        id.ttl = ip[8];
      }
      const std::size_t behind = at + header;
      if (outer && ip[9] == wire::kProtoUdp &&
          n >= behind + wire::Udp::kBytes + wire::Vxlan::kBytes &&
          wire::load_be16(frame + behind + 2) == wire::kPortVxlan) {
        id.encapsulated = true;
        outer = false;
        at = behind + wire::Udp::kBytes + wire::Vxlan::kBytes;
        continue;
      }
      std::uint8_t fixed[15];  // length, id, fragment; protocol; addresses
      std::memcpy(fixed, ip + 2, 6);
      fixed[6] = ip[9];
      std::memcpy(fixed + 7, ip + 12, 8);
      id.key = digest(mix64(type), fixed, sizeof fixed);
      // An Ethernet frame may carry padding behind the packet: it does not count.
      const std::size_t end = std::min<std::size_t>(n, at + wire::load_be16(ip + 2));
      if (end > behind) {
        id.key = digest(id.key, frame + behind, std::min(end - behind, kTransportBytes));
      }
      return id;
    }
    if (type == wire::kEtherIpv6 && n >= at + wire::Ipv6::kBytes) {
      const std::uint8_t* const ip = frame + at;
      std::uint8_t fixed[35];  // payload length, next header; addresses
      std::memcpy(fixed, ip + 4, 3);
      std::memcpy(fixed + 3, ip + 8, 32);
      id.key = digest(mix64(type), fixed, sizeof fixed);
      const std::size_t behind = at + wire::Ipv6::kBytes;
      id.key = digest(id.key, frame + behind, std::min(n - behind, kTransportBytes));
      return id;
    }
    // ARP and everything else crosses bridges only, which change nothing but padding.
    id.key = digest(mix64(type), frame + at, std::min<std::size_t>(n - at, 28));
    return id;
  }
  id.key = digest(id.key, frame, std::min<std::size_t>(n, 64));
  return id;
}

void set_ecn(std::uint8_t* ip, std::uint8_t ecn) {
  ip[1] = static_cast<std::uint8_t>((ip[1] & 0xFC) | (ecn & 3));
  wire::store_be16(ip + 10, 0);
  wire::store_be16(ip + 10, wire::checksum16(ip, std::size_t{ip[0] & 0x0FU} * 4));
}

}  // namespace emu::lab
