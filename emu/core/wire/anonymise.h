// SPDX-License-Identifier: Apache-2.0
// Addresses become others, the same ones every time for the same key, and two
// addresses share as long a prefix afterwards as they did before.
//
// Bit i of the result is bit i of the address, turned or not by a keyed hash of the
// i bits before it (the construction of Crypto-PAn, with SipHash for AES). So a
// subnet stays a subnet and one key gives one pseudonym in every file. Ranges with a
// meaning of their own (multicast, loopback, unspecified, link-local) map into
// themselves. Source: Xu et al., "Prefix-preserving IP address anonymization", ICNP 2002.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "ethernet.h"
#include "ip.h"
#include "siphash.h"

namespace emu::wire {

class Anonymiser {
 public:
  explicit Anonymiser(const SipKey& key) : key_(key) {}

  std::uint32_t ipv4(std::uint32_t address);
  Ipv6::Address ipv6(const Ipv6::Address& address);

  /// Station addresses keep the bits that say group and locally administered; group
  /// addresses stay, but for those made from an IPv6 host's address.
  Mac mac(const Mac& address);

  /// Replaces every address in a captured frame, outer and inner, and sets to zero
  /// whatever lies behind the headers that are known: names and addresses hide there.
  ///
  /// IP, UDP, TCP and ICMP checksums and the ICRC stay right where they were right and
  /// wrong where they were wrong. `n` are the captured bytes.
  void frame(std::uint8_t* p, std::size_t n, std::uint16_t link_type);

 private:
  using Digits = std::array<std::uint8_t, 16>;

  struct Hash {
    std::size_t operator()(const Digits& d) const {
      return static_cast<std::size_t>(load_native<std::uint64_t>(d.data()) * 0x9E3779B97F4A7C15 ^
                                      load_native<std::uint64_t>(d.data() + 8));
    }
  };
  using Known = std::unordered_map<Digits, Digits, Hash>;

  void ethernet(std::uint8_t* p, std::size_t n);
  void by_type(std::uint16_t type, std::uint8_t* p, std::size_t n);
  void arp(std::uint8_t* p, std::size_t n);
  void ip4(std::uint8_t* p, std::size_t n);
  void ip6(std::uint8_t* p, std::size_t n);
  template <typename Readdress>
  void ip_packet(std::uint8_t* ip, std::span<const std::uint8_t> addresses, std::uint8_t protocol,
                 std::size_t head, std::size_t n, bool whole, bool later_fragment,
                 Readdress readdress);
  void transport(std::uint8_t protocol, std::uint8_t* p, std::size_t n);
  void replace_mac(std::uint8_t* p);

  SipKey key_;
  // Bounded by the number of addresses in the capture.
  Known known4_;
  Known known6_;
  Known known_mac_;
};

}  // namespace emu::wire
