// SPDX-License-Identifier: Apache-2.0
#include "meters.h"

namespace emu::telemetry {

void Meters::sample(std::uint64_t rows_max) {
  // A sample is whole or left out.
  if (ports_.size() + engine_.queues().size() <= rows_max) sample_ports();
  if (wires_.size() + engine_.ports().size() <= rows_max) sample_wires();
  if (pairs_.size() + engine_.queue_pairs().size() <= rows_max) sample_pairs();
}

void Meters::sample_ports() {
  const Ps now = engine_.now();
  const auto& queues = engine_.queues();
  queue_then_.resize(queues.size());
  for (std::uint32_t q = 0; q < queues.size(); ++q) {
    const EgressQueue& queue = queues[q];
    const PriorityGroup& group = engine_.groups()[q];
    const DropCounts& drops = engine_.drops()[q / kPriorities];
    PortRow row;
    row.at = now;
    row.port = q / kPriorities;
    row.priority = static_cast<std::uint8_t>(q % kPriorities);
    row.tx_packets = static_cast<std::int64_t>(queue.tx_packets);
    row.tx_bytes = static_cast<std::int64_t>(queue.tx_bytes);
    row.marked = static_cast<std::int64_t>(queue.marked);
    row.pfc_tx = static_cast<std::int64_t>(queue.pfc_tx);
    row.pfc_rx = static_cast<std::int64_t>(queue.pfc_rx);
    row.paused_ps = queue.paused_total(now);
    row.dropped = static_cast<std::int64_t>(drops.queue_packets[row.priority] +
                                            drops.group_packets[row.priority]);
    row.egress_bytes = queue.bytes;
    row.egress_peak = engine_.take_watermark(q);
    row.group_bytes = group.used + group.headroom;
    PortRow& then = queue_then_[q];
    const bool quiet = row.tx_packets == then.tx_packets && row.dropped == then.dropped &&
                       row.pfc_tx == then.pfc_tx && row.pfc_rx == then.pfc_rx &&
                       row.paused_ps == then.paused_ps && row.egress_bytes == 0 &&
                       row.group_bytes == 0;
    if (quiet) continue;
    PortRow delta = row;
    delta.tx_packets -= then.tx_packets;
    delta.tx_bytes -= then.tx_bytes;
    delta.marked -= then.marked;
    delta.pfc_tx -= then.pfc_tx;
    delta.pfc_rx -= then.pfc_rx;
    delta.paused_ps -= then.paused_ps;
    delta.dropped -= then.dropped;
    ports_.push_back(delta);
    then = row;
  }
}

void Meters::sample_wires() {
  const auto& ports = engine_.ports();
  const auto on_wires = engine_.on_wires();
  wire_then_.resize(ports.size());
  for (std::uint32_t number = 0; number < ports.size(); ++number) {
    const Port& port = ports[number];
    const DropCounts& drops = engine_.drops()[port.peer];
    WireRow row;
    row.at = engine_.now();
    row.port = number;
    for (std::uint32_t p = 0; p < kPriorities; ++p) {
      const EgressQueue& queue = engine_.queues()[port.peer * kPriorities + p];
      row.rx_packets += static_cast<std::int64_t>(queue.tx_packets);
      row.rx_bytes += static_cast<std::int64_t>(queue.tx_bytes);
    }
    const std::int64_t gap = engine_.framing().gap_bytes;
    const auto lost = static_cast<std::int64_t>(drops.wire_packets);
    const auto [flying_packets, flying_bytes] = on_wires[number];
    const auto flying = static_cast<std::int64_t>(flying_packets);
    row.rx_packets -= lost + flying;
    row.rx_bytes -= static_cast<std::int64_t>(drops.wire_bytes) + (lost + flying) * gap;
    row.rx_bytes -= flying_bytes;
    row.errors =
        static_cast<std::int64_t>(drops.packets[static_cast<std::size_t>(Drop::kLinkError)]);
    WireRow& then = wire_then_[number];
    if (row.rx_packets == then.rx_packets && row.errors == then.errors) continue;
    WireRow delta = row;
    delta.rx_packets -= then.rx_packets;
    delta.rx_bytes -= then.rx_bytes;
    delta.errors -= then.errors;
    wires_.push_back(delta);
    then = row;
  }
}

/// Payload bytes of the queue pair before `psn`, which never falls.
std::int64_t Meters::advance(Progress& side, std::uint32_t qp, std::uint32_t psn,
                             std::int32_t mtu) {
  const auto& messages = engine_.messages();
  if (side.message == kNone) side.message = engine_.queue_pairs()[qp].first_message;
  if (side.message == kNone) return 0;
  while (psn >= messages[side.message].end_psn() && messages[side.message].next != kNone) {
    side.before += messages[side.message].bytes;
    side.message = messages[side.message].next;
  }
  const Message& message = messages[side.message];
  const auto packets = static_cast<std::int64_t>(psn - message.first_psn);
  return side.before + std::min(message.bytes, packets * mtu);
}

void Meters::sample_pairs() {
  const auto& pairs = engine_.queue_pairs();
  sent_.resize(pairs.size());
  delivered_.resize(pairs.size());
  for (std::uint32_t qp = 0; qp < pairs.size(); ++qp) {
    const std::uint32_t high = engine_.send_side()[qp].high_psn;
    const std::uint32_t expected = engine_.receive_side()[qp].expected;
    if (high == 0) continue;
    Progress& sent = sent_[qp];
    Progress& delivered = delivered_[qp];
    const std::int32_t mtu = engine_.nic(pairs[qp].src).mtu;
    const std::int64_t sent_bytes = advance(sent, qp, high, mtu);
    const std::int64_t delivered_bytes = advance(delivered, qp, expected, mtu);
    if (sent_bytes == sent.bytes && delivered_bytes == delivered.bytes && high <= expected)
      continue;
    pairs_.push_back({engine_.now(), qp, sent_bytes - sent.bytes, delivered_bytes - delivered.bytes,
                      sent_bytes - delivered_bytes, engine_.allowed_rate(qp)});
    sent.bytes = sent_bytes;
    delivered.bytes = delivered_bytes;
  }
}

}  // namespace emu::telemetry
