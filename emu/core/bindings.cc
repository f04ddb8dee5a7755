// SPDX-License-Identifier: Apache-2.0
// The engine as a Python module: the only file that knows Python. Units are in
// the argument names; results come out as columns (NumPy arrays that own their
// memory).
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "emu/bindings/columns.h"
#include "engine.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace emu {
void bind_capture(nb::module_& m);
void bind_telemetry(nb::module_& m);
}  // namespace emu
#ifdef EMU_LAB
namespace emu::lab {
void bind(nb::module_& m);
}  // namespace emu::lab
#endif

namespace {

using emu::Engine;
using emu::Ps;
using namespace emu::bindings;

nb::dict message_columns(const std::vector<emu::Message>& rows) {
  nb::dict out;
  using M = emu::Message;
  put<std::int64_t>(out, "first_tx_ps", rows, [](const M& m) { return m.first_tx; });
  put<std::int64_t>(out, "end_ps", rows, [](const M& m) { return m.end; });
  put<std::int64_t>(out, "acked_ps", rows, [](const M& m) { return m.acked; });
  put<std::int64_t>(out, "retransmitted_bytes", rows,
                    [](const M& m) { return m.retransmitted_bytes; });
  put<std::int64_t>(out, "packets", rows, [](const M& m) { return m.sent_packets; });
  put<std::int64_t>(out, "ecn_marked_packets", rows, [](const M& m) { return m.marked_packets; });
  put<std::int64_t>(out, "cnp_received", rows, [](const M& m) { return m.cnps; });
  put<std::int64_t>(out, "timeouts", rows, [](const M& m) { return m.timeouts; });
  put<std::int64_t>(out, "naks", rows, [](const M& m) { return m.naks; });
  put<std::uint8_t>(out, "failed", rows, [](const M& m) { return m.failed ? 1 : 0; });
  return out;
}

/// All that have been posted, by number; what was retired is missing.
nb::dict messages(const Engine& engine) { return message_columns(engine.messages()); }

nb::dict numbered(const std::vector<emu::Message>& rows) {
  nb::dict out = message_columns(rows);
  put<std::int64_t>(out, "number", rows, [](const emu::Message& m) { return m.number; });
  return out;
}

/// What is over, for good: each message once, with its number.
nb::dict retire(Engine& engine) {
  std::vector<emu::Message> rows;
  engine.retire(rows);
  return numbered(rows);
}

/// What has not been retired, with numbers.
nb::dict live(const Engine& engine) {
  std::vector<emu::Message> rows;
  engine.list_messages(rows);
  return numbered(rows);
}

/// One row per (port, priority), port-major.
nb::dict queues(const Engine& engine) {
  nb::dict out;
  const auto& rows = engine.queues();
  const Ps now = engine.now();
  using Q = emu::EgressQueue;
  put<std::int64_t>(out, "tx_packets", rows, [](const Q& q) { return q.tx_packets; });
  put<std::int64_t>(out, "tx_bytes", rows, [](const Q& q) { return q.tx_bytes; });
  put<std::int64_t>(out, "tx_payload_bytes", rows, [](const Q& q) { return q.tx_payload; });
  put<std::int64_t>(out, "ecn_marked_packets", rows, [](const Q& q) { return q.marked; });
  put<std::int64_t>(out, "pfc_tx_frames", rows, [](const Q& q) { return q.pfc_tx; });
  put<std::int64_t>(out, "pfc_rx_frames", rows, [](const Q& q) { return q.pfc_rx; });
  put<std::int64_t>(out, "pfc_rx_pause_ps", rows,
                    [now](const Q& q) { return q.paused_total(now); });
  put<std::int64_t>(out, "pfc_wd_detected", rows, [](const Q& q) { return q.storms; });
  put<std::int64_t>(out, "pfc_wd_restored", rows, [](const Q& q) { return q.restored; });
  put<std::int64_t>(out, "egress_watermark_bytes", rows, [&](const Q& q) {
    return engine.watermark(static_cast<std::uint32_t>(&q - rows.data()));
  });
  const auto& groups = engine.groups();
  using G = emu::PriorityGroup;
  put<std::int64_t>(out, "pg_watermark_bytes", groups,
                    [](const G& g) { return g.used_max + g.headroom_max; });
  put<std::int64_t>(out, "headroom_watermark_bytes", groups,
                    [](const G& g) { return g.headroom_max; });
  return out;
}

/// Per port and class, exactly now: bytes of link time taken so far, bytes waiting.
nb::dict port_loads(Engine& engine) {
  engine.settle_switches();
  nb::dict out;
  using Q = emu::EgressQueue;
  put<std::int64_t>(out, "tx_bytes", engine.queues(), [](const Q& q) { return q.tx_bytes; });
  put<std::int64_t>(out, "queue_bytes", engine.queues(), [](const Q& q) { return q.bytes; });
  return out;
}

/// Drops by port: reason -> packets and bytes.
nb::dict port_drops(const Engine& engine) {
  nb::dict out;
  for (int r = 0; r < emu::kDropReasons; ++r) {
    nb::dict reason;
    const auto i = static_cast<std::size_t>(r);
    put<std::int64_t>(reason, "packets", engine.drops(),
                      [i](const emu::DropCounts& d) { return d.packets[i]; });
    put<std::int64_t>(reason, "bytes", engine.drops(),
                      [i](const emu::DropCounts& d) { return d.bytes[i]; });
    out[emu::kDropNames[i]] = reason;
  }
  return out;
}

nb::dict switches(const Engine& engine) {
  nb::dict out;
  const auto& rows = engine.switches();
  using S = emu::Switch;
  put<std::int64_t>(out, "buffer_bytes", rows,
                    [](const S& s) { return s.mmu.params().buffer_bytes; });
  put<std::int64_t>(out, "pool_bytes", rows, [](const S& s) { return s.mmu.pool_bytes(); });
  put<std::int64_t>(out, "pool_used_bytes", rows, [](const S& s) { return s.mmu.pool_used(); });
  put<std::int64_t>(out, "buffer_watermark_bytes", rows,
                    [](const S& s) { return s.mmu.pool_used_max(); });
  put<std::int64_t>(out, "flooded_packets", rows, [](const S& s) { return s.flooded_packets; });
  put<std::int64_t>(out, "ecn_marked_packets", rows, [](const S& s) { return s.marked_packets; });
  return out;
}

/// One row per queue pair: how its receiver saw the order of its packets.
nb::dict reordering(const Engine& engine) {
  nb::dict out;
  const auto& rows = engine.receivers();
  using R = emu::RecvQp;
  put<std::int64_t>(out, "early_packets", rows, [](const R& r) { return r.early; });
  put<std::int64_t>(out, "early_max_packets", rows, [](const R& r) { return r.early_max; });
  put<std::int64_t>(out, "discarded_packets", rows, [](const R& r) { return r.discarded; });
  std::vector<std::int64_t> held(rows.size());
  for (std::size_t i = 0; i < engine.any_order().size(); ++i) {
    held[i] = engine.any_order()[i].placement.held_max;
  }
  out["held_max_packets"] = column(std::move(held));
  return out;
}

nb::dict queue_samples(const Engine& engine) {
  nb::dict out;
  const auto& rows = engine.queue_samples();
  using R = emu::QueueSample;
  put<std::int64_t>(out, "t_ps", rows, [](const R& r) { return r.at; });
  put<std::int32_t>(out, "port", rows, [](const R& r) { return r.port; });
  put<std::int8_t>(out, "priority", rows, [](const R& r) { return r.priority; });
  put<std::int64_t>(out, "egress_bytes", rows, [](const R& r) { return r.egress_bytes; });
  put<std::int64_t>(out, "pg_bytes", rows, [](const R& r) { return r.group_bytes; });
  put<std::uint8_t>(out, "paused", rows, [](const R& r) { return r.paused ? 1 : 0; });
  return out;
}

nb::dict series(const Engine& engine) {
  nb::dict out;
  const auto& rows = engine.series();
  using R = emu::SeriesSample;
  put<std::int64_t>(out, "t_ps", rows, [](const R& r) { return r.at; });
  put<std::int64_t>(out, "delivered_payload_bytes", rows,
                    [](const R& r) { return r.delivered_payload; });
  put<std::int64_t>(out, "tx_bytes", rows, [](const R& r) { return r.wire_bytes; });
  put<std::int64_t>(out, "drops_packets", rows, [](const R& r) { return r.drops; });
  put<std::int64_t>(out, "ecn_marked_packets", rows, [](const R& r) { return r.marked; });
  put<std::int64_t>(out, "pfc_frames", rows, [](const R& r) { return r.pfc_frames; });
  put<std::int64_t>(out, "paused_ps", rows, [](const R& r) { return r.paused_ps; });
  put<std::int64_t>(out, "flooded_bytes", rows, [](const R& r) { return r.flooded_bytes; });
  put<std::int64_t>(out, "cnp_packets", rows, [](const R& r) { return r.cnps; });
  put<std::int64_t>(out, "retransmitted_bytes", rows,
                    [](const R& r) { return r.retransmitted_bytes; });
  return out;
}

nb::dict events(const Engine& engine) {
  nb::dict out;
  const auto& rows = engine.events();
  using R = emu::Event;
  put<std::int64_t>(out, "t_ps", rows, [](const R& r) { return r.at; });
  put<std::int8_t>(out, "kind", rows, [](const R& r) { return r.kind; });
  put<std::int32_t>(out, "node", rows, [](const R& r) { return r.node; });
  put<std::int32_t>(out, "port", rows, [](const R& r) { return r.port; });
  put<std::int64_t>(out, "detail", rows, [](const R& r) { return r.detail; });
  return out;
}

nb::dict totals(const Engine& engine) {
  const emu::Totals& t = engine.totals();
  nb::dict out;
  const auto both = [&out](const char* name, std::uint64_t packets, std::uint64_t bytes) {
    out[(std::string(name) + "_packets").c_str()] = packets;
    out[(std::string(name) + "_bytes").c_str()] = bytes;
  };
  both("injected", t.injected_packets, t.injected_bytes);
  both("copied", t.copied_packets, t.copied_bytes);
  both("delivered", t.delivered_packets, t.delivered_bytes);
  both("discarded", t.discarded_packets, t.discarded_bytes);
  both("retransmitted", t.retransmitted_packets, t.retransmitted_bytes);
  both("flooded", t.flooded_packets, t.flooded_bytes);
  nb::dict packets;
  nb::dict bytes;
  for (std::size_t r = 0; r < emu::kDropReasons; ++r) {
    packets[emu::kDropNames[r]] = t.drop_packets[r];
    bytes[emu::kDropNames[r]] = t.drop_bytes[r];
  }
  out["dropped_packets_by_reason"] = packets;
  out["dropped_bytes_by_reason"] = bytes;
  const auto [flying, flying_bytes] = engine.in_flight();
  both("inflight", flying, flying_bytes);
  out["packet_hops"] = t.packet_hops;
  out["wire_bytes"] = t.wire_bytes;
  out["delivered_payload_bytes"] = t.delivered_payload;
  out["encapsulation_bytes"] = t.encap_bytes;
  out["data_packets"] = t.data_packets;
  out["ack_packets"] = t.ack_packets;
  out["nak_packets"] = t.nak_packets;
  out["cnp_packets"] = t.cnp_packets;
  out["arp_packets"] = t.arp_packets;
  out["ecn_marked_packets"] = t.marked_packets;
  out["pfc_frames"] = t.pfc_frames;
  out["xon_frames"] = t.xon_frames;
  out["xoff_episodes"] = t.xoff_episodes;
  out["timeouts"] = t.timeouts;
  out["failed_qps"] = t.failed_qps;
  return out;
}

/// Without the GIL, but Ctrl-C ends it: the exception comes at the next look.
void run_until(Engine& e, emu::Ps until, bool stop_when_done) {
  bool raised = false;
  e.set_interrupted([&raised] {
    const nb::gil_scoped_acquire gil;
    return raised = PyErr_CheckSignals() != 0;
  });
  {
    const nb::gil_scoped_release no_gil;
    e.run_until(until, stop_when_done);
  }
  e.set_interrupted(nullptr);
  if (raised) throw nb::python_error();
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "Packet-level discrete-event engine. Times are integer picoseconds.";
  m.attr("DROP") = emu::kRouteDrop;
  m.attr("FLOOD") = emu::kRouteFlood;
  m.attr("LOCAL") = emu::kRouteLocal;
  m.attr("TUNNEL_BIT") = emu::kTunnelBit;
  m.def("routing_policies", &emu::routing_names);

  nb::class_<Engine>(m, "Engine")
      .def(nb::init<std::uint64_t>(), "seed"_a)
      .def(
          "add_switch_profile",
          [](Engine& e, std::int32_t cell_bytes, std::int64_t buffer_bytes,
             std::int64_t pg_reserved_bytes, double alpha_lossless, double alpha_lossy,
             std::int64_t xon_bytes, std::int64_t xon_offset_bytes,
             std::int64_t headroom_pool_bytes, std::uint8_t lossless_mask, std::uint8_t strict_mask,
             std::array<std::int32_t, emu::kPriorities> quantum_bytes, Ps pipeline_ps,
             bool cut_through, std::uint32_t pfc_quanta, bool xoff_at_limit, bool resume_by_own,
             Ps watchdog_poll_ps, Ps watchdog_detect_ps, Ps watchdog_restore_ps,
             std::uint8_t watchdog_action) {
            return e.add_switch_profile(
                {{cell_bytes, buffer_bytes, pg_reserved_bytes, alpha_lossless, alpha_lossy,
                  xon_bytes, xon_offset_bytes, headroom_pool_bytes, lossless_mask, xoff_at_limit,
                  resume_by_own},
                 {strict_mask, quantum_bytes},
                 pipeline_ps,
                 cut_through,
                 pfc_quanta,
                 {watchdog_poll_ps, watchdog_detect_ps, watchdog_restore_ps,
                  emu::WatchdogAction{watchdog_action}}});
          },
          nb::kw_only(), "cell_bytes"_a, "buffer_bytes"_a, "pg_reserved_bytes"_a,
          "alpha_lossless"_a, "alpha_lossy"_a, "xon_bytes"_a, "xon_offset_bytes"_a,
          "headroom_pool_bytes"_a, "lossless_mask"_a, "strict_mask"_a, "quantum_bytes"_a,
          "pipeline_ps"_a, "cut_through"_a, "pfc_quanta"_a, "xoff_at_limit"_a, "resume_by_own"_a,
          "watchdog_poll_ps"_a, "watchdog_detect_ps"_a, "watchdog_restore_ps"_a,
          "watchdog_action"_a)
      .def(
          "add_nic_profile",
          [](Engine& e, std::int32_t mtu_bytes, std::int32_t ack_interval,
             std::uint8_t ack_priority, std::uint8_t cnp_priority, Ps retransmit_timeout_ps,
             std::int32_t retry_count, Ps cnp_interval_ps, std::uint8_t lossless_mask,
             std::int64_t rx_buffer_bytes, std::int64_t rx_xoff_bytes, std::int64_t rx_xon_bytes,
             bool congestion_control, bool ecn_capable, std::int64_t fixed_rate_bps,
             std::uint32_t pfc_quanta, const std::string& cc,
             const std::map<std::string, double>& cc_values, bool echo_on_ack) {
            emu::NicParams p;
            p.mtu = mtu_bytes;
            p.ack_interval = ack_interval;
            p.ack_priority = ack_priority;
            p.cnp_priority = cnp_priority;
            p.retransmit_timeout_ps = retransmit_timeout_ps;
            p.retry_count = retry_count;
            p.cnp_interval_ps = cnp_interval_ps;
            p.lossless = lossless_mask;
            p.rx_buffer_bytes = rx_buffer_bytes;
            p.rx_xoff_bytes = rx_xoff_bytes;
            p.rx_xon_bytes = rx_xon_bytes;
            p.congestion_control = congestion_control;
            p.ecn_capable = ecn_capable;
            p.fixed_rate_bps = fixed_rate_bps;
            p.pfc_quanta = pfc_quanta;
            if (congestion_control) p.cc = emu::Cc::make(cc, cc_values);
            p.echo_on_ack = echo_on_ack;
            return e.add_nic_profile(p);
          },
          nb::kw_only(), "mtu_bytes"_a, "ack_interval"_a, "ack_priority"_a, "cnp_priority"_a,
          "retransmit_timeout_ps"_a, "retry_count"_a, "cnp_interval_ps"_a, "lossless_mask"_a,
          "rx_buffer_bytes"_a, "rx_xoff_bytes"_a, "rx_xon_bytes"_a, "congestion_control"_a,
          "ecn_capable"_a, "fixed_rate_bps"_a, "pfc_quanta"_a, "cc"_a, "cc_values"_a,
          "echo_on_ack"_a)
      .def(
          "add_ecn_profile",
          [](Engine& e, std::int64_t kmin_bytes, std::int64_t kmax_bytes, double pmax,
             std::uint8_t priority_mask) {
            return e.add_ecn_profile({kmin_bytes, kmax_bytes, pmax, priority_mask});
          },
          "kmin_bytes"_a, "kmax_bytes"_a, "pmax"_a, "priority_mask"_a)
      .def(
          "set_receiver",
          [](Engine& e, std::uint32_t nic_profile, std::uint8_t receiver,
             std::uint32_t reorder_packets, std::uint32_t loss_after_packets, bool sender_waits) {
            e.set_receiver(nic_profile, static_cast<emu::Receiver>(receiver), reorder_packets,
                           loss_after_packets, sender_waits);
          },
          "nic_profile"_a, "receiver"_a, "reorder_packets"_a, "loss_after_packets"_a,
          "sender_waits"_a)
      .def(
          "set_entropy",
          [](Engine& e, std::uint32_t nic_profile, std::uint8_t mode, std::uint32_t values,
             std::uint32_t kept, Ps freeze_ps) {
            e.set_entropy(nic_profile,
                          {static_cast<emu::EntropyMode>(mode), values, kept, freeze_ps});
          },
          "nic_profile"_a, "mode"_a, "values"_a, "kept"_a, "freeze_ps"_a)
      .def("add_endpoint", &Engine::add_endpoint, "ports"_a, "profile"_a, "receive_ps"_a)
      .def("add_switch", &Engine::add_switch, "ports"_a, "profile"_a)
      .def("connect", &Engine::connect, "a"_a, "b"_a, "rate_bps"_a, "delay_ps"_a)
      .def("set_port_pfc", &Engine::set_port_pfc, "port"_a, "reaction_ps"_a)
      .def("set_port_ecn", &Engine::set_port_ecn, "port"_a, "profile"_a)
      .def("set_headroom", &Engine::set_headroom, "port"_a, "priority"_a, "headroom_bytes"_a)
      .def(
          "set_arp",
          [](Engine& e, Ps period_ps, std::uint16_t frame_bytes, std::uint8_t priority) {
            e.set_arp({period_ps, frame_bytes, priority});
          },
          "period_ps"_a, "frame_bytes"_a, "priority"_a)
      .def(
          "set_framing",
          [](Engine& e, std::int32_t header_bytes, std::int32_t ack_bytes, std::int32_t cnp_bytes,
             std::int32_t pfc_bytes, std::int32_t gap_bytes) {
            e.set_framing({header_bytes, 0, 0, 0, 1, ack_bytes, cnp_bytes, ack_bytes, pfc_bytes, 0,
                           gap_bytes, 0, 1});
          },
          nb::kw_only(), "header_bytes"_a, "ack_bytes"_a, "cnp_bytes"_a, "pfc_bytes"_a,
          "gap_bytes"_a)
      .def("set_time_grain", &Engine::set_time_grain, "grain_ps"_a)
      .def("set_done_when_acked", &Engine::set_done_when_acked, "on"_a)
      .def("set_pauses_hold", &Engine::set_pauses_hold, "hold"_a)
      .def("set_turns_by_due", &Engine::set_turns_by_due, "on"_a)
      .def(
          "set_hash_words",
          [](Engine& e, Input<std::uint32_t> words) {
            e.set_hash_words({words.data(), words.data() + words.size()});
          },
          "words"_a)
      .def(
          "set_groups",
          [](Engine& e, std::vector<std::vector<std::uint32_t>> groups,
             std::vector<std::vector<std::uint16_t>> tunnels,
             std::vector<std::int32_t> port_group) {
            e.tables().groups.clear();
            for (auto& group : groups) e.tables().groups.add(group);
            e.tables().tunnels = std::move(tunnels);
            e.tables().port_group = std::move(port_group);
          },
          "groups"_a, "tunnels"_a, "port_group"_a)
      .def(
          "set_overlay",
          [](Engine& e, std::int32_t overhead_bytes, bool ecn_copy_encap, bool ecn_copy_decap,
             bool dscp_copy_encap, bool dscp_copy_decap) {
            e.tables().overlay = {overhead_bytes, ecn_copy_encap, ecn_copy_decap, dscp_copy_encap,
                                  dscp_copy_decap};
          },
          "overhead_bytes"_a, "ecn_copy_encap"_a, "ecn_copy_decap"_a, "dscp_copy_encap"_a,
          "dscp_copy_decap"_a)
      .def(
          "set_bridging",
          [](Engine& e, Ps mac_age_ps, std::uint32_t mac_table_max, bool decrement_ttl) {
            e.tables().mac_age_ps = mac_age_ps;
            e.tables().mac_table_max = mac_table_max;
            e.tables().decrement_ttl = decrement_ttl;
          },
          "mac_age_ps"_a, "mac_table_max"_a, "decrement_ttl"_a)
      .def(
          "set_switch_tables",
          [](Engine& e, std::uint32_t sw, Input<std::uint16_t> fib, std::uint64_t hash_seed,
             std::int32_t vtep, bool bridged) {
            emu::SwitchTables& table = e.tables().switches.at(sw);
            table.fib.assign(fib.data(), fib.data() + fib.size());
            table.hash_seed = hash_seed;
            table.vtep = vtep;
            table.bridged = bridged;
          },
          "switch"_a, "fib"_a, "hash_seed"_a, "vtep"_a, "bridged"_a)
      .def(
          "set_flood",
          [](Engine& e, std::uint32_t sw, std::int32_t ingress, std::vector<std::uint16_t> groups) {
            e.tables().switches.at(sw).flood[ingress] = std::move(groups);
          },
          "switch"_a, "ingress"_a, "groups"_a)
      .def(
          "set_flood_tunnels",
          [](Engine& e, std::uint32_t sw, std::vector<std::uint16_t> vteps) {
            e.tables().switches.at(sw).flood_tunnels = std::move(vteps);
          },
          "switch"_a, "vteps"_a)
      .def(
          "set_tunnel",
          [](Engine& e, std::uint32_t tunnel, std::vector<std::uint16_t> vteps) {
            e.tables().tunnels.at(tunnel) = std::move(vteps);
          },
          "tunnel"_a, "vteps"_a)
      .def(
          "set_port_group",
          [](Engine& e, std::uint32_t port, std::int32_t group) {
            e.tables().port_group.at(port) = group;
          },
          "port"_a, "group"_a)
      .def(
          "set_routing",
          [](Engine& e, std::uint32_t sw, const std::string& policy,
             const std::vector<std::string>& names, const std::vector<std::int64_t>& values) {
            e.set_routing(sw, policy, {names, values});
          },
          "switch"_a, "policy"_a, "names"_a, "values"_a)
      .def(
          "set_pins",
          [](Engine& e, Input<std::uint32_t> pins) {
            e.set_pins({pins.data(), pins.data() + pins.size()});
          },
          "pins"_a)
      .def("port_loads", &port_loads)
      // Per group that has been asked for: its number, its members' ports, and
      // per slot its port and the bytes that it has carried. Ports are global.
      .def(
          "slots",
          [](Engine& e, std::uint32_t sw) {
            const std::uint32_t first = e.switches().at(sw).first_port;
            const auto global = [&](auto&& ports) {
              for (std::uint32_t& port : ports) port += first;
              return ports;
            };
            nb::list out;
            const auto& tables = e.controlled(sw).tables();
            for (std::uint32_t group = 0; group < tables.size(); ++group) {
              if (tables[group].stale) continue;
              std::vector<std::uint32_t> ports;
              std::vector<std::uint64_t> bytes;
              for (const auto& slot : tables[group].slots) {
                ports.push_back(slot.port);
                bytes.push_back(slot.bytes);
              }
              out.append(nb::make_tuple(group, global(std::vector(tables[group].ports)),
                                        global(std::move(ports)), std::move(bytes)));
            }
            return out;
          },
          nb::sig("def slots(self, switch: int) -> list[tuple[int, list[int], list[int], "
                  "list[int]]]"),
          "switch"_a)
      .def(
          "point_slot",
          [](Engine& e, std::uint32_t sw, std::uint32_t group, std::uint32_t slot,
             std::uint32_t port) {
            e.controlled(sw).point(group, slot, port - e.switches().at(sw).first_port);
          },
          "switch"_a, "group"_a, "slot"_a, "port"_a)
      .def("set_remote_state", &Engine::set_remote_state, "interval_ps"_a, "lag"_a,
           "quantum_bytes"_a)
      .def("set_threads", &Engine::set_threads, "threads"_a)
      .def("finish_build", &Engine::finish_build)
      .def(
          "add_qps",
          [](Engine& e, Input<std::uint32_t> src, Input<std::uint32_t> dst,
             Input<std::uint16_t> udp_sport, Input<std::uint8_t> priority,
             Input<std::uint8_t> read) {
            for (std::size_t i = 0; i < src.size(); ++i) {
              e.add_qp(src.data()[i], dst.data()[i], udp_sport.data()[i], priority.data()[i],
                       read.data()[i] ? emu::Verb::kRead : emu::Verb::kWrite);
            }
          },
          "src"_a, "dst"_a, "udp_sport"_a, "priority"_a, "read"_a)
      .def(
          "post",
          [](Engine& e, Input<std::uint32_t> qp, Input<std::int64_t> payload_bytes,
             Input<std::int64_t> at_ps) {
            for (std::size_t i = 0; i < qp.size(); ++i) {
              e.post(qp.data()[i], payload_bytes.data()[i], at_ps.data()[i]);
            }
          },
          "qp"_a, "payload_bytes"_a, "at_ps"_a)
      .def(
          "expect",
          [](Engine& e, Input<std::uint32_t> messages) {
            for (std::size_t i = 0; i < messages.size(); ++i) {
              e.expect(static_cast<std::uint32_t>(i), messages.data()[i]);
            }
          },
          "messages"_a)
      .def("retire", &retire)
      .def("live", &live)
      .def("set_group", &Engine::set_group, "group"_a, "ports"_a)
      .def("set_endpoint_group", &Engine::set_endpoint_group, "endpoint"_a, "group"_a)
      .def("set_fib", &Engine::set_fib, "switch"_a, "routes"_a, "value"_a)
      .def("flush_macs", &Engine::flush_macs, "switch"_a, "groups"_a)
      .def("set_link", &Engine::set_link, "port"_a, "up"_a)
      .def("port_detected", &Engine::port_detected, "port"_a, "up"_a)
      .def("set_loss", &Engine::set_loss, "port"_a, "loss"_a)
      .def("set_codeword_loss", &Engine::set_codeword_loss, "port"_a, "codeword_bytes"_a, "loss"_a)
      .def("set_frame_limit", &Engine::set_frame_limit, "port"_a, "bytes"_a)
      .def("set_rate", &Engine::set_rate, "port"_a, "rate_bps"_a)
      .def("set_lossless", &Engine::set_lossless, "sw"_a, "priorities"_a.none())
      .def("set_hash_seed", &Engine::set_hash_seed, "sw"_a, "seed"_a)
      .def("set_marking", &Engine::set_marking, "sw"_a, "on"_a)
      .def("set_black_hole", &Engine::set_black_hole, "port"_a, "on"_a, "routes"_a)
      .def("set_receive_rate", &Engine::set_receive_rate, "endpoint"_a, "rate_bps"_a)
      .def(
          "set_storm",
          [](Engine& e, std::uint32_t endpoint, std::uint8_t priority, bool on,
             std::uint32_t quanta, Ps every_ps, const std::string& frame) {
            e.set_storm(endpoint, priority, on, {quanta, every_ps, emu::storm_frame(frame)});
          },
          "endpoint"_a, "priority"_a, "on"_a, "quanta"_a, "every_ps"_a, "frame"_a)
      .def("set_silent", &Engine::set_silent, "endpoint"_a, "on"_a)
      .def("broadcast", &Engine::broadcast, "endpoint"_a)
      .def("sample", &Engine::sample, "queues"_a = true)
      .def("run_until", &run_until, "until_ps"_a, "stop_when_done"_a = false)
      .def_prop_ro("now_ps", &Engine::now)
      .def_prop_ro("window_ps", &Engine::window_ps)
      .def_prop_ro("unfinished", &Engine::unfinished)
      .def_prop_ro("packet_hops", [](const Engine& e) { return e.totals().packet_hops; })
      .def_prop_ro(
          "packets",
          [](const Engine& e) { return e.totals().injected_packets + e.totals().copied_packets; })
      .def("messages", &messages)
      .def("queues", &queues)
      .def("port_drops", &port_drops)
      .def("switches", &switches)
      .def("reordering", &reordering)
      .def("queue_samples", &queue_samples)
      .def("series", &series)
      .def("events", &events)
      .def("totals", &totals);
  emu::bind_capture(m);
  emu::bind_telemetry(m);
#ifdef EMU_LAB
  emu::lab::bind(m);
#endif
}
