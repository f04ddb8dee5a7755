// SPDX-License-Identifier: Apache-2.0
// What a packet is, in the words of the summary: the innermost thing recognised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ethernet.h"
#include "ip.h"

namespace emu::wire {

enum class Protocol : std::uint8_t {
  kRoce,
  kCnp,
  kPfc,
  kPause,
  kTcp,
  kBgp,
  kUdp,
  kBfd,
  kDhcp,
  kIcmp,
  kIcmpv6,
  kIpv4,
  kIpv6,
  kFragment,
  kArp,
  kLldp,
  kLacp,
  kStp,
  kMacControl,
  kRoceV1,
  kEthernet,
  kCutShort,
  kOtherLink,
  kCount
};

inline constexpr std::size_t kProtocols = static_cast<std::size_t>(Protocol::kCount);

inline constexpr std::array<std::string_view, kProtocols> kProtocolNames = {
    "RoCEv2",    "CNP",       "PFC",  "PAUSE",  "TCP",         "BGP",    "UDP",
    "BFD",       "DHCP",      "ICMP", "ICMPv6", "IPv4",        "IPv6",   "IP fragment",
    "ARP",       "LLDP",      "LACP", "STP",    "MAC control", "RoCEv1", "other Ethernet",
    "cut short", "other link"};

/// By well-known port (IANA); either side may have it.
inline Protocol protocol_of_tcp(std::uint16_t src, std::uint16_t dst) {
  return src == 179 || dst == 179 ? Protocol::kBgp : Protocol::kTcp;
}
inline Protocol protocol_of_udp(std::uint16_t src, std::uint16_t dst) {
  if (dst == 3784 || dst == 3785 || dst == 4784 || dst == 7784) return Protocol::kBfd;
  if (dst == 67 || dst == 68 || src == 67 || dst == 546 || dst == 547) return Protocol::kDhcp;
  return Protocol::kUdp;
}
inline Protocol protocol_of_type(std::uint16_t type) {
  switch (type) {
    case kEtherArp:
      return Protocol::kArp;
    case kEtherLldp:
      return Protocol::kLldp;
    case 0x8809:  // IEEE 802.3 slow protocols
      return Protocol::kLacp;
    case 0x8915:  // RDMA over Converged Ethernet, version 1
      return Protocol::kRoceV1;
    default:
      return Protocol::kEthernet;
  }
}

}  // namespace emu::wire
