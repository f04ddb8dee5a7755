// SPDX-License-Identifier: Apache-2.0
#include "dissect.h"

#include "cooked.h"
#include "icrc.h"
#include "udp.h"
#include "vxlan.h"

namespace emu::wire {

namespace {

using D = Dissected;

struct View {
  const std::uint8_t* data;
  std::uint32_t bytes;  // captured

  bool has(std::uint32_t at, std::size_t n) const { return at <= bytes && n <= bytes - at; }
};

void ip_layer(View v, std::uint32_t at, D& out, bool inside);

void mac_control(View v, std::uint32_t at, D& out) {
  if (!v.has(at, Pause::kBytes)) return;
  const std::uint16_t opcode = load_be16(v.data + at);
  out.protocol = Protocol::kMacControl;
  if (opcode == kMacControlPfc && v.has(at, Pfc::kBytes)) {
    out.protocol = Protocol::kPfc;
    out.pfc = Pfc::read(v.data + at);
    out.known |= D::kPfcFrame;
  } else if (opcode == kMacControlPause) {
    out.protocol = Protocol::kPause;
    out.pfc = {.opcode = opcode, .enabled = 0};
    out.pfc.quanta[0] = load_be16(v.data + at + 2);
    out.known |= D::kPauseFrame;
  }
}

/// What stands behind a type field; tags first. `inside` a tunnel only IP matters.
void ether_type(View v, std::uint32_t at, std::uint16_t type, D& out, bool inside) {
  // Two tags are provider bridging, three are nobody's: a hostile packet is all tags.
  for (int tags = 0; type == kEtherVlan || type == kEtherProviderVlan; ++tags) {
    if (!v.has(at, Vlan::kBytes) || tags == 3) return;
    const Vlan tag = Vlan::read(v.data + at);
    if (!inside && tags == 0) {
      out.pcp = tag.pcp;
      out.vid = tag.vid;
      out.known |= D::kTagged;
    }
    type = tag.type;
    at += Vlan::kBytes;
  }
  if (type == kEtherIpv4 || type == kEtherIpv6) {
    ip_layer(v, at, out, inside);
  } else if (type == kEtherMacControl && !inside) {
    mac_control(v, at, out);
  } else if (type < kEtherTypeMin) {
    // A length: LLC follows. 42-42-03 is spanning tree (IEEE 802.1D).
    const bool stp = v.has(at, 2) && v.data[at] == 0x42 && v.data[at + 1] == 0x42;
    out.protocol = stp ? Protocol::kStp : Protocol::kEthernet;
  } else {
    out.protocol = protocol_of_type(type);
  }
}

void ethernet(View v, std::uint32_t at, D& out, bool inside) {
  if (!v.has(at, Ethernet::kBytes)) return;
  const Ethernet eth = Ethernet::read(v.data + at);
  if (!inside) {
    out.src_mac = eth.src;
    out.known |= D::kMacs;
  }
  ether_type(v, at + Ethernet::kBytes, eth.type, out, inside);
}

/// Everything behind the UDP header of a packet to the RoCE port.
void roce(View v, std::uint32_t at, D& out) {
  // Too short for a BTH: what stands there is the padding of a short Ethernet frame.
  if (out.udp_bytes < Udp::kBytes + Bth::kBytes + kIcrcBytes) {
    out.protocol = Protocol::kUdp;
    out.length_bad = true;
    return;
  }
  if (!v.has(at, Bth::kBytes)) return;
  out.bth = Bth::read(v.data + at);
  out.known |= D::kBth;
  out.protocol = out.bth.opcode == kCnp ? Protocol::kCnp : Protocol::kRoce;
  const OpcodeInfo& info = opcode_info(out.bth.opcode);
  const auto used =
      static_cast<std::uint32_t>(Udp::kBytes + Bth::kBytes + info.extension_bytes + kIcrcBytes);
  const std::uint32_t rest = out.udp_bytes > used ? out.udp_bytes - used : 0;
  if (out.udp_bytes < used || out.bth.pad > rest ||
      out.ip.bytes != out.ip.header_bytes + out.udp_bytes) {
    out.length_bad = true;
  } else {
    out.payload_bytes = rest - out.bth.pad;
    if (!out.ip.extended && v.has(out.ip.offset, out.ip.bytes)) out.known |= D::kIcrcThere;
  }
  std::uint32_t next = at + static_cast<std::uint32_t>(Bth::kBytes);
  if ((info.carries & kHasDeth) != 0) next += 8;
  if ((info.carries & kHasXrcEth) != 0) next += 4;
  if ((info.carries & kHasReth) != 0) {
    if (v.has(next, Reth::kBytes)) {
      out.reth = Reth::read(v.data + next);
      out.known |= D::kReth;
    }
  } else if ((info.carries & kHasAeth) != 0 && v.has(next, Aeth::kBytes)) {
    out.aeth = Aeth::read(v.data + next);
    out.known |= D::kAeth;
  }
}

void udp(View v, std::uint32_t at, D& out, bool inside) {
  if (!v.has(at, Udp::kBytes)) return;
  const Udp header = Udp::read(v.data + at);
  if (!inside && header.dst == kPortVxlan && v.has(at + Udp::kBytes, Vxlan::kBytes)) {
    const Vxlan vxlan = Vxlan::read(v.data + at + Udp::kBytes);
    if ((vxlan.flags & Vxlan::kVniValid) != 0) {
      out.vni = vxlan.vni;
      out.outer = out.ip;
      out.ip = {};
      out.known = static_cast<std::uint16_t>((out.known & ~D::kIp) | D::kVxlan | D::kOuterIp);
      ethernet(v, static_cast<std::uint32_t>(at + Udp::kBytes + Vxlan::kBytes), out, true);
      return;
    }
  }
  out.src_port = header.src;
  out.dst_port = header.dst;
  out.udp_bytes = header.bytes;
  out.udp_checksum = header.checksum;
  out.known |= D::kUdpPorts;
  if (header.dst == kPortRoce) {
    roce(v, static_cast<std::uint32_t>(at + Udp::kBytes), out);
  } else {
    out.protocol = protocol_of_udp(header.src, header.dst);
  }
}

void transport(View v, std::uint32_t at, D& out, bool inside) {
  const IpInfo& ip = out.ip;
  if (ip.fragment) {
    out.protocol = Protocol::kFragment;
  } else if (ip.protocol == kProtoUdp) {
    udp(v, at, out, inside);
  } else if (ip.protocol == kProtoTcp) {
    if (v.has(at, 4)) {
      out.protocol = protocol_of_tcp(load_be16(v.data + at), load_be16(v.data + at + 2));
    }
  } else if (ip.protocol == kProtoIcmp) {
    out.protocol = Protocol::kIcmp;
  } else if (ip.protocol == kProtoIcmpv6) {
    out.protocol = Protocol::kIcmpv6;
  } else {
    out.protocol = ip.version == 4 ? Protocol::kIpv4 : Protocol::kIpv6;
  }
}

void ipv4(View v, std::uint32_t at, D& out, bool inside) {
  if (!v.has(at, Ipv4::kBytes)) return;
  const Ipv4 h = Ipv4::read(v.data + at);
  IpInfo& ip = out.ip;
  ip = {.src = Address::v4(h.src),
        .dst = Address::v4(h.dst),
        .offset = at,
        .header_bytes = static_cast<std::uint32_t>(h.header_bytes()),
        .bytes = h.total_bytes,
        .version = 4,
        .protocol = h.protocol,
        .dscp = h.dscp,
        .ecn = h.ecn,
        .ttl = h.ttl,
        .fragment = h.is_fragment()};
  out.known |= D::kIp;
  if (h.header_words < 5 || ip.bytes < ip.header_bytes) {
    out.protocol = Protocol::kIpv4;
    out.length_bad = true;
    return;
  }
  if (v.has(at, ip.header_bytes)) {
    ip.checksum_bad = !Ipv4::checksum_ok(v.data + at);
    transport(v, at + ip.header_bytes, out, inside);
  }
}

void ipv6(View v, std::uint32_t at, D& out, bool inside) {
  if (!v.has(at, Ipv6::kBytes)) return;
  const Ipv6 h = Ipv6::read(v.data + at);
  IpInfo& ip = out.ip;
  ip = {.src = {load_be64(v.data + at + 8), load_be64(v.data + at + 16)},
        .dst = {load_be64(v.data + at + 24), load_be64(v.data + at + 32)},
        .offset = at,
        .header_bytes = Ipv6::kBytes,
        .bytes = static_cast<std::uint32_t>(Ipv6::kBytes + h.payload_bytes),
        .version = 6,
        .protocol = h.next_header,
        .dscp = h.dscp,
        .ecn = h.ecn,
        .ttl = h.hop_limit};
  out.known |= D::kIp;
  // Hop-by-hop, routing, destination options, fragment (RFC 8200 section 4); a
  // packet with more than four of them is nobody's.
  for (int i = 0; i < 4; ++i) {
    const bool sized = ip.protocol == 0 || ip.protocol == 43 || ip.protocol == 60;
    if (!sized && ip.protocol != 44) break;
    const std::uint32_t next = at + ip.header_bytes;
    if (!v.has(next, 8)) return;
    if (ip.protocol == 44) ip.fragment = (load_be16(v.data + next + 2) & 0xFFF9) != 0;
    ip.extended = true;
    ip.protocol = v.data[next];
    ip.header_bytes += sized ? 8 + std::uint32_t{v.data[next + 1]} * 8 : 8;
  }
  if (ip.bytes < ip.header_bytes) {
    out.protocol = Protocol::kIpv6;
    out.length_bad = true;
    return;
  }
  if (v.has(at, ip.header_bytes)) transport(v, at + ip.header_bytes, out, inside);
}

void ip_layer(View v, std::uint32_t at, D& out, bool inside) {
  if (!v.has(at, 1)) return;
  const unsigned version = Ipv4::version(v.data + at);
  if (version == 4) {
    ipv4(v, at, out, inside);
  } else if (version == 6) {
    ipv6(v, at, out, inside);
  } else {
    out.protocol = Protocol::kEthernet;
  }
}

}  // namespace

void dissect(const Record& record, std::uint16_t link_type, Dissected& out) {
  out.known = 0;
  out.protocol = Protocol::kCutShort;
  out.length_bad = false;
  out.payload_bytes = 0;
  const View v{record.data, record.captured_bytes};
  switch (link_type) {
    case kLinkEthernet:
      ethernet(v, 0, out, false);
      break;
    case kLinkCookedV1:
      if (v.has(0, CookedV1::kBytes)) {
        ether_type(v, CookedV1::kBytes, CookedV1::read(v.data).type, out, false);
      }
      break;
    case kLinkCookedV2:
      if (v.has(0, CookedV2::kBytes)) {
        ether_type(v, CookedV2::kBytes, CookedV2::read(v.data).type, out, false);
      }
      break;
    case kLinkRaw:
    case kLinkIpv4:
    case kLinkIpv6:
      ip_layer(v, 0, out, false);
      break;
    default:
      out.protocol = Protocol::kOtherLink;
  }
}

bool icrc_ok(const Record& record, const Dissected& d) {
  const std::uint8_t* ip = record.data + d.ip.offset;
  const std::size_t covered = d.ip.bytes - kIcrcBytes;
  return icrc(ip, covered) == icrc_load(ip + covered);
}

bool udp_checksum_bad(const Record& record, const Dissected& d) {
  if (!d.has(D::kUdpPorts | D::kIcrcThere) || d.udp_checksum == 0) return false;
  const std::uint8_t* ip = record.data + d.ip.offset;
  return Udp::checksum_of(ip, ip + d.ip.header_bytes, d.udp_bytes) != 0;
}

}  // namespace emu::wire
