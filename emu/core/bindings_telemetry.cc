// SPDX-License-Identifier: Apache-2.0
// What is recorded of a run, as Python sees it: columns, one dictionary per table.
// Lists of flows come as their own columns (row, flow, bytes).
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "emu/bindings/columns.h"
#include "telemetry/telemetry.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace emu {

namespace {

using namespace bindings;
using telemetry::Telemetry;

template <typename Rows, typename Get>
nb::dict shares(const Rows& rows, Get get) {
  std::vector<std::int64_t> row, flow, bytes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const telemetry::Share& share : get(rows[i]).sorted()) {
      row.push_back(static_cast<std::int64_t>(i));
      flow.push_back(share.flow);
      bytes.push_back(share.bytes);
    }
  }
  nb::dict out;
  out["row"] = column(std::move(row));
  out["flow"] = column(std::move(flow));
  out["bytes"] = column(std::move(bytes));
  return out;
}

nb::dict port_rows(const Telemetry& t) {
  nb::dict out;
  const auto& rows = t.meters().ports();
  using R = telemetry::PortRow;
  put<std::int64_t>(out, "t_ps", rows, [](const R& r) { return r.at; });
  put<std::int32_t>(out, "port", rows, [](const R& r) { return r.port; });
  put<std::int8_t>(out, "priority", rows, [](const R& r) { return r.priority; });
  put<std::int64_t>(out, "tx_packets", rows, [](const R& r) { return r.tx_packets; });
  put<std::int64_t>(out, "tx_bytes", rows, [](const R& r) { return r.tx_bytes; });
  put<std::int64_t>(out, "ecn_marked_packets", rows, [](const R& r) { return r.marked; });
  put<std::int64_t>(out, "dropped_packets", rows, [](const R& r) { return r.dropped; });
  put<std::int64_t>(out, "pfc_tx_frames", rows, [](const R& r) { return r.pfc_tx; });
  put<std::int64_t>(out, "pfc_rx_frames", rows, [](const R& r) { return r.pfc_rx; });
  put<std::int64_t>(out, "paused_ps", rows, [](const R& r) { return r.paused_ps; });
  put<std::int64_t>(out, "egress_bytes", rows, [](const R& r) { return r.egress_bytes; });
  put<std::int64_t>(out, "egress_watermark_bytes", rows, [](const R& r) { return r.egress_peak; });
  put<std::int64_t>(out, "pg_bytes", rows, [](const R& r) { return r.group_bytes; });
  return out;
}

nb::dict wire_rows(const Telemetry& t) {
  nb::dict out;
  const auto& rows = t.meters().wires();
  using R = telemetry::WireRow;
  put<std::int64_t>(out, "t_ps", rows, [](const R& r) { return r.at; });
  put<std::int32_t>(out, "port", rows, [](const R& r) { return r.port; });
  put<std::int64_t>(out, "rx_packets", rows, [](const R& r) { return r.rx_packets; });
  put<std::int64_t>(out, "rx_bytes", rows, [](const R& r) { return r.rx_bytes; });
  put<std::int64_t>(out, "rx_errors", rows, [](const R& r) { return r.errors; });
  return out;
}

nb::dict pair_rows(const Telemetry& t) {
  nb::dict out;
  const auto& rows = t.meters().pairs();
  using R = telemetry::PairRow;
  put<std::int64_t>(out, "t_ps", rows, [](const R& r) { return r.at; });
  put<std::int32_t>(out, "qp_id", rows, [](const R& r) { return r.qp; });
  put<std::int64_t>(out, "sent_bytes", rows, [](const R& r) { return r.sent_bytes; });
  put<std::int64_t>(out, "delivered_bytes", rows, [](const R& r) { return r.delivered_bytes; });
  put<std::int64_t>(out, "open_bytes", rows, [](const R& r) { return r.open_bytes; });
  put<std::int64_t>(out, "rate_bps", rows, [](const R& r) { return r.rate_bps; });
  return out;
}

nb::dict bursts(const Telemetry& t) {
  static const std::vector<telemetry::Burst> kNothing;
  const auto& rows = t.bursts() == nullptr ? kNothing : t.bursts()->rows();
  nb::dict out;
  using R = telemetry::Burst;
  put<std::int32_t>(out, "port", rows, [](const R& r) { return r.port; });
  put<std::int8_t>(out, "priority", rows, [](const R& r) { return r.priority; });
  put<std::int64_t>(out, "start_ps", rows, [](const R& r) { return r.start; });
  put<std::int64_t>(out, "end_ps", rows, [](const R& r) { return r.over ? r.end : -1; });
  put<std::int64_t>(out, "peak_bytes", rows, [](const R& r) { return r.peak_bytes; });
  put<std::int64_t>(out, "peak_ps", rows, [](const R& r) { return r.peak_at; });
  put<std::int64_t>(out, "packets", rows, [](const R& r) { return r.packets; });
  out["flows"] = shares(rows, [](const R& r) -> const auto& { return r.flows; });
  return out;
}

nb::dict pauses(const Telemetry& t) {
  static const std::vector<telemetry::Pause> kNothing;
  const auto& rows = t.episodes() == nullptr ? kNothing : t.episodes()->rows();
  nb::dict out;
  using R = telemetry::Pause;
  put<std::int32_t>(out, "port", rows, [](const R& r) { return r.port; });
  put<std::int8_t>(out, "priority", rows, [](const R& r) { return r.priority; });
  put<std::int8_t>(out, "reason", rows, [](const R& r) { return r.storm ? 2 : r.host ? 1 : 0; });
  put<std::int64_t>(out, "start_ps", rows, [](const R& r) { return r.start; });
  put<std::int64_t>(out, "end_ps", rows, [](const R& r) { return r.end; });
  put<std::int64_t>(out, "obeyed_ps", rows, [](const R& r) { return r.obeyed; });
  put<std::int64_t>(out, "released_ps", rows, [](const R& r) { return r.released; });
  put<std::int64_t>(out, "frames", rows, [](const R& r) { return r.frames; });
  put<std::int64_t>(out, "parent", rows, [](const R& r) { return r.parent; });
  put<std::int64_t>(out, "queue", rows, [](const R& r) {
    return r.queue == kNone ? -1 : static_cast<std::int64_t>(r.queue);
  });
  put<std::int64_t>(out, "queue_bytes", rows, [](const R& r) { return r.queue_bytes; });
  out["cause"] = shares(rows, [](const R& r) -> const auto& { return r.cause; });
  out["waiting"] = shares(rows, [](const R& r) -> const auto& { return r.waiting; });
  return out;
}

nb::dict hops(const Telemetry& t) {
  static const std::vector<telemetry::Hop> kNothing;
  const auto& rows = t.packets() == nullptr ? kNothing : t.packets()->rows();
  nb::dict out;
  using R = telemetry::Hop;
  put<std::int64_t>(out, "flow_id", rows, [](const R& r) { return r.flow; });
  put<std::int32_t>(out, "qp_id", rows, [](const R& r) { return r.qp; });
  put<std::int64_t>(out, "psn", rows, [](const R& r) { return r.psn; });
  put<std::int32_t>(out, "port", rows, [](const R& r) { return r.port; });
  put<std::int8_t>(out, "priority", rows, [](const R& r) { return r.priority; });
  put<std::int64_t>(out, "queued_ps", rows, [](const R& r) { return r.queued; });
  put<std::int64_t>(out, "started_ps", rows, [](const R& r) { return r.started; });
  put<std::int64_t>(out, "arrives_ps", rows, [](const R& r) { return r.arrives; });
  put<std::int64_t>(out, "queue_bytes", rows, [](const R& r) { return r.queue_bytes; });
  put<std::uint8_t>(out, "marked", rows, [](const R& r) { return r.marked ? 1 : 0; });
  return out;
}

/// What a switch counts beside its queues, at this moment: by port * 8 + priority,
/// by port, by switch.
nb::dict counters(const Engine& engine) {
  nb::dict out;
  const auto& queues = engine.queues();
  using Q = EgressQueue;
  put<std::int64_t>(out, "queue_bytes", queues, [](const Q& q) { return q.bytes; });
  const auto& groups = engine.groups();
  using G = PriorityGroup;
  put<std::int64_t>(out, "group_bytes", groups, [](const G& g) { return g.used; });
  put<std::int64_t>(out, "headroom_bytes", groups, [](const G& g) { return g.headroom; });
  put<std::int64_t>(out, "group_watermark_bytes", groups, [](const G& g) { return g.used_max; });
  std::vector<std::int64_t> queue_drops, group_drops, pauses_ended;
  for (const DropCounts& drops : engine.drops()) {
    for (int p = 0; p < kPriorities; ++p) {
      queue_drops.push_back(static_cast<std::int64_t>(drops.queue_packets[p]));
      group_drops.push_back(static_cast<std::int64_t>(drops.group_packets[p]));
      pauses_ended.push_back(static_cast<std::int64_t>(drops.pauses_ended[p]));
    }
  }
  out["queue_dropped_packets"] = column(std::move(queue_drops));
  out["pfc_on_off_frames"] = column(std::move(pauses_ended));
  out["group_dropped_packets"] = column(std::move(group_drops));
  std::vector<std::int64_t> flying, flying_bytes, up;
  for (const auto& [packets, bytes] : engine.on_wires()) {
    flying.push_back(packets);
    flying_bytes.push_back(bytes + std::int64_t{packets} * engine.framing().gap_bytes);
  }
  for (const Port& port : engine.ports()) up.push_back(port.link_up ? 1 : 0);
  out["arriving_packets"] = column(std::move(flying));
  out["arriving_bytes"] = column(std::move(flying_bytes));
  out["link_up"] = column(std::move(up));
  out["gap_bytes"] = engine.framing().gap_bytes;
  const auto& drops = engine.drops();
  using D = DropCounts;
  put<std::int64_t>(out, "wire_lost_packets", drops, [](const D& d) { return d.wire_packets; });
  const std::int64_t gap = engine.framing().gap_bytes;
  put<std::int64_t>(out, "wire_lost_bytes", drops, [gap](const D& d) {
    return static_cast<std::int64_t>(d.wire_bytes) +
           static_cast<std::int64_t>(d.wire_packets) * gap;
  });
  return out;
}

}  // namespace

void bind_telemetry(nb::module_& m) {
  m.def("counters", &counters, "engine"_a);
  nb::class_<Telemetry>(m, "Telemetry")
      .def(
          "__init__",
          [](Telemetry* self, Engine& engine, bool meters, std::int64_t burst_bytes,
             std::uint64_t pauses_max, std::uint32_t inband_every, std::uint64_t rows_max) {
            new (self) Telemetry(engine, {meters, burst_bytes, pauses_max, inband_every, rows_max});
          },
          nb::keep_alive<1, 2>(), "engine"_a, nb::kw_only(), "meters"_a, "burst_bytes"_a,
          "pauses_max"_a, "inband_every"_a, "rows_max"_a)
      .def("finish", &Telemetry::finish)
      .def("port_rows", &port_rows)
      .def("wire_rows", &wire_rows)
      .def("pair_rows", &pair_rows)
      .def("bursts", &bursts)
      .def("pauses", &pauses)
      .def("hops", &hops);
}

}  // namespace emu
