// SPDX-License-Identifier: Apache-2.0
// The way of most packets through a switch's pipeline: one look-up, and on to
// the buffer. In the header because every packet-hop runs through it. Only a
// packet that has several next hops, at a switch that does not go by the hash,
// asks a routing policy.
//
// Invariant: what is decided here is what Engine::forward() would decide.
#pragma once

#include "buffer.h"

namespace emu {

/// The member of a group that this packet takes.
inline std::uint32_t Engine::pick_port(Switch& sw, std::uint16_t group, const Packet& packet,
                                       Ps now) {
  const Groups& groups = tables_.groups;
  const SwitchTables& table = *sw.table;
  if (table.by_hash || groups.count(group) == 1) {
    return groups.pick(group, packet.entropy, table.hash_seed);
  }
  return pick_by_policy(sw, group, packet, now);
}

[[gnu::always_inline]] inline void Engine::receive(Switch& sw, std::uint32_t index, Packet& packet,
                                                   Ps now) {
  const SwitchTables& table = *sw.table;
  const std::uint32_t number = sw.first_port + index;
  const std::int32_t group = tables_.port_group[number];
  if (group == kPortOutside) [[unlikely]] {
    receive_outside(sw, number, packet, now);
    return;
  }
  if (group == kPortBlocked) [[unlikely]] {
    count_drop(number, packet, Drop::kStpBlocked);
    return;
  }
  // A router discards what would leave it with a TTL of 0 (RFC 1812 §5.3.1).
  if (++packet.hops >= kInitialTtl && tables_.decrement_ttl) [[unlikely]] {
    count_drop(number, packet, Drop::kHopLimit);
    return;
  }
  const std::uint32_t priority = packet.current_priority();
  packet.ingress = IngressTag::pack(index, priority);
  if (packet.route != kBroadcast && !table.bridged) [[likely]] {
    const std::uint16_t value = table.fib[packet.route];
    if (value < kTunnelBit && tables_.groups.count(value) != 0) [[likely]] {
      const std::uint32_t out = pick_port(sw, value, packet, now);
      admit(sw, index, priority, out - sw.first_port, packet, now);
      return;
    }
  }
  if (table.bridged) learn(sw, packet, group, now);
  forward(sw, packet, number, now);
}

}  // namespace emu
