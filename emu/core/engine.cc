// SPDX-License-Identifier: Apache-2.0
// Construction of a fabric.
#include "engine.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace emu {

namespace {
/// No longer than this, so that a window brings few packets of each wire; real
/// fabrics have windows well below it.
constexpr Ps kWindowMaxPs = 2'000'000;
/// A cut-through switch forwards once it has the headers.
constexpr std::int32_t kCutThroughBytes = kMinFrameBytes;
}  // namespace

std::uint32_t Engine::add_switch_profile(const SwitchProfile& profile) {
  switch_profiles_.push_back(profile);
  return static_cast<std::uint32_t>(switch_profiles_.size() - 1);
}

std::uint32_t Engine::add_nic_profile(const NicParams& profile) {
  nic_profiles_.push_back(profile);
  return static_cast<std::uint32_t>(nic_profiles_.size() - 1);
}

std::uint32_t Engine::add_ecn_profile(const EcnProfile& profile) {
  ecn_profiles_.push_back(profile);
  return static_cast<std::uint32_t>(ecn_profiles_.size() - 1);
}

void Engine::add_endpoint(std::uint32_t ports, std::uint32_t profile, Ps receive_ps) {
  if (!switches_.empty()) throw std::logic_error("endpoints come before switches");
  const auto node = static_cast<std::uint32_t>(nodes_.size());
  const auto first = static_cast<std::uint32_t>(ports_.size());
  Endpoint& ep = endpoints_.emplace_back();
  ep.node = node;
  ep.first_port = first;
  ep.ports = ports;
  ep.profile = profile;
  nodes_.push_back(
      {node, static_cast<std::uint32_t>(endpoints_.size() - 1), first, ports, 0, 0, 0, false});
  receive_ps_.push_back(receive_ps);
  ports_.resize(first + ports);
  for (std::uint32_t i = 0; i < ports; ++i) {
    ports_[first + i].node = node;
    ports_[first + i].index = static_cast<std::uint16_t>(i);
  }
}

void Engine::add_switch(std::uint32_t ports, std::uint32_t profile) {
  if (ports > IngressTag::kPortsMax) throw std::invalid_argument("a switch has at most 4096 ports");
  const auto node = static_cast<std::uint32_t>(nodes_.size());
  const auto first = static_cast<std::uint32_t>(ports_.size());
  Switch& sw = switches_.emplace_back();
  sw.node = node;
  sw.row = static_cast<std::uint32_t>(switches_.size() - 1);
  sw.first_port = first;
  sw.ports = ports;
  sw.profile = profile;
  sw.active.resize((ports + 63) / 64);
  sw.heard.resize((ports + 63) / 64);
  nodes_.push_back(
      {node, static_cast<std::uint32_t>(switches_.size() - 1), first, ports, 0, 0, 0, true});
  receive_ps_.push_back(switch_profiles_[profile].pipeline_ps);
  ports_.resize(first + ports);
  for (std::uint32_t i = 0; i < ports; ++i) {
    ports_[first + i].node = node;
    ports_[first + i].index = static_cast<std::uint16_t>(i);
  }
  tables_.switches.emplace_back();
}

void Engine::connect(std::uint32_t a, std::uint32_t b, Bps rate_bps, Ps delay_ps) {
  reaction_ps_.resize(ports_.size());
  for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
    Port& port = ports_[from];
    port.rate = LinkRate(rate_bps, framing_.grain_ps);
    port.peer = to;
    port.peer_node = ports_[to].node;
    port.flight_ps = delay_ps + receive_ps_[port.peer_node];
    port.pfc_flight_ps = delay_ps;
  }
}

void Engine::set_port_pfc(std::uint32_t port, Ps reaction_ps) {
  reaction_ps_[port] = reaction_ps;
  ports_[ports_[port].peer].pfc_flight_ps += reaction_ps;
}

void Engine::set_port_ecn(std::uint32_t port, std::uint32_t profile) {
  ports_[port].ecn_profile = static_cast<std::uint16_t>(profile);
}

void Engine::set_headroom(std::uint32_t port, std::uint8_t priority, std::int64_t bytes) {
  pgs_.resize(ports_.size() * kPriorities);
  pgs_[port * kPriorities + priority].headroom_limit = bytes;
}

/// When the peer acts on what the port sends, by the port's rate.
void Engine::set_arrival(Port& port) const {
  const NodeRef& peer = nodes_[port.peer_node];
  port.header_ps = 0;
  port.arrival_ps_per_byte = 0;
  if (peer.is_switch && switch_profiles_[switches_[peer.index].profile].cut_through) {
    port.header_ps = port.rate.time_of(kCutThroughBytes + framing_.preamble_bytes);
  }
  // Bits cannot leave before they have come: where some port is faster, a
  // switch stores what it receives on a slower one.
  for (std::uint32_t i = 0; i < peer.ports && port.header_ps != 0; ++i) {
    if (ports_[peer.first_port + i].rate.bps > port.rate.bps) port.header_ps = 0;
  }
  port.arrival_ps = port.flight_ps + port.header_ps;
  if (port.header_ps == 0) {
    port.arrival_ps_per_byte = static_cast<std::uint32_t>(port.rate.ps_per_byte);
    port.arrival_ps += framing_.preamble_bytes * Ps{port.rate.ps_per_byte};
  }
}

void Engine::finish_build() {
  queues_.resize(ports_.size() * kPriorities);
  pgs_.resize(ports_.size() * kPriorities);
  hole_routes_.resize(ports_.size());
  drops_.resize(ports_.size());
  std::uint32_t words = 0;
  for (NodeRef& node : nodes_) {
    node.wire_word = words;
    for (std::uint32_t i = 0; i < node.ports; ++i) {
      ports_[node.first_port + i].wire_word = words + i / 64;
    }
    words += (node.ports + 63) / 64;
  }
  pfc_wires_.resize(ports_.size());
  pfc_coming_.assign(words, 0);
  for (Port& port : ports_) {
    port.to = &ports_[port.peer];
    port.peer_index = port.to->index;
    set_arrival(port);
  }
  unmarked_profile_ = static_cast<std::uint16_t>(add_ecn_profile({kNever, kNever, 1.0, 0}));
  Ps window = kWindowMaxPs;
  for (const Port& port : ports_) {
    if (port.rate.bps <= 0) throw std::invalid_argument("every port must be connected");
    const Ps frame = port.header_ps != 0
                         ? port.header_ps
                         : port.rate.time_of(framing_.shortest_bytes() + framing_.preamble_bytes);
    window = std::min({window, frame + port.flight_ps, frame + port.pfc_flight_ps});
  }
  window_ps_ = std::max<Ps>(1, window);
  for (Switch& sw : switches_) {
    const MmuParams& params = switch_profiles_[sw.profile].mmu;
    std::int64_t groups = 0;
    std::int64_t headroom = 0;
    for (std::uint32_t i = 0; i < sw.ports; ++i) {
      for (std::uint32_t p = 0; p < kPriorities; ++p) {
        if ((params.lossless >> p & 1) == 0) continue;
        ++groups;
        headroom += pgs_[(sw.first_port + i) * kPriorities + p].headroom_limit;
      }
    }
    sw.port = &ports_[sw.first_port];
    sw.queue = &queues_[std::size_t{sw.first_port} * kPriorities];
    sw.group = &pgs_[std::size_t{sw.first_port} * kPriorities];
    sw.table = &tables_.switches[sw.row];
    sw.chip = &switch_profiles_[sw.profile];
    sw.mmu = Mmu(params, groups, headroom);
    if (sw.mmu.pool_bytes() <= 0) {
      throw std::invalid_argument("reserved space and headroom leave no shared buffer");
    }
  }
  nic_ports_ = std::vector<NicPort>(endpoints_.empty()  ? 0
                                    : switches_.empty() ? ports_.size()
                                                        : switches_.front().first_port);
  for (const Kind kind : {Kind::kData, Kind::kReadData}) {
    for (std::uint32_t flags = 0; flags < 256; flags += 16) {
      Packet packet{};
      packet.kind = kind;
      packet.flags = static_cast<std::uint8_t>(flags);
      headers_[header_row(packet)] =
          static_cast<std::int16_t>(-payload_of(packet, tables_.overlay.overhead_bytes, framing_));
    }
  }
  middle_header_bytes_ = static_cast<std::uint32_t>(headers_[0]);
  tables_.endpoints = static_cast<std::uint32_t>(endpoints_.size());
  make_lanes();
  for (SwitchTables& table : tables_.switches) {
    if (table.bridged && tables_.mac_age_ps > 0) {
      table.ageing = true;
      table.seen_us.assign(table.fib.size(), 0);
    }
    if (!table.bridged) continue;
    for (std::uint32_t e = 0; e < tables_.endpoints; ++e) {
      table.macs += table.fib[e] != kRouteFlood ? 1 : 0;
    }
  }
  watch_queues();
  if (remote_.interval_ps != 0) prepare_remote_state();
  if (arp_.period_ps > 0) {
    for (Endpoint& ep : endpoints_) {
      const auto phase = static_cast<Ps>(mix64(seed_ ^ (0xa59ULL << 32 | ep.node)) %
                                         static_cast<std::uint64_t>(arp_.period_ps));
      lane_of(ep.node).arm(ep, phase, TimerKind::kArp, 0);
    }
  }
}

}  // namespace emu
