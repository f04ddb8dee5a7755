// SPDX-License-Identifier: Apache-2.0
// A NIC port at which one queue pair alone has something to send: a train of packets
// from the middle of a message, each as soon as the pair's pace allows.
//
// Invariant: what happens is what settle_nic() and send_data() do packet by packet.
#include <algorithm>

#include "train.h"

namespace emu {

/// How many packets from its next on a queue pair may send in a train: neither the first
/// nor the last of a message, none for the second time, and not the last that it has.
std::uint32_t Lane::middle_packets(const SendQp& send) const {
  const std::uint32_t psn = send.next_psn;
  const Message& message = messages_[send.message];
  std::uint32_t until = std::min(message.end_psn(), send.end_psn) - 1;
  if (send.restart_psn > psn) until = std::min(until, send.restart_psn);
  const bool plain = psn > message.first_psn && psn >= send.high_psn && psn != send.restart_psn &&
                     send.resend == 0 && psn < until;
  return plain ? until - psn : 0;
}

/// Sends up to `most` packets of a queue pair from `start` on, while they start before
/// `until`, and lets it wait for its turn or its pace.
void Lane::send_train(Endpoint& ep, Port& port, std::uint32_t qp_number, std::uint32_t most,
                      Ps start, Ps until) {
  const QueuePair& qp = qps_[qp_number];
  SendQp& send = send_[qp_number];
  Message& message = messages_[send.message];
  const NicParams& nic = nic_profiles_[ep.profile];
  const Bps line = port.rate.bps;
  const Bps rate_max = nic.fixed_rate_bps > 0 ? nic.fixed_rate_bps : line;
  const auto bytes = static_cast<std::uint32_t>(middle_frame_bytes(nic.mtu, framing_));
  const Packet packet{
      .at = 0,
      .qp = qp_number,
      .psn = 0,
      .entropy = qp.entropy,
      .route = static_cast<std::uint16_t>(qp.dst),
      .dst = static_cast<std::uint16_t>(qp.dst),
      .bytes = static_cast<std::uint16_t>(bytes),
      .ingress = 0,
      .kind = qp.verb == Verb::kWrite ? Kind::kData : Kind::kReadData,
      .flags = static_cast<std::uint8_t>(nic.ecn_capable ? kEct : 0),
      .priority = qp.priority,
      .hops = 0,
  };
  if (send.una_psn == send.high_psn) send.progress = start;  // nothing was outstanding
  const std::uint32_t first_psn = send.next_psn;
  const std::uint32_t end_psn = first_psn + most;
  std::uint32_t psn = first_psn;
  Ps due = 0;
  Ps wait = 0;  // paced: until then
  bool ready = false;
  Bps gap_rate = 0;
  Ps gap_ps = 0;
  Train train(*this, port, port.next_free);
  with_cc(cc_[qp_number], nic.cc, [&](auto algorithm, auto& state, const auto& params) {
    for (;;) {
      Packet& on_wire = train.send(packet, start);
      on_wire.psn = psn;
      if (sprays_) on_wire.entropy = spread(qp_number, nic, start);
      Bps rate = rate_max;
      if (state.limited) {
        while (algorithm.step(state, params, line, start) != kNever) {
        }
        const std::uint32_t place = psn - message.first_psn + 1;
        const bool asks_ack = place % static_cast<std::uint32_t>(nic.ack_interval) == 0;
        algorithm.on_send(state, params, line, {bytes, psn, train.free(), asks_ack, false});
        rate = std::min(rate, state.rate);
      }
      ++psn;
      due = train.free();
      if (rate < line) {
        if (rate != gap_rate) {
          gap_rate = rate;
          gap_ps = serialisation_ps(bytes + framing_.gap_bytes, rate, framing_.grain_ps);
        }
        due = start + gap_ps;
      }
      ready = due <= train.free();
      while (!ready) {
        wait = state.limited ? std::min(due, state.timer_due) : due;
        const Ps at = std::max(train.free(), wait);
        if (at >= until) return;
        while (state.limited) {
          const Bps before = state.rate;
          const Ps step_at = algorithm.step(state, params, line, at);
          if (step_at == kNever) break;
          if (due > step_at) due = step_at + rest_of_gap(due - step_at, before, state.rate);
        }
        ready = due <= at;
      }
      start = std::max(train.free(), due);
      if (start >= until || psn == end_psn) return;
    }
  });
  train.end();
  const std::uint32_t sent = psn - first_psn;
  totals_.injected_packets += sent;
  totals_.injected_bytes += train.bytes();
  totals_.data_packets += sent;
  message.sent_packets += sent;
  send.next_psn = send.high_psn = psn;
  send.due = due;
  EgressQueue& queue = queues_[(ep.first_port + send.port) * kPriorities + qp.priority];
  queue.tx_packets += sent;
  queue.tx_bytes += train.wire_bytes();
  queue.tx_payload += train.bytes() - std::uint64_t{sent} *
                                          static_cast<std::uint32_t>(headers_[header_row(packet)]);
  port.paused &= static_cast<PrioritySet>(~(1U << qp.priority));
  NicPort& waiting = nic_ports_[ep.first_port + send.port];
  if (ready) {
    push_ready(waiting, qp_number);
  } else {
    send.state = SendState::kPaced;
    waiting.paced.push(wait, qp_number);
  }
}

}  // namespace emu
