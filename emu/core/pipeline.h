// SPDX-License-Identifier: Apache-2.0
// The way of most packets through a switch's pipeline: one look-up, and on to
// the buffer. In the header because every packet-hop runs through it. Only a
// packet that has several next hops, at a switch that does not go by the hash,
// asks a routing policy.
//
// Invariant: what is decided here is what Lane::forward() would decide.
#pragma once

#include "buffer.h"

namespace emu {

/// The member of a group that this packet takes.
inline std::uint32_t Lane::pick_port(Switch& sw, std::uint16_t group, const Packet& packet,
                                     Ps now) {
  const Groups& groups = tables_->groups;
  const SwitchTables& table = *sw.table;
  if (table.by_hash || groups.count(group) == 1) {
    return groups.pick(group, packet.entropy, table.hash_seed);
  }
  return pick_by_policy(sw, group, packet, now);
}

/// Where a packet will leave a switch, if its header alone decides that; kNone if
/// it depends on what else has happened until it comes. A window's packets are
/// looked up one after the other, before any is moved: their cache misses overlap.
[[gnu::always_inline]] inline std::uint32_t Lane::look_up(const Switch& sw,
                                                          const Packet& packet) const {
  const SwitchTables& table = *sw.table;
  if (!sw.routes || packet.route == kBroadcast) return kNone;
  const std::uint16_t value = table.fib[packet.route];
  if (value >= kTunnelBit) [[unlikely]]
    return kNone;
  const std::uint32_t out = tables_->groups.pick(value, packet.entropy, table);
  if (out == kNoMember) [[unlikely]]
    return kNone;
  const std::uint32_t index = out - sw.first_port;
  const std::uint32_t priority = packet.current_priority();
  __builtin_prefetch(&sw.port[index], 1);
  __builtin_prefetch(&sw.queue[index * kPriorities + priority], 1);
  __builtin_prefetch(&sw.group[packet.ingress * kPriorities + priority], 1);
  return index;
}

/// A packet has come out of the pipeline at `now`; `out` as it was looked up.
[[gnu::always_inline]] inline void Lane::receive(Switch& sw, std::uint32_t index, std::uint32_t out,
                                                 Packet& packet, Ps now) {
  // A router discards what would leave it with a TTL of 0 (RFC 1812 §5.3.1).
  if (out == kNone || packet.hops >= kInitialTtl - 1) [[unlikely]] {
    receive_closely(sw, index, packet, now);
    return;
  }
  ++packet.hops;
  packet.ingress = IngressTag::pack(index, packet.current_priority());
  admit(sw, out, packet, now);
}

}  // namespace emu
