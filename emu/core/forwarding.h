// SPDX-License-Identifier: Apache-2.0
// Forwarding state: what a switch knows about where packets go.
//
// Invariant: everything a design decides is in these tables; the packet path
// has no branch on the name of a design. A table row says group (ECMP or LAG
// members of this switch), tunnel (VTEPs to encapsulate towards), DROP, FLOOD
// or LOCAL (this switch is that VTEP: decapsulate).
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "entropy.h"
#include "packet.h"
#include "rng.h"
#include "units.h"

namespace emu {

inline constexpr std::uint16_t kRouteDrop = 0xFFFF;
inline constexpr std::uint16_t kRouteFlood = 0xFFFE;
inline constexpr std::uint16_t kRouteLocal = 0xFFFD;
inline constexpr std::uint16_t kTunnelBit = 0x8000;

inline constexpr std::uint32_t kNoMember = 0xFFFFFFFF;

inline constexpr std::int32_t kPortBlocked = -1;  // spanning tree discards here
inline constexpr std::int32_t kNotLearned = -2;   // ingress on which no MAC is learned
inline constexpr std::int32_t kFromTunnel = -3;   // flooding key for decapsulated packets
inline constexpr std::int32_t kPortOutside = -4;  // what arrives is forwarded by somebody else

/// VXLAN as this fabric uses it (RFC 7348; ECN per RFC 6040).
struct Overlay {
  std::int32_t overhead_bytes = 0;
  bool ecn_copy_encap = true;
  bool ecn_copy_decap = true;
  bool dscp_copy_encap = true;
  bool dscp_copy_decap = true;
};

struct alignas(64) SwitchTables {
  std::vector<std::uint16_t> fib;  // by route: endpoints, then VTEPs
  std::uint64_t hash_seed = 0;
  std::int32_t vtep = -1;
  std::uint32_t macs = 0;  // bridged: learned entries
  bool bridged = false;
  bool ageing = false;                 // bridged: seen_us is kept
  bool by_hash = true;                 // the hash alone picks one of several next hops
  std::vector<std::uint32_t> seen_us;  // when the MAC was last seen, microseconds
  std::map<std::int32_t, std::vector<std::uint16_t>> flood;  // ingress group -> egress groups
  std::vector<std::uint16_t> flood_tunnels;                  // VTEPs for ingress replication
};

/// Sets of equivalent egress ports. Most have one member, which stands in the
/// entry itself; the others' members lie in one array.
class Groups {
 public:
  void clear() { *this = {}; }
  std::uint16_t add(const std::vector<std::uint32_t>& ports) {
    entries_.emplace_back();
    set(static_cast<std::uint32_t>(entries_.size() - 1), ports);
    return static_cast<std::uint16_t>(entries_.size() - 1);
  }
  void set(std::uint32_t group, const std::vector<std::uint32_t>& ports) {
    Entry& entry = entries_.at(group);
    entry.count = static_cast<std::uint32_t>(ports.size());
    if (ports.size() == 1) {
      entry.first = ports[0];
    } else {
      entry.first = static_cast<std::uint32_t>(members_.size());
      members_.insert(members_.end(), ports.begin(), ports.end());
    }
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(entries_.size()); }
  std::uint32_t count(std::uint32_t group) const { return entries_[group].count; }
  /// The members of a group with more than one; valid until the next set().
  struct Members {
    const std::uint32_t* ports;
    std::uint32_t count;
  };
  Members members(std::uint32_t group) const {
    const Entry entry = entries_[group];
    return {&members_[entry.first], entry.count};
  }
  /// The member that a hash picks; the group is not empty.
  std::uint32_t pick(std::uint32_t group, std::uint32_t entropy, std::uint64_t seed) const;
  /// The same at a switch, if the hash alone decides there; kNoMember if it does not.
  std::uint32_t pick(std::uint32_t group, std::uint32_t entropy, const SwitchTables& table) const;

 private:
  struct Entry {
    std::uint32_t count = 0;
    std::uint32_t first = 0;  // the port itself, or where the members begin
  };
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> members_;
};

struct ForwardingTables {
  Groups groups;
  std::vector<std::vector<std::uint16_t>> tunnels;  // VTEP numbers
  std::vector<std::int32_t> port_group;             // by port: group it is learned on
  std::vector<SwitchTables> switches;
  Overlay overlay;
  Ps mac_age_ps = 0;                // 0: entries do not age
  std::uint32_t mac_table_max = 0;  // 0: no limit
  std::uint32_t endpoints = 0;
  bool decrement_ttl = false;
};

/// Member of a group of `n` for a packet: the same packet fields always give
/// the same member at the same switch.
inline std::uint32_t hash_member(std::uint32_t entropy, std::uint64_t seed, std::uint32_t n) {
  const std::uint64_t h = mix64(seed ^ entropy) >> 32;
  return static_cast<std::uint32_t>((h * n) >> 32);
}

inline std::uint32_t Groups::pick(std::uint32_t group, std::uint32_t entropy,
                                  std::uint64_t seed) const {
  const Entry entry = entries_[group];
  if (entry.count == 1) return entry.first;
  return members_[entry.first + hash_member(entropy, seed, entry.count)];
}

inline std::uint32_t Groups::pick(std::uint32_t group, std::uint32_t entropy,
                                  const SwitchTables& table) const {
  const Entry entry = entries_[group];
  if (entry.count == 1) return entry.first;
  if (entry.count == 0 || !table.by_hash) return kNoMember;
  return members_[entry.first + hash_member(entropy, table.hash_seed, entry.count)];
}

/// The outer UDP source port keeps 14 bits of the inner hash (RFC 7348 §5:
/// 49152-65535), so that is all the entropy the underlay sees.
inline std::uint16_t outer_source_port(std::uint32_t inner) {
  return static_cast<std::uint16_t>(0xC000 | (mix64(inner) & 0x3FFF));
}

inline std::uint32_t outer_entropy(std::uint32_t inner, std::uint32_t vtep_src,
                                   std::uint32_t vtep_dst) {
  const std::uint64_t source_port = outer_source_port(inner) & 0x3FFF;
  return static_cast<std::uint32_t>(mix64((static_cast<std::uint64_t>(vtep_src) << 48) |
                                          (static_cast<std::uint64_t>(vtep_dst) << 32) |
                                          source_port));
}

/// The same where packets have entropy values: the tunnel's source port is the
/// value, so that the underlay sees the paths that the sender means.
inline std::uint32_t outer_sprayed_entropy(std::uint32_t inner, std::uint32_t vtep_src,
                                           std::uint32_t vtep_dst) {
  return with_value(outer_entropy(inner >> kEntropyBits, vtep_src, vtep_dst), inner);
}

}  // namespace emu
