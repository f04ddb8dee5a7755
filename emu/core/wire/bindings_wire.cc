// SPDX-License-Identifier: Apache-2.0
// The inspection of captures as a Python module. Units are in the names; tables
// come out as columns: NumPy arrays that own their memory, and lists of text.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "address_text.h"
#include "bench_capture.h"
#include "emu/bindings/columns.h"
#include "inspector.h"

namespace nb = nanobind;

namespace emu::wire {
void bind_tools(nb::module_& m);  // in bindings_tools.cc
}
using namespace nb::literals;

namespace {

using namespace emu::wire;
using namespace emu::bindings;

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Room = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename Rows, typename Get>
void put_text(nb::dict& out, const char* name, const Rows& rows, Get get) {
  nb::list values;
  for (const auto& row : rows) {
    const auto text = get(row);  // a view or a string of its own
    values.append(nb::str(text.data(), text.size()));
  }
  out[name] = values;
}

/// Bytes from a file, of which nobody knows whether they are UTF-8.
nb::object lenient(const std::string& text) {
  return nb::steal(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

nb::dict capture(const Inspector& inspector) {
  const Capture& c = inspector.capture();
  nb::dict out;
  out["format"] = c.format;
  out["packets"] = c.packets;
  out["base_s"] = c.base_s;
  out["untimed_packets"] = c.untimed;
  out["skipped_blocks"] = c.skipped_blocks;
  out["sections"] = c.sections;
  out["file_bytes"] = inspector.parser().bytes_seen();
  out["ending"] = ending_name(c.ending);
  out["error"] = c.error;
  out["error_offset"] = c.error_offset;
  nb::list interfaces;
  const auto& counts = inspector.totals().interface_packets;
  for (std::size_t i = 0; i < c.interfaces.size(); ++i) {
    const Interface& from = c.interfaces[i];
    nb::dict one;
    one["name"] = lenient(from.name);
    one["description"] = lenient(from.description);
    one["link_type"] = from.link_type;
    one["speed_bps"] = from.speed_bps;
    one["dropped_packets"] = from.dropped;
    one["packets"] = i < counts.size() ? counts[i] : 0;
    interfaces.append(one);
  }
  out["interfaces"] = interfaces;
  return out;
}

template <typename Counts, typename Name>
nb::list counts(const Counts& rows, Name name) {
  nb::list out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].packets == 0) continue;
    out.append(nb::make_tuple(name(i), rows[i].packets, rows[i].bytes));
  }
  return out;
}

template <typename Map>
nb::list mapped(const Map& rows) {
  nb::list out;
  for (const auto& [key, count] : rows) {
    out.append(nb::make_tuple(key, count.packets, count.bytes));
  }
  return out;
}

nb::dict totals(const Inspector& inspector) {
  const Totals& t = inspector.totals();
  nb::dict out;
  out["first_ps"] = t.first_ps;
  out["last_ps"] = t.last_ps;
  out["bytes"] = t.bytes;
  out["captured_bytes"] = t.captured;
  out["cut_packets"] = t.cut_packets;
  out["backward_packets"] = t.backwards;
  out["ip_packets"] = t.ip_packets;
  out["icrc_verified"] = t.icrc_verified;
  out["udp_checksums"] = t.udp_checksums;
  const auto name = [](std::size_t i) { return std::string(kProtocolNames[i]); };
  out["protocols"] = counts(t.protocols[0], name);
  out["tunnelled_protocols"] = counts(t.protocols[1], name);
  const auto number = [](std::size_t i) { return i; };
  out["pcps"] = counts(t.pcps, number);
  out["dscps"] = counts(t.dscps, number);
  out["vlans"] = mapped(t.vlans);
  out["vnis"] = mapped(t.vnis);
  nb::list ecn;
  for (const std::uint64_t n : t.roce_ecn) ecn.append(n);
  out["roce_ecn"] = ecn;
  return out;
}

nb::tuple finding(const Finding& f) {
  nb::list packets;
  for (std::size_t i = 0; i < std::min<std::uint64_t>(f.count, Finding::kShown); ++i) {
    packets.append(f.packets[i]);
  }
  return nb::make_tuple(f.count, packets);
}

nb::dict findings(Inspector& inspector) {
  const Totals& t = inspector.totals();
  const QpTracker& q = inspector.queue_pairs();
  const PfcTracker& p = inspector.pauses();
  nb::dict out;
  out["icrc_wrong"] = finding(t.icrc_wrong);
  out["ip_checksum_wrong"] = finding(t.ip_checksum_wrong);
  out["udp_checksum_wrong"] = finding(t.udp_checksum_wrong);
  out["length_wrong"] = finding(t.length_wrong);
  out["ip_too_long"] = finding(t.ip_too_long);
  out["reserved_opcode"] = finding(q.reserved_opcode);
  out["retransmitted"] = finding(q.retransmitted);
  out["mtu_exceeded"] = finding(q.mtu_exceeded);
  out["excess_cnp"] = finding(q.excess_cnp);
  out["message_length"] = finding(q.message_length);
  out["pause_too_long"] = finding(p.too_long);
  out["pfc_empty_vector"] = finding(p.empty_vector);
  out["pfc_reserved_bits"] = finding(p.reserved_bits);
  nb::list xoffs;
  for (const Finding& f : p.xoffs) xoffs.append(finding(f));
  out["xoffs"] = xoffs;
  nb::list dscp_pcp;
  for (std::size_t dscp = 0; dscp < 64; ++dscp) {
    for (std::size_t pcp = 0; pcp < 8; ++pcp) {
      const Finding& f = t.dscp_pcp[dscp][pcp];
      if (f.count > 0) dscp_pcp.append(nb::make_tuple(dscp, pcp, finding(f)));
    }
  }
  out["dscp_pcp"] = dscp_pcp;
  nb::list ecn;
  for (std::size_t inner = 0; inner < 4; ++inner) {
    for (std::size_t outer = 0; outer < 4; ++outer) {
      const Finding& f = t.tunnel_ecn[inner][outer];
      if (f.count > 0) ecn.append(nb::make_tuple(inner, outer, finding(f)));
    }
  }
  out["tunnel_ecn"] = ecn;
  return out;
}

/// Addresses and QPs of the flows from `from` on: what a message table shows.
nb::dict flow_keys(Inspector& inspector, std::size_t from) {
  const std::vector<Flow>& all = inspector.queue_pairs().flows();
  std::vector<const Flow*> rows;
  for (std::size_t i = from; i < all.size(); ++i) rows.push_back(&all[i]);
  nb::dict out;
  put_text(out, "src", rows, [](const Flow* f) { return to_text(f->key.src); });
  put_text(out, "dst", rows, [](const Flow* f) { return to_text(f->key.dst); });
  put<std::int64_t>(out, "vni", rows, [](const Flow* f) {
    return f->key.vni == kNoVni ? -1 : static_cast<std::int64_t>(f->key.vni);
  });
  put<std::int64_t>(out, "dst_qp", rows, [](const Flow* f) { return f->key.qp; });
  put<std::int64_t>(out, "src_port", rows, [](const Flow* f) { return f->src_port; });
  return out;
}

void put_duration(nb::dict& out, const std::string& prefix, const std::vector<Flow>& rows,
                  std::unique_ptr<DurationHistogram> Flow::* histogram) {
  const auto value = [&](const char* name, auto get) {
    put<std::int64_t>(out, (prefix + name).c_str(), rows, [&](const Flow& f) -> std::int64_t {
      return f.*histogram ? get(*(f.*histogram)) : -1;
    });
  };
  value("_count", [](const auto& h) { return static_cast<std::int64_t>(h.count()); });
  value("_min_ps", [](const auto& h) { return h.min_ps(); });
  value("_p50_ps", [](const auto& h) { return h.quantile_ps(0.5); });
  value("_p99_ps", [](const auto& h) { return h.quantile_ps(0.99); });
  value("_p999_ps", [](const auto& h) { return h.quantile_ps(0.999); });
  value("_max_ps", [](const auto& h) { return h.max_ps(); });
}

std::uint64_t missing_of(const Flow& f, bool acked) {
  std::uint64_t n = 0;
  for (const PsnSpace::Missing& m : f.requests.missing()) {
    for (std::int64_t psn = m.from; psn < m.to; ++psn) n += (psn < f.acked_to) == acked ? 1 : 0;
  }
  if (!acked) {
    for (const PsnSpace::Missing& m : f.responses.missing()) {
      n += static_cast<std::uint64_t>(m.to - m.from);
    }
  }
  return n;
}

nb::dict flows(Inspector& inspector) {
  const std::vector<Flow>& rows = inspector.queue_pairs().flows();
  nb::dict out = flow_keys(inspector, 0);
  using F = Flow;
  const auto integer = [&](const char* name, auto get) { put<std::int64_t>(out, name, rows, get); };
  const auto or_none = [](std::int64_t v) { return v == kNever ? std::int64_t{-1} : v; };
  integer("peer", [](const F& f) { return f.peer == kNoFlow ? -1 : std::int64_t{f.peer}; });
  put_text(out, "paired_by", rows,
           [](const F& f) { return kPairedByNames[static_cast<std::size_t>(f.paired_by)]; });
  integer("port_varies", [](const F& f) { return f.port_varies ? 1 : 0; });
  integer("dscp", [](const F& f) { return f.dscp; });
  integer("dscp_varies", [](const F& f) { return f.dscp_varies ? 1 : 0; });
  integer("path_mtu", [](const F& f) { return f.path_mtu; });
  integer("first_packet", [](const F& f) { return f.first_number; });
  integer("first_ps", [](const F& f) { return f.first_ps; });
  integer("last_ps", [](const F& f) { return f.last_ps; });
  integer("packets", [](const F& f) { return f.packets; });
  integer("bytes", [](const F& f) { return f.bytes; });
  integer("data_packets", [](const F& f) { return f.data_packets; });
  integer("payload_bytes", [](const F& f) { return f.payload_bytes; });
  integer("goodput_bytes", [](const F& f) { return f.goodput_bytes; });
  integer("data_first_ps", [&](const F& f) { return or_none(f.data_first_ps); });
  integer("data_last_ps", [&](const F& f) { return or_none(f.data_last_ps); });
  const char* ecn[] = {"not_ect", "ect1", "ect0", "ce"};
  for (std::size_t i = 0; i < 4; ++i) {
    integer((std::string("data_") + ecn[i] + "_packets").c_str(),
            [&](const F& f) { return f.data_ecn[i]; });
    integer((std::string("other_") + ecn[i] + "_packets").c_str(),
            [&](const F& f) { return f.other_ecn[i]; });
  }
  integer("data_ce_packet", [](const F& f) { return f.data_ce_number; });
  integer("data_ce_ps", [&](const F& f) { return or_none(f.data_ce_ps); });
  integer("other_ce_packet", [](const F& f) { return f.other_ce_number; });
  integer("psn_gaps", [](const F& f) { return f.requests.gaps() + f.responses.gaps(); });
  integer("gap_psns", [](const F& f) { return f.requests.gap_psns() + f.responses.gap_psns(); });
  integer("missing_psns", [](const F& f) { return missing_of(f, false); });
  integer("unseen_psns", [](const F& f) { return missing_of(f, true); });
  integer("forgotten_gaps",
          [](const F& f) { return f.requests.forgotten() + f.responses.forgotten(); });
  integer("restarts", [](const F& f) { return f.requests.restarts() + f.responses.restarts(); });
  integer("out_of_order", [](const F& f) { return f.out_of_order; });
  integer("retransmitted_packets", [](const F& f) { return f.repeated_packets; });
  integer("retransmitted_bytes", [](const F& f) { return f.repeated_bytes; });
  integer("duplicates", [](const F& f) { return f.duplicates; });
  integer("acks", [](const F& f) { return f.acks; });
  const char* naks[] = {"sequence",         "invalid_request", "remote_access",
                        "remote_operation", "invalid_rd",      "other"};
  for (std::size_t i = 0; i < kNakCodes; ++i) {
    integer((std::string("nak_") + naks[i]).c_str(), [&](const F& f) { return f.naks[i]; });
  }
  integer("nak_packet", [](const F& f) { return f.nak_number; });
  integer("rnrs", [](const F& f) { return f.rnrs; });
  integer("cnps", [](const F& f) { return f.cnps; });
  integer("read_requests", [](const F& f) { return f.read_requests; });
  for (std::size_t i = 0; i < kMessageKindNames.size(); ++i) {
    integer((std::string(kMessageKindNames[i]) + "_messages").c_str(),
            [&](const F& f) { return f.messages[i]; });
  }
  integer("messages_acked", [](const F& f) { return f.messages_acked; });
  integer("reactions", [](const F& f) { return f.reaction.measured; });
  integer("reaction_before_bytes", [](const F& f) { return f.reaction.before_bytes; });
  integer("reaction_after_bytes", [](const F& f) { return f.reaction.after_bytes; });
  put_duration(out, "rtt", rows, &Flow::rtt);
  put_duration(out, "completion", rows, &Flow::completion);
  return out;
}

struct MissingRow {
  std::int64_t flow;
  PsnSpace::Missing range;
  bool acked;
};

/// PSNs that are missing at the end, one row per range.
nb::dict missing(Inspector& inspector) {
  std::vector<MissingRow> rows;
  const std::vector<Flow>& all = inspector.queue_pairs().flows();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Flow& f = all[i];
    for (const PsnSpace::Missing& m : f.requests.missing()) {
      rows.push_back({static_cast<std::int64_t>(i), m, m.to <= f.acked_to});
    }
    for (const PsnSpace::Missing& m : f.responses.missing()) {
      rows.push_back({static_cast<std::int64_t>(i), m, false});
    }
  }
  nb::dict out;
  using R = MissingRow;
  const auto integer = [&](const char* name, auto get) { put<std::int64_t>(out, name, rows, get); };
  integer("flow", [](const R& r) { return r.flow; });
  integer("first_psn", [](const R& r) { return r.range.from & kPsnMask; });
  integer("psns", [](const R& r) { return r.range.to - r.range.from; });
  integer("since_ps", [](const R& r) { return r.range.since_ps; });
  integer("packet", [](const R& r) { return r.range.number; });
  integer("acked", [](const R& r) { return r.acked ? 1 : 0; });
  return out;
}

nb::dict take_messages(Inspector& inspector) {
  const std::vector<Message> rows = inspector.queue_pairs().take_messages();
  using M = Message;
  nb::dict out;
  const auto integer = [&](const char* name, auto get) { put<std::int64_t>(out, name, rows, get); };
  integer("flow", [](const M& m) { return m.flow; });
  put_text(out, "kind", rows,
           [](const M& m) { return kMessageKindNames[static_cast<std::size_t>(m.kind)]; });
  put_text(out, "end", rows,
           [](const M& m) { return kMessageEndNames[static_cast<std::size_t>(m.end)]; });
  integer("immediate", [](const M& m) { return m.immediate ? 1 : 0; });
  integer("headless", [](const M& m) { return m.headless ? 1 : 0; });
  integer("length_known", [](const M& m) { return m.length_known ? 1 : 0; });
  integer("length_bytes", [](const M& m) { return m.length_bytes; });
  integer("payload_bytes", [](const M& m) { return m.payload_bytes; });
  integer("first_psn", [](const M& m) { return m.first_psn & kPsnMask; });
  integer("last_psn", [](const M& m) { return m.last_psn < 0 ? -1 : m.last_psn & kPsnMask; });
  // A time that is not known is -2^63; Python makes it a null.
  integer("start_ps", [](const M& m) { return m.start_ps; });
  integer("first_ps", [](const M& m) { return m.first_ps; });
  integer("last_ps", [](const M& m) { return m.last_ps; });
  integer("acked_ps", [](const M& m) { return m.acked_ps; });
  integer("packets", [](const M& m) { return m.packets; });
  integer("retransmitted_packets", [](const M& m) { return m.repeated_packets; });
  integer("marked_packets", [](const M& m) { return m.marked_packets; });
  integer("naks", [](const M& m) { return m.naks; });
  integer("first_packet", [](const M& m) { return m.first_number; });
  integer("last_packet", [](const M& m) { return m.last_number; });
  return out;
}

nb::dict take_episodes(Inspector& inspector) {
  const std::vector<PauseEpisode> rows = inspector.pauses().take_episodes();
  using E = PauseEpisode;
  nb::dict out;
  const auto integer = [&](const char* name, auto get) { put<std::int64_t>(out, name, rows, get); };
  integer("port", [](const E& e) { return e.port; });
  integer("priority", [](const E& e) { return e.priority; });
  integer("start_ps", [](const E& e) { return e.start_ps; });
  integer("end_ps", [](const E& e) { return e.end_ps; });
  integer("xoff_frames", [](const E& e) { return e.frames; });
  integer("quanta_max", [](const E& e) { return e.quanta_max; });
  put_text(out, "end", rows,
           [](const E& e) { return kPauseEndNames[static_cast<std::size_t>(e.end)]; });
  integer("first_packet", [](const E& e) { return e.first_number; });
  integer("last_packet", [](const E& e) { return e.last_number; });
  return out;
}

struct PauseRow {
  std::int64_t port;
  std::int64_t priority;
  const PausePort* of;
  const PauseState* state;
};

nb::dict pauses(Inspector& inspector) {
  std::vector<PauseRow> rows;
  const std::vector<PausePort>& ports = inspector.pauses().ports();
  for (std::size_t i = 0; i < ports.size(); ++i) {
    for (std::size_t p = 0; p < kPauseClasses; ++p) {
      const PauseState& s = ports[i].classes[p];
      if (s.xoffs + s.xons == 0) continue;
      rows.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(p), &ports[i], &s});
    }
  }
  using R = PauseRow;
  nb::dict out;
  const auto integer = [&](const char* name, auto get) { put<std::int64_t>(out, name, rows, get); };
  integer("port", [](const R& r) { return r.port; });
  integer("interface", [](const R& r) { return r.of->interface; });
  put_text(out, "src_mac", rows, [](const R& r) { return to_text(r.of->src); });
  integer("priority", [](const R& r) { return r.priority; });
  integer("speed_bps", [](const R& r) { return r.of->speed_bps; });
  integer("xoff_frames", [](const R& r) { return r.state->xoffs; });
  integer("xon_frames", [](const R& r) { return r.state->xons; });
  integer("episodes", [](const R& r) { return r.state->episodes; });
  integer("total_ps", [](const R& r) { return r.state->total_ps; });
  integer("longest_ps", [](const R& r) { return r.state->longest_ps; });
  integer("longest_packet", [](const R& r) { return r.state->longest_number; });
  return out;
}

nb::dict timeline(const Inspector& inspector) {
  const Timeline& t = inspector.timeline();
  using B = TimelineBin;
  nb::dict out;
  out["start_ps"] = t.start_ps();
  out["width_ps"] = t.width_ps();
  const auto integer = [&](const char* name, auto get) {
    put<std::int64_t>(out, name, t.bins(), get);
  };
  integer("packets", [](const B& b) { return b.packets; });
  integer("bytes", [](const B& b) { return b.bytes; });
  integer("goodput_bytes", [](const B& b) { return b.goodput_bytes; });
  integer("data_packets", [](const B& b) { return b.data_packets; });
  integer("marked_packets", [](const B& b) { return b.marked; });
  integer("cnps", [](const B& b) { return b.cnps; });
  integer("naks", [](const B& b) { return b.naks; });
  integer("retransmitted_packets", [](const B& b) { return b.repeated; });
  integer("pause_frames", [](const B& b) { return b.pause_frames; });
  integer("rtt_count", [](const B& b) { return b.rtts; });
  integer("rtt_sum_ps", [](const B& b) { return b.rtt_sum_ps; });
  return out;
}

/// Reads a file in pieces that stay in the cache; returns the bytes read, 0 at its
/// end and minus errno when it fails.
std::int64_t read_some(Inspector& inspector, int fd, std::size_t bytes_max) {
  constexpr std::size_t kPiece = 32 << 10;
  std::vector<std::uint8_t> piece(kPiece);
  std::size_t done = 0;
  while (done < bytes_max && inspector.parser().running()) {
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n < 0) return done > 0 && errno == EINTR ? static_cast<std::int64_t>(done) : -errno;
    if (n == 0) break;
    inspector.feed(piece.data(), static_cast<std::size_t>(n));
    done += static_cast<std::size_t>(n);
    // A pipe that gave less than asked for has no more at the moment.
    if (static_cast<std::size_t>(n) < piece.size()) break;
  }
  return static_cast<std::int64_t>(done);
}

nb::dict rtt(Inspector& inspector) {
  const DurationHistogram& h = inspector.queue_pairs().rtt;
  nb::dict out;
  out["count"] = h.count();
  out["min_ps"] = h.min_ps();
  out["p50_ps"] = h.quantile_ps(0.5);
  out["p99_ps"] = h.quantile_ps(0.99);
  out["p999_ps"] = h.quantile_ps(0.999);
  out["max_ps"] = h.max_ps();
  return out;
}

}  // namespace

NB_MODULE(_wire, m) {
  emu::wire::bind_tools(m);
  m.attr("RTT_RELATIVE_ERROR") = DurationHistogram::kRelativeError;
  m.attr("NEVER_PS") = kNever;

  nb::class_<Inspector>(m, "Inspector")
      .def(
          "__init__",
          [](Inspector* self, bool keep_messages, bool keep_episodes, bool verify_icrc,
             std::uint64_t speed_bps, std::uint32_t mtu_bytes, std::int64_t reorder_ps,
             std::int64_t reaction_ps, std::int64_t pause_limit_ps) {
            Options o;
            o.keep_messages = keep_messages;
            o.keep_episodes = keep_episodes;
            o.verify_icrc = verify_icrc;
            o.speed_bps = speed_bps;
            o.mtu_bytes = mtu_bytes;
            o.reorder_ps = reorder_ps;
            o.reaction_ps = std::max<std::int64_t>(reaction_ps, RateReaction::kBins);
            o.pause_limit_ps = pause_limit_ps;
            new (self) Inspector(o);
          },
          nb::kw_only(), "keep_messages"_a = false, "keep_episodes"_a = false,
          "verify_icrc"_a = true, "speed_bps"_a = 0, "mtu_bytes"_a = 0,
          "reorder_ps"_a = Options{}.reorder_ps, "reaction_ps"_a = Options{}.reaction_ps,
          "pause_limit_ps"_a = Options{}.pause_limit_ps)
      .def(
          "feed",
          [](Inspector& self, Bytes data, std::size_t n) {
            if (n > data.size()) throw nb::value_error("more bytes than the buffer holds");
            nb::gil_scoped_release released;
            self.feed(data.data(), n);
          },
          "data"_a, "n"_a)
      .def(
          "read",
          [](Inspector& self, int fd, std::size_t bytes_max) {
            nb::gil_scoped_release released;
            return read_some(self, fd, bytes_max);
          },
          "fd"_a, "bytes_max"_a)
      .def("fail", &Inspector::fail, "why"_a)
      .def("finish", &Inspector::finish)
      .def_prop_ro("running", [](const Inspector& self) { return self.parser().running(); })
      .def_prop_ro("packets", [](const Inspector& self) { return self.capture().packets; })
      .def_prop_ro("file_bytes", [](const Inspector& self) { return self.parser().bytes_seen(); })
      .def_prop_ro("messages_waiting",
                   [](Inspector& self) { return self.queue_pairs().messages_waiting(); })
      .def_prop_ro("episodes_waiting",
                   [](Inspector& self) { return self.pauses().episodes_waiting(); })
      .def("capture", &capture)
      .def("totals", &totals)
      .def("findings", &findings)
      .def("flow_keys", &flow_keys, "first"_a)
      .def("flows", &flows)
      .def("missing", &missing)
      .def("take_messages", &take_messages)
      .def("take_episodes", &take_episodes)
      .def("pauses", &pauses)
      .def("timeline", &timeline)
      .def("rtt", &rtt);

  nb::class_<BenchCapture>(m, "BenchCapture")
      .def(nb::init<std::uint32_t, std::uint32_t, bool>(), nb::kw_only(), "queue_pairs"_a,
           "snap_bytes"_a, "header"_a = true)
      .def(
          "fill",
          [](BenchCapture& self, Room room) {
            nb::gil_scoped_release released;
            return self.fill(room.data(), room.size());
          },
          "room"_a)
      .def_prop_ro("packets", [](const BenchCapture& self) { return self.packets(); });
}
