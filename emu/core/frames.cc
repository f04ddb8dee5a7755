// SPDX-License-Identifier: Apache-2.0
#include "frames.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "wire/arp.h"
#include "wire/icrc.h"
#include "wire/pfc.h"
#include "wire/udp.h"
#include "wire/vxlan.h"

namespace emu {

namespace {
constexpr wire::Mac kEverybody = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
constexpr std::uint8_t kTtl = kInitialTtl;
/// Where the buffers of queue pairs lie in their hosts' memory: 4 GiB of
/// addresses each, by queue pair.
constexpr std::uint64_t kBufferBase = 0x10'0000'0000'0000;

std::uint32_t opcode_of_data(const Packet& packet) {
  const bool first = (packet.flags & kFirst) != 0;
  const bool last = (packet.flags & kLast) != 0;
  if (packet.kind == Kind::kData) {
    if (first && last) return wire::kWriteOnlyImmediate;
    return first ? wire::kWriteFirst : last ? wire::kWriteLastImmediate : wire::kWriteMiddle;
  }
  if (first && last) return wire::kReadResponseOnly;
  return first  ? wire::kReadResponseFirst
         : last ? wire::kReadResponseLast
                : wire::kReadResponseMiddle;
}

std::uint8_t ecn_field(bool capable, bool marked) {
  if (marked) return wire::kCongestionExperienced;
  return capable ? wire::kEct0 : wire::kNotEct;
}
}  // namespace

/// What stands between UDP header and payload.
struct FrameEncoder::Headers {
  wire::Bth bth;
  std::optional<wire::Reth> reth;
  std::optional<wire::Aeth> aeth;
  std::optional<wire::ImmDt> immediate;
  std::uint32_t zeros = 0;         // reserved bytes of a CNP
  std::int32_t payload_bytes = 0;  // pad not included
  std::uint64_t payload_word = 0;  // where in the message the payload begins, 8-byte words
  std::uint32_t message = kNone;
};

FrameEncoder::FrameEncoder(const Engine& engine, FramePlan plan)
    : engine_(engine), plan_(std::move(plan)) {
  const std::size_t nodes = engine.nodes().size();
  if (plan_.node_mac.size() != nodes || plan_.node_tier.size() != nodes ||
      plan_.endpoint_ip.size() != engine.endpoints().size()) {
    throw std::invalid_argument("a frame plan names every node and every endpoint");
  }
  const std::size_t qps = engine.queue_pairs().size();
  if (plan_.src_qpn.size() != qps || plan_.dst_qpn.size() != qps || plan_.udp_sport.size() != qps) {
    throw std::invalid_argument("a frame plan names every queue pair");
  }
  vtep_of_node_.assign(nodes, -1);
  for (std::size_t v = 0; v < plan_.vtep_node.size(); ++v) {
    vtep_of_node_[plan_.vtep_node[v]] = static_cast<std::int32_t>(v);
  }
  cursors_.resize(qps);
  distances_.resize(nodes);
}

void FrameEncoder::encode(const Sighting& sighting, Payload payload, Frame& frame) {
  const Port& port = engine_.ports()[sighting.port];
  Ends ends{port.node, port.peer_node};
  if (!sighting.outbound) std::swap(ends.from, ends.to);
  frame.broadcast = frame.multicast = false;
  if (sighting.pfc) {
    pfc(sighting, ends, frame);
  } else {
    packet(sighting, ends, payload, frame);
  }
}

void FrameEncoder::pfc(const Sighting& sighting, const Ends& ends, Frame& frame) const {
  std::uint8_t* const begin = frame.data.data();
  std::fill_n(begin, wire::kFrameBytesMin, std::uint8_t{0});
  std::uint8_t* p =
      ethernet(begin, plan_.node_mac[ends.from], wire::kMacControlAddress, wire::kEtherMacControl);
  const std::uint8_t priority = sighting.packet.priority;
  const auto quanta = static_cast<std::uint16_t>(sighting.packet.psn);
  if (priority == kPauseOfLink) {
    wire::Pause{.quanta = quanta}.write(p);
  } else {
    wire::Pfc body;
    if (priority != kPauseOfNobody) {
      body.enabled = static_cast<std::uint16_t>(1U << priority);
      body.quanta[priority] = quanta;
    }
    body.write(p);
  }
  frame.captured = frame.length = wire::kFrameBytesMin;
  frame.multicast = true;
}

void FrameEncoder::packet(const Sighting& sighting, const Ends& ends, Payload payload,
                          Frame& frame) {
  const Packet& packet = sighting.packet;
  const std::uint32_t source = source_of(packet);
  const bool encapsulated = (packet.flags & kEncap) != 0;
  std::uint8_t* const begin = frame.data.data();
  std::uint8_t* p = begin;
  const wire::Mac* from = &plan_.node_mac[source];
  const wire::Mac* to = packet.dst == kBroadcast ? &kEverybody : &plan_.node_mac[packet.dst];
  if (encapsulated) {
    p = tunnel(p, packet, ends);
    if (plan_.routed) {  // between the routers at both ends of the tunnel (RFC 9135)
      from = &plan_.node_mac[plan_.vtep_node[ingress_vtep(packet)]];
      to = &plan_.node_mac[plan_.vtep_node[packet.route - engine_.endpoints().size()]];
    }
  } else if (plan_.routed) {
    from = &plan_.node_mac[ends.from];
    to = packet.hops == 0 ? &plan_.gateway_mac : &plan_.node_mac[ends.to];
  }
  frame.broadcast = packet.dst == kBroadcast && !encapsulated;
  const std::uint8_t* snap = nullptr;
  if (packet.kind == Kind::kArp) {
    p = ethernet(p, *from, *to, wire::kEtherArp);
    p = arp(p, sighting);
    const std::uint8_t* const end = begin + packet.bytes - wire::kFcsBytes;
    if (p < end) {
      std::fill(p, begin + packet.bytes - wire::kFcsBytes, std::uint8_t{0});
      p = begin + packet.bytes - wire::kFcsBytes;
    }
  } else {
    p = ethernet(p, *from, *to, wire::kEtherIpv4);
    p = roce(p, packet, inner_ttl(packet, ends), payload, &snap);
  }
  frame.length = static_cast<std::uint32_t>(p - begin);
  frame.captured = snap != nullptr ? static_cast<std::uint32_t>(snap - begin) : frame.length;
  if (frame.length + wire::kFcsBytes != packet.bytes) {
    throw std::logic_error("a frame has " + std::to_string(frame.length + wire::kFcsBytes) +
                           " bytes where the engine reckoned with " + std::to_string(packet.bytes));
  }
}

std::uint8_t* FrameEncoder::ethernet(std::uint8_t* p, const wire::Mac& from, const wire::Mac& to,
                                     std::uint16_t type) const {
  wire::Ethernet{to, from, type}.write(p);
  return p + wire::Ethernet::kBytes;
}

/// Outer Ethernet, IP, UDP and VXLAN headers (RFC 7348 section 5).
std::uint8_t* FrameEncoder::tunnel(std::uint8_t* p, const Packet& packet, const Ends& ends) {
  const std::uint32_t ingress = ingress_vtep(packet);
  const auto egress = packet.route - static_cast<std::uint32_t>(engine_.endpoints().size());
  const std::uint32_t leaf = plan_.vtep_node[ingress];
  std::size_t before = wire::Ethernet::kBytes;
  if (plan_.underlay_vlan != 0) {
    p = ethernet(p, plan_.node_mac[ends.from], plan_.node_mac[ends.to], wire::kEtherVlan);
    wire::Vlan tag;
    tag.pcp = packet.current_priority();
    tag.vid = plan_.underlay_vlan;
    tag.type = wire::kEtherIpv4;
    tag.write(p);
    p += wire::Vlan::kBytes;
    before += wire::Vlan::kBytes;
  } else {
    p = ethernet(p, plan_.node_mac[ends.from], plan_.node_mac[ends.to], wire::kEtherIpv4);
  }
  const std::size_t ip_bytes = packet.bytes - wire::kFcsBytes - before;
  // Hops since the tunnel began. It begins at the first switch, except where a
  // leaf that has lost its host sends on what came to it.
  const bool first = is_home(source_of(packet), leaf);
  const std::uint32_t hops = first ? packet.hops - 1U : distance(leaf, ends.from);
  wire::Ipv4 ip;
  ip.dscp = plan_.dscp[packet.current_priority()];
  ip.ecn = ecn_field((packet.flags & kOuterEct) != 0, (packet.flags & kOuterCe) != 0);
  ip.total_bytes = static_cast<std::uint16_t>(ip_bytes);
  ip.fragment = wire::Ipv4::kDontFragment;
  ip.ttl = static_cast<std::uint8_t>(kTtl - hops);
  ip.src = plan_.vtep_ip[ingress];
  ip.dst = plan_.vtep_ip[egress];
  ip.write(p);
  p += wire::Ipv4::kBytes;
  wire::Udp udp;
  const std::uint32_t inner = engine_.entropy_of(packet);
  udp.src = engine_.sprayed(packet) ? sprayed_port(inner) : outer_source_port(inner);
  udp.dst = wire::kPortVxlan;
  udp.bytes = static_cast<std::uint16_t>(ip_bytes - wire::Ipv4::kBytes);
  udp.write(p);
  p += wire::Udp::kBytes;
  wire::Vxlan vxlan;
  vxlan.vni = plan_.vni;
  vxlan.write(p);
  return p + wire::Vxlan::kBytes;
}

/// A request for one of the other addresses, a different one each time.
std::uint8_t* FrameEncoder::arp(std::uint8_t* p, const Sighting& sighting) const {
  const std::uint32_t endpoint = sighting.packet.qp;
  const auto others = static_cast<std::uint32_t>(plan_.endpoint_ip.size()) - 1;
  const std::uint32_t turn = sighting.packet.psn % std::max<std::uint32_t>(1, others);
  const auto target = static_cast<std::uint32_t>((endpoint + 1 + turn) % (others + 1));
  wire::Arp body;
  body.sender_mac = plan_.node_mac[endpoint];
  body.sender_ip = plan_.endpoint_ip[endpoint];
  body.target_ip = plan_.endpoint_ip[target];
  body.write(p);
  return p + wire::Arp::kBytes;
}

/// IP, UDP and what RoCEv2 puts into it.
std::uint8_t* FrameEncoder::roce(std::uint8_t* p, const Packet& packet, std::uint8_t ttl,
                                 Payload payload, const std::uint8_t** snap) {
  const QueuePair& qp = engine_.queue_pairs()[packet.qp];
  const bool forward = carries_data(packet.kind);
  const Headers headers = headers_of(packet);
  const std::uint32_t pad = headers.bth.pad;
  const std::size_t extensions = (headers.reth ? wire::Reth::kBytes : 0) +
                                 (headers.aeth ? wire::Aeth::kBytes : 0) +
                                 (headers.immediate ? wire::ImmDt::kBytes : 0) + headers.zeros;
  const std::size_t udp_bytes = wire::Udp::kBytes + wire::Bth::kBytes + extensions +
                                static_cast<std::size_t>(headers.payload_bytes) + pad +
                                wire::kIcrcBytes;
  std::uint8_t* const ip_begin = p;
  const bool encapsulated = (packet.flags & kEncap) != 0;
  const std::uint8_t priority = encapsulated ? packet.priority >> 4 : packet.current_priority();
  wire::Ipv4 ip;
  ip.dscp = plan_.dscp[priority];
  ip.ecn = ecn_field((packet.flags & kEct) != 0, (packet.flags & kCe) != 0);
  ip.total_bytes = static_cast<std::uint16_t>(wire::Ipv4::kBytes + udp_bytes);
  ip.fragment = wire::Ipv4::kDontFragment;
  ip.ttl = ttl;
  ip.src = plan_.endpoint_ip[forward ? qp.src : qp.dst];
  ip.dst = plan_.endpoint_ip[forward ? qp.dst : qp.src];
  ip.write(p);
  p += wire::Ipv4::kBytes;
  wire::Udp udp;
  udp.src = engine_.sprayed(packet) ? sprayed_port(packet.entropy) : plan_.udp_sport[packet.qp];
  udp.dst = wire::kPortRoce;
  udp.bytes = static_cast<std::uint16_t>(udp_bytes);
  udp.write(p);
  p += wire::Udp::kBytes;
  headers.bth.write(p);
  p += wire::Bth::kBytes;
  if (headers.reth) {
    headers.reth->write(p);
    p += wire::Reth::kBytes;
  }
  if (headers.aeth) {
    headers.aeth->write(p);
    p += wire::Aeth::kBytes;
  }
  if (headers.immediate) {
    headers.immediate->write(p);
    p += wire::ImmDt::kBytes;
  }
  std::fill_n(p, headers.zeros, std::uint8_t{0});
  p += headers.zeros;
  if (headers.payload_bytes > 0 && payload == Payload::kSnapped) {
    *snap = p;  // ICRC included: it covers what is not there
    return p + headers.payload_bytes + pad + wire::kIcrcBytes;
  }
  std::uint8_t* const body_end = p + headers.payload_bytes;
  const std::uint64_t high = static_cast<std::uint64_t>(headers.message) << 32;
  for (std::uint64_t word = headers.payload_word; p < body_end; p += 8, ++word) {
    wire::store_be64(p, high | (word & 0xFFFFFFFF));
  }
  p = body_end;
  std::fill_n(p, pad, std::uint8_t{0});
  p += pad;
  wire::icrc_store(p, wire::icrc(ip_begin, static_cast<std::size_t>(p - ip_begin)));
  return p + wire::kIcrcBytes;
}

FrameEncoder::Headers FrameEncoder::headers_of(const Packet& packet) {
  const QueuePair& qp = engine_.queue_pairs()[packet.qp];
  const bool forward = carries_data(packet.kind);
  const NicParams& nic = engine_.nic(qp.src);
  Headers h;
  h.bth.dest_qp = forward ? plan_.dst_qpn[packet.qp] : plan_.src_qpn[packet.qp];
  h.bth.psn = packet.psn & wire::kPsnMask;
  if (packet.kind == Kind::kCnp) {
    h.bth.opcode = wire::kCnp;
    h.bth.becn = true;
    h.zeros = wire::kCnpPaddingBytes;
    return h;
  }
  if (packet.kind == Kind::kAck || packet.kind == Kind::kNak) {
    // The engine names the PSN that is wanted next; an ACK on the wire names the
    // last one that it covers (IBTA vol. 1 section 9.7.5.1).
    const bool ack = packet.kind == Kind::kAck;
    h.bth.opcode = wire::kAcknowledge;
    if (ack) h.bth.psn = (packet.psn - 1) & wire::kPsnMask;
    const std::uint32_t msn = completed(packet.qp, packet.psn) & wire::kPsnMask;
    h.aeth = wire::Aeth{ack ? wire::kSyndromeAckUnlimited : wire::kNakPsnSequence, msn};
    return h;
  }
  const Cursor at = seek(packet.qp, packet.psn);
  const Message& message = engine_.messages()[at.message];
  const auto before = static_cast<std::int64_t>(packet.psn - message.first_psn) * nic.mtu;
  const wire::Reth reth{
      kBufferBase + (static_cast<std::uint64_t>(packet.qp) << 32) +
          static_cast<std::uint64_t>(packet.psn) * static_cast<std::uint64_t>(nic.mtu),
      packet.qp, static_cast<std::uint32_t>(message.bytes - before)};
  if (packet.kind == Kind::kReadRequest) {
    h.bth.opcode = wire::kReadRequest;
    h.bth.ack_request = true;
    h.reth = reth;
    return h;
  }
  const bool first = (packet.flags & kFirst) != 0;
  const bool last = (packet.flags & kLast) != 0;
  h.message = at.message;
  h.payload_bytes = payload_bytes(message, packet.psn, nic.mtu);
  h.payload_word = static_cast<std::uint64_t>(before) / 8;
  h.bth.opcode = static_cast<std::uint8_t>(opcode_of_data(packet));
  h.bth.pad = static_cast<std::uint8_t>((4 - h.payload_bytes % 4) % 4);
  if (packet.kind == Kind::kData) {
    // As the receiver of the engine acknowledges: every ack_interval packets
    // of a message, and its last one.
    const auto count = packet.psn - message.first_psn + 1;
    const auto interval = static_cast<std::uint32_t>(engine_.nic(qp.dst).ack_interval);
    h.bth.ack_request = last || count % interval == 0;
    if (first) h.reth = reth;
    if (last) h.immediate = wire::ImmDt{at.message};
  } else if (first || last) {
    h.aeth = wire::Aeth{wire::kSyndromeAckUnlimited, (at.ordinal + 1) & wire::kPsnMask};
  }
  return h;
}

std::uint32_t FrameEncoder::message_of(const Packet& packet) {
  switch (packet.kind) {
    case Kind::kArp:
    case Kind::kCnp:
      return kNone;
    case Kind::kAck:
      return seek(packet.qp, packet.psn == 0 ? 0 : packet.psn - 1).message;
    default:
      return seek(packet.qp, packet.psn).message;
  }
}

/// The message of a queue pair that holds a PSN: the next one or one near it,
/// almost always.
FrameEncoder::Cursor& FrameEncoder::seek(std::uint32_t qp, std::uint32_t psn) {
  const std::vector<Message>& messages = engine_.messages();
  Cursor& at = cursors_[qp];
  if (at.message == kNone) at.message = engine_.queue_pairs()[qp].first_message;
  while (psn < messages[at.message].first_psn) {
    at.message = messages[at.message].previous;
    --at.ordinal;
  }
  while (psn >= messages[at.message].end_psn() && messages[at.message].next != kNone) {
    at.message = messages[at.message].next;
    ++at.ordinal;
  }
  return at;
}

/// Messages of the queue pair of which everything is before `psn`.
std::uint32_t FrameEncoder::completed(std::uint32_t qp, std::uint32_t psn) {
  const Cursor& at = seek(qp, psn);
  return at.ordinal + (psn >= engine_.messages()[at.message].end_psn() ? 1 : 0);
}

std::uint32_t FrameEncoder::source_of(const Packet& packet) const {
  return engine_.source_of(packet);
}

/// VTEP that put the packet into its tunnel. The packet does not say it, but the
/// hash of its outer headers does.
std::uint32_t FrameEncoder::ingress_vtep(const Packet& packet) const {
  const std::uint32_t inner = engine_.entropy_of(packet);
  const auto egress = packet.route - static_cast<std::uint32_t>(engine_.endpoints().size());
  const auto made = [&](std::uint32_t vtep) {
    return (engine_.sprayed(packet) ? outer_sprayed_entropy(inner, vtep, egress)
                                    : outer_entropy(inner, vtep, egress)) == packet.entropy;
  };
  const Endpoint& source = engine_.endpoints()[source_of(packet)];
  for (std::uint32_t i = 0; i < source.ports; ++i) {
    const std::int32_t vtep = vtep_of_node_[engine_.ports()[source.first_port + i].peer_node];
    if (vtep >= 0 && made(static_cast<std::uint32_t>(vtep))) {
      return static_cast<std::uint32_t>(vtep);
    }
  }
  for (std::uint32_t vtep = 0; vtep < plan_.vtep_node.size(); ++vtep) {
    if (made(vtep)) return vtep;
  }
  throw std::logic_error("no VTEP of the plan made this tunnel");
}

/// TTL of the only, or of the inner, IP header: each router on the way has taken
/// one. Bridges and the underlay of a tunnel take none.
std::uint8_t FrameEncoder::inner_ttl(const Packet& packet, const Ends& ends) {
  if (!plan_.routed) return kTtl;
  if (plan_.vtep_node.empty()) return static_cast<std::uint8_t>(kTtl - packet.hops);
  const std::uint32_t source = source_of(packet);
  if ((packet.flags & kEncap) != 0) {
    const bool first = is_home(source, plan_.vtep_node[ingress_vtep(packet)]);
    return static_cast<std::uint8_t>(kTtl - (first ? 1 : 2));
  }
  if (packet.hops < 2) return static_cast<std::uint8_t>(kTtl - packet.hops);
  // Out of a tunnel: the routers at its two ends, or three where a leaf that has
  // lost its host sent the packet on.
  const Endpoint& endpoint = engine_.endpoints()[source];
  for (std::uint32_t i = 0; i < endpoint.ports; ++i) {
    const std::uint32_t home = engine_.ports()[endpoint.first_port + i].peer_node;
    if (distance(home, ends.from) + 1 == packet.hops) return kTtl - 2;
  }
  return kTtl - 3;
}

bool FrameEncoder::is_home(std::uint32_t endpoint, std::uint32_t node) const {
  const Endpoint& e = engine_.endpoints()[endpoint];
  for (std::uint32_t i = 0; i < e.ports; ++i) {
    if (engine_.ports()[e.first_port + i].peer_node == node) return true;
  }
  return false;
}

/// Links on the way from one switch up and down to another: the fewest, without
/// those between two of a tier, which a routed underlay does not use.
std::uint32_t FrameEncoder::distance(std::uint32_t from, std::uint32_t to) {
  std::vector<std::uint32_t>& row = distances_[from];
  if (row.empty()) {
    row.assign(engine_.nodes().size(), kNone);
    row[from] = 0;
    std::vector<std::uint32_t> reached{from};
    for (std::size_t i = 0; i < reached.size(); ++i) {
      const NodeRef& node = engine_.nodes()[reached[i]];
      if (!node.is_switch) continue;
      for (std::uint32_t k = 0; k < node.ports; ++k) {
        const std::uint32_t next = engine_.ports()[node.first_port + k].peer_node;
        if (row[next] != kNone || plan_.node_tier[next] == plan_.node_tier[reached[i]]) continue;
        row[next] = row[reached[i]] + 1;
        reached.push_back(next);
      }
    }
  }
  return row[to];
}

}  // namespace emu
