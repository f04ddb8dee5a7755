// SPDX-License-Identifier: Apache-2.0
// The forwarding pipeline: look up, encapsulate, replicate, learn.
#include "pipeline.h"

#include <algorithm>

#include "engine.h"
#include "routing/next_hops.h"

namespace emu {

/// Puts the packet into a VXLAN tunnel to `vtep`.
void Lane::encapsulate(Switch& sw, Packet& packet, std::uint16_t vtep) {
  const Overlay& overlay = tables_->overlay;
  const std::uint8_t inner = packet.current_priority();
  packet.priority = static_cast<std::uint8_t>((inner << 4) | (overlay.dscp_copy_encap ? inner : 0));
  packet.flags |= kEncap;
  packet.flags &= static_cast<std::uint8_t>(~(kOuterEct | kOuterCe));
  if (overlay.ecn_copy_encap) {
    if ((packet.flags & kEct) != 0) packet.flags |= kOuterEct;
    if ((packet.flags & kCe) != 0) packet.flags |= kOuterCe;
  }
  packet.bytes = static_cast<std::uint16_t>(packet.bytes + overlay.overhead_bytes);
  packet.route = static_cast<std::uint16_t>(tables_->endpoints + vtep);
  const SwitchTables& table = tables_->switches[sw.row];
  const auto own = static_cast<std::uint32_t>(table.vtep);
  packet.entropy = sprayed(packet) ? outer_sprayed_entropy(packet.entropy, own, vtep)
                                   : outer_entropy(packet.entropy, own, vtep);
}

void Lane::decapsulate(Packet& packet) {
  const Overlay& overlay = tables_->overlay;
  if (overlay.ecn_copy_decap && (packet.flags & kOuterCe) != 0 && (packet.flags & kEct) != 0) {
    packet.flags |= kCe;  // RFC 6040 §4.2; an outer CE on a Not-ECT inner would be a drop
  }
  const std::uint8_t outer = packet.current_priority();
  const auto inner = static_cast<std::uint8_t>(packet.priority >> 4);
  packet.priority = overlay.dscp_copy_decap ? outer : inner;
  packet.flags &= static_cast<std::uint8_t>(~(kEncap | kOuterEct | kOuterCe));
  packet.bytes = static_cast<std::uint16_t>(packet.bytes - overlay.overhead_bytes);
  packet.route = packet.dst;
  packet.entropy = entropy_of(packet, qps_.data(), sprayed(packet));
}

/// A bridge remembers on which of its ports a source address was seen.
void Lane::learn(Switch& sw, const Packet& packet, std::int32_t group, Ps now) {
  if (group < 0) return;
  SwitchTables& table = tables_->switches[sw.row];
  const std::uint32_t source = source_of(packet, qps_.data());
  std::uint16_t& entry = table.fib[source];
  if (entry != group) {
    if (entry == kRouteFlood) {
      if (tables_->mac_table_max != 0 && table.macs >= tables_->mac_table_max) return;
      ++table.macs;
    }
    entry = static_cast<std::uint16_t>(group);
  }
  if (table.ageing) table.seen_us[source] = static_cast<std::uint32_t>(now / 1'000'000);
}

/// The member of a group with several that this packet takes, at a switch that
/// does not go by the plain hash.
std::uint32_t Lane::pick_by_policy(Switch& sw, std::uint16_t group, const Packet& packet, Ps now) {
  if (!hash_words_.empty()) [[unlikely]] {
    const Groups::Members members = tables_->groups.members(group);
    const std::size_t back = carries_data(packet.kind) ? 0 : 3;
    const std::uint32_t* words = &hash_words_[packet.qp * std::size_t{6} + back];
    const auto seed = static_cast<std::uint32_t>(sw.table->hash_seed);
    return members.ports[murmur3(words, 3, seed) % members.count];
  }
  const NextHops hops(*this, sw, group, packet, now);
  if (!carries_data(packet.kind)) return hops.member(hops.hashed());
  return hops.member(
      std::visit([&](auto& policy) { return policy.pick(hops, packet); }, sw.routing));
}

/// Do a switch's tables say where packets go, whenever and wherever they come in, and do
/// they all get there?
void Engine::note_routes(Switch& sw) const {
  const auto group = tables_.port_group.begin() + sw.first_port;
  sw.routes = !sw.table->bridged && std::none_of(group, group + sw.ports, [](std::int32_t g) {
    return g == kPortOutside || g == kPortBlocked;
  });
  sw.plain = sw.routes && std::none_of(sw.port, sw.port + sw.ports,
                                       [](const Port& port) { return port.impaired; });
}

/// A packet that has to be looked at when it comes, or at its end.
void Lane::receive_closely(Switch& sw, std::uint32_t index, Packet& packet, Ps now) {
  const std::uint32_t number = sw.first_port + index;
  const std::int32_t group = tables_->port_group[number];
  if (group == kPortOutside) {
    receive_outside(sw, number, packet, now);
    return;
  }
  if (group == kPortBlocked) {
    count_drop(number, packet, Drop::kStpBlocked);
    return;
  }
  if (++packet.hops >= kInitialTtl && tables_->decrement_ttl) {
    count_drop(number, packet, Drop::kHopLimit);
    return;
  }
  packet.ingress = IngressTag::pack(index, packet.current_priority());
  if (sw.table->bridged) learn(sw, packet, group, now);
  forward(sw, packet, number, now);
}

/// The whole pipeline: tunnels, floods, bridging.
void Lane::forward(Switch& sw, Packet& packet, std::uint32_t in_port, Ps now) {
  const SwitchTables& table = *sw.table;
  const std::uint16_t ingress = packet.ingress;
  std::int32_t flood_key = tables_->port_group[in_port];
  if ((packet.flags & kEncap) != 0 && table.fib[packet.route] == kRouteLocal) {
    decapsulate(packet);
    flood_key = kFromTunnel;
    if ((packet.flags & kFlooded) != 0) {
      flood(sw, packet, ingress, flood_key, now);
      return;
    }
  }
  if (packet.route == kBroadcast) {
    flood(sw, packet, ingress, flood_key, now);
    return;
  }
  std::uint16_t value = table.fib[packet.route];
  if (value == kRouteFlood ||
      (table.ageing && value < kTunnelBit &&
       now / 1'000'000 - table.seen_us[packet.route] > tables_->mac_age_ps / 1'000'000)) {
    flood(sw, packet, ingress, flood_key, now);
    return;
  }
  if (table.bridged && value == flood_key) {
    count_drop(in_port, packet, Drop::kSamePort);
    return;
  }
  if (value != kRouteDrop && (value & kTunnelBit) != 0) {
    const auto& vteps = tables_->tunnels[value & ~kTunnelBit];
    if (!vteps.empty()) {
      const auto pick = hash_member(packet.entropy, table.hash_seed ^ 0x7e9,
                                    static_cast<std::uint32_t>(vteps.size()));
      encapsulate(sw, packet, vteps[pick]);
      value = table.fib[packet.route];
    } else {
      value = kRouteDrop;
    }
  }
  if (value >= kTunnelBit || tables_->groups.count(value) == 0) {
    count_drop(in_port, packet, Drop::kNoRoute);
    return;
  }
  const std::uint32_t out = pick_port(sw, value, packet, now);
  admit(sw, out - sw.first_port, packet, now);
}

/// Copies a broadcast or unknown packet to every port of its flood domain and,
/// at an ingress VTEP, into a tunnel to every other one.
void Lane::flood(Switch& sw, const Packet& packet, std::uint16_t ingress, std::int32_t key,
                 Ps now) {
  const SwitchTables& table = tables_->switches[sw.row];
  std::vector<Copy> copies;
  const auto add = [&](std::uint16_t group, const Packet& copy) {
    if (tables_->groups.count(group) == 0) return;
    copies.emplace_back(tables_->groups.pick(group, copy.entropy, table.hash_seed), copy);
  };
  if (const auto found = table.flood.find(key); found != table.flood.end()) {
    Packet copy = packet;
    copy.flags &= static_cast<std::uint8_t>(~kFlooded);
    for (const std::uint16_t group : found->second) add(group, copy);
  }
  if (key != kFromTunnel) {
    for (const std::uint16_t vtep : table.flood_tunnels) {
      Packet copy = packet;
      copy.flags |= kFlooded;
      encapsulate(sw, copy, vtep);
      if (table.fib[copy.route] < kTunnelBit) add(table.fib[copy.route], copy);
    }
  }
  if (copies.empty()) {
    if (packet.route == kBroadcast) {  // the broadcast domain ends here
      ++totals_.discarded_packets;
      totals_.discarded_bytes += packet.bytes;
    } else {
      count_drop(sw.first_port + IngressTag::port(ingress), packet, Drop::kNoRoute);
    }
    return;
  }
  replicate(sw, packet, ingress, copies, now);
}

/// Queues the copies of one packet; they share one buffer charge until the last
/// has left. False when there was no buffer for them: one drop.
bool Lane::replicate(Switch& sw, const Packet& packet, std::uint16_t ingress,
                     std::vector<Copy>& copies, Ps now) {
  const std::uint32_t in = sw.first_port + IngressTag::port(ingress);
  ++totals_.flooded_packets;
  ++sw.flooded_packets;
  std::erase_if(copies, [&](const auto& copy) {
    totals_.flooded_bytes += copy.second.bytes;
    ++totals_.copied_packets;
    totals_.copied_bytes += copy.second.bytes;
    const std::uint32_t out = copy.first - sw.first_port;
    if (sw.port[out].backlog != 0) settle(sw, out, now);
    const std::uint32_t priority = copy.second.current_priority();
    if (sw.mmu.lossless(priority)) return false;
    const std::int64_t footprint = sw.mmu.footprint(copy.second.bytes);
    if (egress_accepts(sw, out, priority, footprint, now)) return false;
    count_drop(copy.first, copy.second, Drop::kEgressLimit);
    return true;
  });
  --totals_.copied_packets;  // the original is one of them
  totals_.copied_bytes -= packet.bytes;
  if (copies.empty()) return true;
  std::uint32_t size = 0;
  for (const auto& [out, copy] : copies) size = std::max<std::uint32_t>(size, copy.bytes);
  const bool exhausted =
      sw.free_replications.empty() && sw.replications.size() >= IngressTag::kReplicationsMax;
  if (exhausted || !take_buffer(sw, sw.mmu.footprint(size), packet, now)) {
    if (exhausted) count_drop(in, packet, Drop::kBufferFull);
    totals_.copied_packets -= copies.size() - 1;  // they were never made
    for (std::size_t i = 1; i < copies.size(); ++i) totals_.copied_bytes -= copies[i].second.bytes;
    return false;
  }
  std::uint32_t record_index = 0;
  if (sw.free_replications.empty()) {
    record_index = static_cast<std::uint32_t>(sw.replications.size());
    sw.replications.emplace_back();
  } else {
    record_index = sw.free_replications.back();
    sw.free_replications.pop_back();
  }
  sw.replications[record_index] = {static_cast<std::uint32_t>(copies.size()), ingress,
                                   sw.mmu.footprint(size)};
  for (auto& [out, copy] : copies) {
    copy.ingress = IngressTag::of_replication(record_index);
    enqueue(sw, out - sw.first_port, copy);
  }
  return true;
}

}  // namespace emu
