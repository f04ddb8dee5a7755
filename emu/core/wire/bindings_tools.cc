// SPDX-License-Identifier: Apache-2.0
// The part of the Python module that rewrites captures, follows packets from one
// capture to the next, and takes single frames apart.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>
#include <vector>

#include "address_text.h"
#include "arp.h"
#include "bth.h"
#include "convert.h"
#include "cooked.h"
#include "icrc.h"
#include "lldp.h"
#include "path.h"
#include "pfc.h"
#include "udp.h"
#include "vxlan.h"

namespace emu::wire {

namespace nb = nanobind;
using namespace nb::literals;

void bind_tools(nb::module_& m);  // called by bindings_wire.cc

namespace {

using Buffer = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::bytes to_bytes(const std::vector<std::uint8_t>& v) {
  return nb::bytes(reinterpret_cast<const char*>(v.data()), v.size());
}

Address address_of(const std::string& text) {
  std::uint8_t raw[16];
  if (inet_pton(AF_INET, text.c_str(), raw) == 1) return Address::v4(load_be32(raw));
  if (inet_pton(AF_INET6, text.c_str(), raw) == 1) return {load_be64(raw), load_be64(raw + 8)};
  throw nb::value_error((text + ": not an IPv4 or IPv6 address").c_str());
}

std::string v4_text(std::uint32_t a) { return to_text(Address::v4(a)); }
std::string v6_text(const Ipv6::Address& a) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, a.data(), text, sizeof text);  // also of mapped IPv4 addresses
  return text;
}

/// Takes a frame apart header by header and writes every header anew into a copy.
class LayerReader {
 public:
  LayerReader(const std::uint8_t* p, std::size_t n) : frame_(p), bytes_(n), again_(p, p + n) {}

  nb::tuple read(std::uint16_t link_type) {
    if (link_type == kLinkEthernet) {
      ethernet(0);
    } else if (link_type == kLinkCookedV1 && has(0, CookedV1::kBytes)) {
      const CookedV1 h = CookedV1::read(frame_);
      add("Cooked", {{"packet_type", h.packet_type}, {"type", h.type}});
      by_type(h.type, CookedV1::kBytes);
    } else if (link_type == kLinkCookedV2 && has(0, CookedV2::kBytes)) {
      const CookedV2 h = CookedV2::read(frame_);
      add("Cooked", {{"packet_type", h.packet_type}, {"type", h.type}});
      by_type(h.type, CookedV2::kBytes);
    } else if (link_type == kLinkRaw && has(0, 1)) {
      by_type(Ipv4::version(frame_) == 4 ? kEtherIpv4 : kEtherIpv6, 0);
    }
    return nb::make_tuple(layers_, to_bytes(again_));
  }

 private:
  using Numbers = std::initializer_list<std::pair<const char*, std::uint64_t>>;

  bool has(std::size_t at, std::size_t n) const { return at <= bytes_ && n <= bytes_ - at; }

  nb::dict add(const char* name, Numbers numbers) {
    nb::dict fields;
    for (const auto& [key, value] : numbers) fields[key] = value;
    layers_.append(nb::make_tuple(name, fields));
    return fields;
  }
  template <typename Header>
  Header header(std::size_t at) {
    const Header h = Header::read(frame_ + at);
    h.write(again_.data() + at);
    return h;
  }

  void ethernet(std::size_t at) {
    if (!has(at, Ethernet::kBytes)) return;
    const auto h = header<Ethernet>(at);
    nb::dict fields = add("Ethernet", {{"type", h.type}});
    fields["dst"] = to_text(h.dst);
    fields["src"] = to_text(h.src);
    by_type(h.type, at + Ethernet::kBytes);
  }
  void by_type(std::uint16_t type, std::size_t at) {
    while ((type == kEtherVlan || type == kEtherProviderVlan) && has(at, Vlan::kBytes)) {
      const auto tag = header<Vlan>(at);
      add("Vlan", {{"pcp", tag.pcp}, {"dei", tag.dei}, {"vid", tag.vid}, {"type", tag.type}});
      type = tag.type;
      at += Vlan::kBytes;
    }
    if (type == kEtherIpv4 && has(at, Ipv4::kBytes)) {
      ip4(at);
    } else if (type == kEtherIpv6 && has(at, Ipv6::kBytes)) {
      ip6(at);
    } else if (type == kEtherArp && has(at, Arp::kBytes) && Arp::readable(frame_ + at)) {
      const auto h = header<Arp>(at);
      nb::dict fields = add("ARP", {{"operation", h.operation}});
      fields["sender_mac"] = to_text(h.sender_mac);
      fields["sender_ip"] = v4_text(h.sender_ip);
      fields["target_mac"] = to_text(h.target_mac);
      fields["target_ip"] = v4_text(h.target_ip);
    } else if (type == kEtherMacControl && has(at, 4)) {
      mac_control(at);
    } else if (type == kEtherLldp) {
      lldp(at);
    }
  }
  void mac_control(std::size_t at) {
    const std::uint16_t opcode = load_be16(frame_ + at);
    if (opcode == kMacControlPfc && has(at, Pfc::kBytes)) {
      const auto h = header<Pfc>(at);
      nb::dict fields = add("PFC", {{"enabled", h.enabled}});
      nb::list quanta;
      for (const std::uint16_t q : h.quanta) quanta.append(q);
      fields["quanta"] = quanta;
    } else if (opcode == kMacControlPause) {
      add("PAUSE", {{"quanta", header<Pause>(at).quanta}});
    }
  }
  void lldp(std::size_t at) {
    Lldp h;
    if (!h.read(frame_ + at, bytes_ - at)) return;
    nb::dict fields = add("LLDP", {{"chassis_subtype", h.chassis_subtype},
                                   {"port_subtype", h.port_subtype},
                                   {"ttl_s", h.ttl_s}});
    fields["chassis"] = nb::bytes(h.chassis.data(), h.chassis.size());
    fields["port"] = nb::bytes(h.port.data(), h.port.size());
  }
  void ip4(std::size_t at) {
    const Ipv4 h = Ipv4::read(frame_ + at);
    if (!has(at, h.header_bytes()) || h.header_words < 5) return;
    // The writer knows no options and computes the checksum.
    if (h.header_words == 5 && Ipv4::checksum_ok(frame_ + at)) h.write(again_.data() + at);
    nb::dict fields = add("IPv4", {{"header_bytes", h.header_bytes()},
                                   {"dscp", h.dscp},
                                   {"ecn", h.ecn},
                                   {"total_bytes", h.total_bytes},
                                   {"id", h.id},
                                   {"fragment", h.fragment},
                                   {"ttl", h.ttl},
                                   {"protocol", h.protocol},
                                   {"checksum", h.checksum},
                                   {"checksum_ok", Ipv4::checksum_ok(frame_ + at)}});
    fields["src"] = v4_text(h.src);
    fields["dst"] = v4_text(h.dst);
    const std::size_t end = std::min<std::size_t>(bytes_, at + h.total_bytes);
    if (h.protocol == kProtoUdp && !h.is_fragment()) {
      udp(at, at + h.header_bytes(), end, at + h.total_bytes);
    }
  }
  void ip6(std::size_t at) {
    const auto h = header<Ipv6>(at);
    nb::dict fields = add("IPv6", {{"dscp", h.dscp},
                                   {"ecn", h.ecn},
                                   {"flow_label", h.flow_label},
                                   {"payload_bytes", h.payload_bytes},
                                   {"next_header", h.next_header},
                                   {"hop_limit", h.hop_limit}});
    fields["src"] = v6_text(h.src);
    fields["dst"] = v6_text(h.dst);
    const std::size_t whole = at + Ipv6::kBytes + h.payload_bytes;
    if (h.next_header == kProtoUdp) {
      udp(at, at + Ipv6::kBytes, std::min(bytes_, whole), whole);
    }
  }
  void udp(std::size_t ip, std::size_t at, std::size_t end, std::size_t whole) {
    if (end < at + Udp::kBytes) return;
    const auto h = header<Udp>(at);
    nb::dict fields =
        add("UDP", {{"src", h.src}, {"dst", h.dst}, {"bytes", h.bytes}, {"checksum", h.checksum}});
    if (end == whole && end - at == h.bytes && h.checksum != 0) {
      fields["checksum_ok"] = Udp::checksum_of(frame_ + ip, frame_ + at, h.bytes) == 0;
    }
    at += Udp::kBytes;
    if (h.dst == kPortVxlan && end >= at + Vxlan::kBytes) {
      const auto v = header<Vxlan>(at);
      add("VXLAN", {{"flags", v.flags}, {"vni", v.vni}});
      ethernet(at + Vxlan::kBytes);
    } else if (h.dst == kPortRoce && end >= at + Bth::kBytes) {
      roce(ip, at, end, whole);
    }
  }
  void roce(std::size_t ip, std::size_t at, std::size_t end, std::size_t whole) {
    const auto h = header<Bth>(at);
    nb::dict bth = add("BTH", {{"opcode", h.opcode},
                               {"solicited", h.solicited},
                               {"migration", h.migration},
                               {"pad", h.pad},
                               {"version", h.version},
                               {"pkey", h.pkey},
                               {"fecn", h.fecn},
                               {"becn", h.becn},
                               {"dest_qp", h.dest_qp},
                               {"ack_request", h.ack_request},
                               {"psn", h.psn}});
    at += Bth::kBytes;
    const unsigned carries = opcode_info(h.opcode).carries;
    if ((carries & kHasDeth) != 0) at += 8;
    if ((carries & kHasXrcEth) != 0) at += 4;
    if ((carries & kHasReth) != 0 && end >= at + Reth::kBytes) {
      const auto r = header<Reth>(at);
      add("RETH", {{"va", r.address}, {"rkey", r.rkey}, {"length_bytes", r.length_bytes}});
      at += Reth::kBytes;
    }
    if ((carries & kHasAtomicEth) != 0 && end >= at + AtomicEth::kBytes) {
      const auto a = header<AtomicEth>(at);
      add("AtomicETH",
          {{"va", a.address}, {"rkey", a.rkey}, {"swap", a.swap_or_add}, {"compare", a.compare}});
      at += AtomicEth::kBytes;
    }
    if ((carries & kHasAeth) != 0 && end >= at + Aeth::kBytes) {
      const auto a = header<Aeth>(at);
      add("AETH", {{"syndrome", a.syndrome}, {"msn", a.msn}});
      at += Aeth::kBytes;
    }
    if ((carries & kHasAtomicAckEth) != 0 && end >= at + AtomicAckEth::kBytes) {
      add("AtomicAckETH", {{"before", header<AtomicAckEth>(at).original}});
      at += AtomicAckEth::kBytes;
    }
    if ((carries & kHasImmediate) != 0 && end >= at + ImmDt::kBytes) {
      add("ImmDt", {{"data", header<ImmDt>(at).value}});
    }
    const bool there = end == whole && end - ip >= Udp::kBytes + Bth::kBytes + kIcrcBytes;
    if (!there) return;
    const std::size_t covered = end - ip - kIcrcBytes;
    // As Wireshark and scapy show it: the four bytes read as big endian.
    bth["icrc"] = load_be32(frame_ + end - kIcrcBytes);
    bth["icrc_ok"] = icrc(frame_ + ip, covered) == icrc_load(frame_ + end - kIcrcBytes);
  }

  const std::uint8_t* frame_;
  std::size_t bytes_;
  std::vector<std::uint8_t> again_;
  nb::list layers_;
};

nb::dict packet_fields(const Record& record, const Capture& capture) {
  Dissected d;
  dissect(record, capture.interfaces[record.interface].link_type, d);
  nb::dict out;
  out["number"] = record.number;
  out["time_ps"] = record.time_ps;
  out["interface"] = record.interface;
  out["link_type"] = capture.interfaces[record.interface].link_type;
  out["captured_bytes"] = record.captured_bytes;
  out["original_bytes"] = record.original_bytes;
  out["frame"] = nb::bytes(reinterpret_cast<const char*>(record.data), record.captured_bytes);
  out["protocol"] = std::string(kProtocolNames[static_cast<std::size_t>(d.protocol)]);
  const auto ip = [&](const char* name, const IpInfo& h) {
    nb::dict one;
    one["src"] = to_text(h.src);
    one["dst"] = to_text(h.dst);
    one["version"] = h.version;
    one["protocol"] = h.protocol;
    one["dscp"] = h.dscp;
    one["ecn"] = h.ecn;
    one["ttl"] = h.ttl;
    one["bytes"] = h.bytes;
    one["checksum_bad"] = h.checksum_bad;
    out[name] = one;
  };
  using D = Dissected;
  if (d.has(D::kIp)) ip("ip", d.ip);
  if (d.has(D::kOuterIp)) ip("outer", d.outer);
  if (d.has(D::kMacs)) out["src_mac"] = to_text(d.src_mac);
  if (d.has(D::kTagged)) {
    out["pcp"] = d.pcp;
    out["vid"] = d.vid;
  }
  if (d.has(D::kVxlan)) out["vni"] = d.vni;
  if (d.has(D::kUdpPorts)) {
    out["src_port"] = d.src_port;
    out["dst_port"] = d.dst_port;
  }
  if (d.has(D::kBth)) {
    out["opcode"] = d.bth.opcode;
    out["dest_qp"] = d.bth.dest_qp;
    out["psn"] = d.bth.psn;
    out["payload_bytes"] = d.payload_bytes;
  }
  if (d.has(D::kReth)) out["dma_bytes"] = d.reth.length_bytes;
  if (d.has(D::kAeth)) {
    out["syndrome"] = d.aeth.syndrome;
    out["msn"] = d.aeth.msn;
  }
  if (d.has(D::kPfcFrame)) {
    out["pfc_enabled"] = d.pfc.enabled;
    nb::list quanta;
    for (const std::uint16_t q : d.pfc.quanta) quanta.append(q);
    out["pfc_quanta"] = quanta;
  }
  if (d.has(D::kIcrcThere)) out["icrc_ok"] = icrc_ok(record, d);
  return out;
}

nb::list packets(Buffer data) {
  nb::list out;
  CaptureParser parser;
  parser.feed(data.data(), data.size(),
              [&](const Record& record) { out.append(packet_fields(record, parser.capture())); });
  return out;
}

nb::dict capture_end(const Capture& capture) {
  nb::dict out;
  out["format"] = capture.format;
  out["packets"] = capture.packets;
  out["ending"] = ending_name(capture.ending);
  out["error"] = capture.error;
  out["error_offset"] = capture.error_offset;
  return out;
}

nb::dict duration(const DurationHistogram& h) {
  nb::dict out;
  out["count"] = h.count();
  out["min_ps"] = h.min_ps();
  out["p50_ps"] = h.quantile_ps(0.5);
  out["p99_ps"] = h.quantile_ps(0.99);
  out["max_ps"] = h.max_ps();
  return out;
}

nb::list numbers(const Finding& f) {
  nb::list out;
  for (std::size_t i = 0; i < std::min<std::uint64_t>(f.count, Finding::kShown); ++i) {
    out.append(f.packets[i]);
  }
  return out;
}

nb::list path_hops(const PathMatcher& matcher) {
  nb::list out;
  for (std::size_t p = 0; p < matcher.points(); ++p) {
    for (std::size_t q = 0; q < matcher.points(); ++q) {
      const PathHop& hop = matcher.hop(p, q);
      if (hop.packets == 0) continue;
      nb::dict one = duration(hop.delay);
      one["from"] = p;
      one["to"] = q;
      one["marked"] = hop.marked;
      one["marked_packets"] = numbers(hop.marked_at);
      out.append(one);
    }
  }
  return out;
}

nb::list path_flows(const PathMatcher& matcher) {
  nb::list out;
  for (const PathFlow& flow : matcher.flows()) {
    nb::dict one = duration(flow.delay);
    one["src"] = to_text(flow.src);
    one["dst"] = to_text(flow.dst);
    one["dst_qp"] = flow.qp;
    one["src_port"] = flow.src_port;
    nb::list seen;
    for (std::size_t p = 0; p < matcher.points(); ++p) seen.append(flow.packets[p]);
    one["packets"] = seen;
    nb::list steps;
    for (std::size_t p = 0; p < matcher.points(); ++p) {
      for (std::size_t q = 0; q < matcher.points(); ++q) {
        if (flow.steps[p][q] > 0) steps.append(nb::make_tuple(p, q, flow.steps[p][q]));
      }
    }
    one["steps"] = steps;
    nb::list lost;
    for (const auto& [where, tail] : flow.tails) {
      const auto [last, could_see] = where;
      const unsigned next = flow.after(last);
      // No point comes after this one, or none that could have seen the packet.
      if (next == 0 || (next & ~static_cast<unsigned>(could_see)) != 0) continue;
      lost.append(nb::make_tuple(last, next, tail.packets, numbers(tail.numbers)));
    }
    one["lost"] = lost;
    out.append(one);
  }
  return out;
}

nb::list path_pauses(PathMatcher& matcher, std::size_t point) {
  nb::list out;
  const std::vector<PauseEpisode> episodes = matcher.pauses(point).take_episodes();
  const std::vector<PausePort>& ports = matcher.pauses(point).ports();
  const Capture& capture = matcher.capture(point);
  for (const PauseEpisode& e : episodes) {
    nb::dict one;
    one["start_ps"] = e.start_ps;
    one["end_ps"] = e.end_ps;
    one["priority"] = e.priority;
    one["xoff_frames"] = e.frames;
    one["first_packet"] = e.first_number;
    one["src_mac"] = to_text(ports[e.port].src);
    const std::string& name = capture.interfaces[ports[e.port].interface].name;
    one["interface"] = nb::steal(PyUnicode_DecodeUTF8(
        name.data(), static_cast<Py_ssize_t>(name.size()), "backslashreplace"));
    out.append(one);
  }
  return out;
}

void bind_converter(nb::module_& m) {
  nb::class_<Converter>(m, "Converter")
      .def(
          "__init__",
          [](Converter* self, bool pcapng, std::optional<std::int64_t> from_ps,
             std::optional<std::int64_t> to_ps, const std::vector<std::string>& hosts,
             const std::optional<std::pair<std::string, std::string>>& between,
             std::optional<std::uint32_t> qp, bool keep_pause, bool strip_payload,
             const std::optional<nb::bytes>& anonymise_key) {
            ConvertOptions o;
            o.format = pcapng ? Format::kPcapng : Format::kPcap;
            if (from_ps) o.cut.from_ps = *from_ps;
            if (to_ps) o.cut.to_ps = *to_ps;
            for (const std::string& host : hosts) o.cut.hosts.push_back(address_of(host));
            if (between) o.cut.between = {address_of(between->first), address_of(between->second)};
            o.cut.qp = qp;
            o.cut.keep_pause = keep_pause;
            o.strip_payload = strip_payload;
            if (anonymise_key) {
              SipKey key{};
              if (anonymise_key->size() != key.size()) throw nb::value_error("a key has 16 bytes");
              std::copy_n(reinterpret_cast<const std::uint8_t*>(anonymise_key->data()), key.size(),
                          key.begin());
              o.anonymise = key;
            }
            new (self) Converter(o);
          },
          nb::kw_only(), "pcapng"_a = true, "from_ps"_a = nb::none(), "to_ps"_a = nb::none(),
          "hosts"_a = std::vector<std::string>{}, "between"_a = nb::none(), "qp"_a = nb::none(),
          "keep_pause"_a = false, "strip_payload"_a = false, "anonymise_key"_a = nb::none())
      .def(
          "feed",
          [](Converter& self, Buffer data, std::size_t n) {
            if (n > data.size()) throw nb::value_error("more bytes than the buffer holds");
            std::vector<std::uint8_t> out;
            {
              nb::gil_scoped_release released;
              self.feed(data.data(), n, out);
            }
            return to_bytes(out);
          },
          "data"_a, "n"_a)
      .def("fail", &Converter::fail, "why"_a)
      .def("finish",
           [](Converter& self) {
             std::vector<std::uint8_t> out;
             self.finish(out);
             return to_bytes(out);
           })
      .def("capture", [](const Converter& self) { return capture_end(self.capture()); })
      .def_prop_ro("running", &Converter::running)
      .def_prop_ro("refused_packet",
                   [](const Converter& self) -> std::uint64_t {
                     return self.refused() ? self.refused_packet() : 0;
                   })
      .def_ro("written", &Converter::written)
      .def_ro("icrc_right", &Converter::icrc_right)
      .def_ro("icrc_wrong", &Converter::icrc_wrong)
      .def_ro("icrc_unknown", &Converter::icrc_unknown);
}

void bind_path(nb::module_& m) {
  m.attr("PATH_POINTS_MAX") = kPathPointsMax;
  nb::class_<PathMatcher>(m, "PathMatcher")
      .def(
          "__init__",
          [](PathMatcher* self, std::size_t points, std::int64_t horizon_ps,
             std::uint64_t speed_bps) {
            if (points < 2 || points > kPathPointsMax) throw nb::value_error("2 to 8 points");
            Options options;
            options.keep_episodes = true;
            options.speed_bps = speed_bps;
            new (self) PathMatcher(points, horizon_ps, options);
          },
          "points"_a, nb::kw_only(), "horizon_ps"_a, "speed_bps"_a = 0)
      .def_prop_ro("wanted", &PathMatcher::wanted)
      .def(
          "feed",
          [](PathMatcher& self, std::size_t point, Buffer data, std::size_t n) {
            if (n > data.size() || point >= self.points()) throw nb::value_error("out of range");
            nb::gil_scoped_release released;
            self.feed(point, data.data(), n);
          },
          "point"_a, "data"_a, "n"_a)
      .def("fail", &PathMatcher::fail, "point"_a, "why"_a)
      .def("finish", &PathMatcher::finish, "point"_a)
      .def(
          "point",
          [](const PathMatcher& self, std::size_t p) {
            nb::dict out = capture_end(self.capture(p));
            out["roce_packets"] = self.roce_packets(p);
            out["cnps"] = self.cnps(p);
            out["first_ps"] = self.first_ps(p);
            out["last_ps"] = self.last_ps(p);
            return out;
          },
          "point"_a)
      .def_prop_ro("forced", &PathMatcher::forced)
      .def("hops", &path_hops)
      .def("flows", &path_flows)
      .def("pauses", &path_pauses, "point"_a);
}

}  // namespace

void bind_tools(nb::module_& m) {
  m.def(
      "layers",
      [](Buffer frame, std::uint16_t link_type) {
        return LayerReader(frame.data(), frame.size()).read(link_type);
      },
      "frame"_a, "link_type"_a = 1);
  m.def("packets", &packets, "data"_a);
  bind_converter(m);
  bind_path(m);
}

}  // namespace emu::wire
