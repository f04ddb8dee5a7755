// SPDX-License-Identifier: Apache-2.0
// RoCEv2 reliable connection: go-back-N in both directions of transfer.
//
// WRITE: the source sends, the destination acknowledges every ack_interval
// packets and at the end of a message, and answers a gap with one NAK.
// READ: the destination asks, the source sends; a gap or a timeout makes the
// destination ask again from the first missing packet (IBTA vol. 1 §9.7, §9.9).
#include <algorithm>
#include <utility>

#include "link.h"

namespace emu {

/// A packet has reached the endpoint by one of its ports. What the endpoint
/// sends is brought up to `now` only where the packet can change that: data in
/// order, which is nearly all of it, changes the receiving side alone.
void Lane::deliver(Endpoint& ep, const Packet& packet, Ps now) {
  const std::uint32_t number = ep.first_port + packet.ingress;
  if (packet.kind >= Kind::kArp) [[unlikely]] {
    ++totals_.delivered_packets;
    totals_.delivered_bytes += packet.bytes;
    return;
  }
  if (packet.dst != ep.node) [[unlikely]] {
    ++totals_.discarded_packets;
    totals_.discarded_bytes += packet.bytes;
    return;
  }
  if (ep.silent) [[unlikely]] {
    count_drop(number, packet, Drop::kHostSilent);
    return;
  }
  if (ep.receive_rate_bps > 0) [[unlikely]] {
    settle_endpoint(ep, now);
    bool overflow = false;
    occupy_receiver(ep, number, packet, now, overflow);
    if (overflow) {
      count_drop(number, packet, Drop::kReceiverOverflow);
      return;
    }
  }
  ++totals_.delivered_packets;
  totals_.delivered_bytes += packet.bytes;
  if (carries_data(packet.kind)) [[likely]] {
    on_data(ep, packet, now);
    return;
  }
  settle_endpoint(ep, now);
  switch (packet.kind) {
    case Kind::kAck:
      on_ack(ep, packet, now);
      break;
    case Kind::kNak:
      on_nak(ep, packet, now);
      break;
    case Kind::kCnp:
      on_cnp(ep, packet, now);
      break;
    case Kind::kReadRequest:
      on_read_request(ep, packet, now);
      break;
    default:
      break;
  }
}

/// A control packet in answer to one that has just come.
void Lane::answer(Endpoint& ep, Kind kind, std::uint32_t qp, std::uint32_t psn, Ps now,
                  std::uint8_t flags) {
  settle_endpoint(ep, now);
  send_control(ep, kind, qp, psn, now, flags);
}

void Lane::on_data(Endpoint& ep, const Packet& packet, Ps now) {
  RecvQp& recv = recv_[packet.qp];
  const NicParams& nic = nic_profiles_[ep.profile];
  if (recv.message == kNone) recv.message = qps_[packet.qp].first_message;
  Message* message = &messages_[recv.message];
  // Not before a packet of it comes: whether the next message has been posted yet
  // must not show.
  while (recv.expected >= message->end_psn() && packet.psn >= message->end_psn() &&
         message->next != kNone) {
    recv.message = message->next;
    message = &messages_[recv.message];
  }
  if ((packet.flags & kCe) != 0) {
    ++message->marked_packets;
    if (nic.congestion_control && !nic.echo_on_ack && now >= recv.cnp_allowed) {
      recv.cnp_allowed = now + nic.cnp_interval_ps;
      answer(ep, Kind::kCnp, packet.qp, 0, now);
    }
  }
  if (nic.receiver != Receiver::kGoBackN) {
    place(ep, packet, now);
    return;
  }
  const std::uint8_t echo = nic.echo_on_ack ? packet.flags & kCe : 0;
  const bool write = packet.kind == Kind::kData;
  if (packet.psn != recv.expected) [[unlikely]] {
    if (packet.psn < recv.expected) {  // a duplicate is acknowledged again
      if (write && (packet.flags & kLast) != 0) {
        answer(ep, Kind::kAck, packet.qp, recv.expected, now);
      }
      return;
    }
    ++recv.early;
    ++recv.discarded;
    recv.early_max = std::max(recv.early_max, packet.psn - recv.expected);
    if (!recv.gap_reported) {
      recv.gap_reported = true;
      recv.asked_again |= !write;
      ++message->naks;
      answer(ep, write ? Kind::kNak : Kind::kReadRequest, packet.qp, recv.expected, now, echo);
    }
    return;
  }
  recv.gap_reported = false;
  recv.progress = now;
  recv.retries = 0;
  ++recv.expected;
  ++recv.since_ack;
  totals_.delivered_payload +=
      static_cast<std::uint64_t>(payload_bytes(*message, packet.psn, nic.mtu));
  if (recv.expected == message->end_psn() && message->end < 0 && !message->failed) {
    message->end = now;
    if (!write) message->acked = now;
    if (!write || !done_when_acked_) ++ended_;
  }
  if (write && ((packet.flags & kLast) != 0 ||
                recv.since_ack >= static_cast<std::uint32_t>(nic.ack_interval))) {
    recv.since_ack = 0;
    answer(ep, Kind::kAck, packet.qp, recv.expected, now, echo);
  }
}

/// Everything before `una` has arrived.
void Lane::acknowledge(SendQp& send, std::uint32_t una, Ps now) {
  if (una <= send.una_psn) return;
  send.una_psn = una;
  send.progress = now;
  send.retries = 0;
  while (send.una_message != kNone && messages_[send.una_message].end_psn() <= una) {
    Message& message = messages_[send.una_message];
    if (message.acked < 0) {
      message.acked = now;
      if (done_when_acked_ && !message.failed) ++ended_;
    }
    if (message.next == kNone) break;
    send.una_message = message.next;
  }
}

void Lane::rewind(SendQp& send, std::uint32_t psn) {
  if (psn >= send.next_psn) return;
  send.next_psn = psn;
  while (messages_[send.message].first_psn > psn) send.message = messages_[send.message].previous;
}

void Lane::on_ack(Endpoint& ep, const Packet& packet, Ps now) {
  SendQp& send = send_[packet.qp];
  acknowledge(send, packet.psn, now);
  const NicParams& nic = nic_profiles_[ep.profile];
  if (nic.echo_on_ack && (packet.flags & kCe) != 0) on_cnp(ep, packet, now);
  if (nic.congestion_control) {
    steer(packet.qp, now, [&](auto algorithm, auto& state, const auto& params) {
      algorithm.on_ack(state, params, line_rate(ep), packet.psn, now);
    });
  }
  // A late ACK can overtake a rewind: what it covers is not sent again.
  if (send.next_psn < send.una_psn) send.next_psn = send.una_psn;
  if (!any_order_.empty()) hear_of_arrivals(ep, packet.qp, packet.psn, now);
}

void Lane::on_nak(Endpoint& ep, const Packet& packet, Ps now) {
  SendQp& send = send_[packet.qp];
  if (send.state == SendState::kFailed || packet.psn < send.una_psn) return;  // overtaken
  acknowledge(send, packet.psn, now);
  if (nic_profiles_[ep.profile].echo_on_ack && (packet.flags & kCe) != 0) on_cnp(ep, packet, now);
  record(now, EventKind::kNakRewind, ep.node, ep.first_port, packet.qp);
  rewind(send, packet.psn);
  if (!entropy_source_.empty()) {
    entropy_source_[packet.qp].lost(nic_profiles_[ep.profile].entropy, now);
  }
  make_ready(ep, packet.qp, now);
}

void Lane::on_cnp(Endpoint& ep, const Packet& packet, Ps now) {
  SendQp& send = send_[packet.qp];
  if (send.message != kNone) ++messages_[send.message].cnps;
  const NicParams& nic = nic_profiles_[ep.profile];
  if (!nic.congestion_control) return;
  const Bps line = line_rate(ep);
  catch_up(packet.qp, line, now);
  steer(packet.qp, now, [&](auto algorithm, auto& state, const auto& params) {
    algorithm.on_cnp(state, params, line, now);
  });
}

void Lane::on_read_request(Endpoint& ep, const Packet& packet, Ps now) {
  SendQp& send = send_[packet.qp];
  if (send.state == SendState::kFailed) return;
  const NicParams& nic = nic_profiles_[ep.profile];
  const bool selective = nic.receiver == Receiver::kSelective;
  std::uint32_t& asked_psn =
      windowed(nic) ? any_order_[packet.qp].selective.posted_psn : send.end_psn;
  if (packet.psn == asked_psn) {  // the next request of the queue pair
    std::uint32_t m = send.message == kNone ? qps_[packet.qp].first_message : send.message;
    while (m != kNone && messages_[m].first_psn < packet.psn) m = messages_[m].next;
    if (m == kNone) return;
    if (send.message == kNone) send.message = send.una_message = m;
    asked_psn = messages_[m].end_psn();
    if (windowed(nic)) open_window(packet.qp, nic);
  } else if (selective) {
    repeat_missing(packet.qp);
  } else if (packet.psn < send.end_psn) {  // repeated from the first missing packet
    if (packet.psn < send.next_psn) {
      record(now, EventKind::kNakRewind, ep.node, ep.first_port, packet.qp);
    }
    if (packet.psn <= send.next_psn) send.restart_psn = packet.psn;
    rewind(send, packet.psn);
  }
  make_ready(ep, packet.qp, now);
}

void Lane::start_message(Endpoint& ep, std::uint32_t number, Ps now) {
  Message& message = messages_[number];
  const QueuePair& qp = qps_[message.qp];
  if (qp.verb == Verb::kRead) {
    RecvQp& recv = recv_[message.qp];
    if (recv.expected == recv.requested_psn) recv.progress = now;
    recv.requested_psn = message.end_psn();
    if (!ep.silent) send_control(ep, Kind::kReadRequest, message.qp, message.first_psn, now);
    const Ps timeout = nic_profiles_[ep.profile].retransmit_timeout_ps;
    if (!recv.timer_armed && timeout > 0) {
      recv.timer_armed = true;
      arm(ep, now + timeout, TimerKind::kReadRetry, message.qp);
    }
    return;
  }
  SendQp& send = send_[message.qp];
  if (send.state == SendState::kFailed) return;
  if (send.message == kNone) send.message = send.una_message = number;
  if (windowed(nic_profiles_[ep.profile])) {
    any_order_[message.qp].selective.posted_psn = message.end_psn();
    open_window(message.qp, nic_profiles_[ep.profile]);
  } else {
    send.end_psn = message.end_psn();
  }
  const Ps timeout = nic_profiles_[ep.profile].retransmit_timeout_ps;
  if (!send.timer_armed && timeout > 0) {
    send.timer_armed = true;
    send.progress = now;
    arm(ep, now + timeout, TimerKind::kRetransmit, message.qp);
  }
  make_ready(ep, message.qp, now);
}

void Lane::send_data(Endpoint& ep, Port& port, std::uint32_t qp_number, Ps start) {
  const QueuePair& qp = qps_[qp_number];
  SendQp& send = send_[qp_number];
  const NicParams& nic = nic_profiles_[ep.profile];
  std::uint32_t psn = send.next_psn;
  if (send.resend != 0 && !next_repeated(qp_number, psn)) [[unlikely]]
    return;
  while (psn >= messages_[send.message].end_psn()) send.message = messages_[send.message].next;
  Message& message = messages_[send.message];
  const bool restarts = psn == send.restart_psn;
  const bool first = psn == message.first_psn || restarts;
  const bool last = psn + 1 == message.end_psn();
  const bool write = qp.verb == Verb::kWrite;
  const std::uint32_t bytes = static_cast<std::uint32_t>(
      first || last ? data_frame_bytes(message, psn, nic.mtu, qp.verb, restarts, framing_)
                    : middle_frame_bytes(nic.mtu, framing_));
  const Packet packet{
      .at = 0,
      .qp = qp_number,
      .psn = psn,
      .entropy = sprays_ ? spread(qp_number, nic, start) : qp.entropy,
      .route = static_cast<std::uint16_t>(qp.dst),
      .dst = static_cast<std::uint16_t>(qp.dst),
      .bytes = static_cast<std::uint16_t>(bytes),
      .ingress = 0,
      .kind = write ? Kind::kData : Kind::kReadData,
      .flags = static_cast<std::uint8_t>((nic.ecn_capable ? kEct : 0) | (first ? kFirst : 0) |
                                         (last ? kLast : 0)),
      .priority = qp.priority,
      .hops = 0,
  };
  ++totals_.injected_packets;
  totals_.injected_bytes += bytes;
  ++totals_.data_packets;
  ++message.sent_packets;
  if (message.first_tx < 0) message.first_tx = start;
  if (send.una_psn == send.high_psn) send.progress = start;  // nothing was outstanding
  const bool again = psn < send.high_psn;
  if (again) [[unlikely]] {
    const std::int32_t payload = payload_bytes(message, psn, nic.mtu);
    message.retransmitted_bytes += payload;
    ++totals_.retransmitted_packets;
    totals_.retransmitted_bytes += static_cast<std::uint64_t>(payload);
  } else {
    send.high_psn = psn + 1;
  }
  if (psn == send.next_psn) send.next_psn = psn + 1;
  EgressQueue& queue = queues_[(ep.first_port + send.port) * kPriorities + qp.priority];
  ++queue.tx_packets;
  queue.tx_bytes += bytes + static_cast<std::uint32_t>(framing_.gap_bytes);
  queue.tx_payload += bytes - static_cast<std::uint32_t>(headers_[header_row(packet)]);
  if ((port.paused >> qp.priority & 1) != 0 && queue.paused_until <= start) {
    port.paused &= static_cast<PrioritySet>(~(1U << qp.priority));
  }
  transmit(port, packet, start);

  Bps rate = nic.fixed_rate_bps > 0 ? nic.fixed_rate_bps : port.rate.bps;
  const Pacing& pace_of = pacing(cc_[qp_number]);
  if (pace_of.limited) {
    with_cc(cc_[qp_number], nic.cc, [&](auto algorithm, auto& state, const auto& params) {
      while (algorithm.step(state, params, port.rate.bps, start) != kNever) {
      }
      // In here, so that an algorithm pays for no more than it looks at.
      const std::uint32_t place = psn - message.first_psn + 1;
      const SentPacket sent{bytes, psn, port.next_free,
                            last || place % static_cast<std::uint32_t>(nic.ack_interval) == 0,
                            again};
      algorithm.on_send(state, params, port.rate.bps, sent);
    });
    rate = std::min(rate, pace_of.rate);
  }
  send.due = rate >= port.rate.bps
                 ? port.next_free
                 : start + serialisation_ps(bytes + framing_.gap_bytes, rate, framing_.grain_ps);
  if (!has_more(send)) return;  // idle until more is posted or asked for again
  if (send.due <= port.next_free) {
    push_ready(nic_ports_[ep.first_port + send.port], qp_number);
  } else {
    pace(ep, qp_number);
  }
}

/// What becomes of the queue pair's messages depends on what the other end has by
/// now: it is settled when the window has ended, whosever turn came first.
void Lane::fail(std::uint32_t qp, std::uint32_t node, Ps now) {
  if (qps_[qp].src == node) send_[qp].state = SendState::kFailed;
  ++totals_.failed_qps;
  record(now, EventKind::kQpFailed, node, nodes_[node].first_port, qp);
  failures_.push_back(qp);
}

void Lane::on_retransmit_timer(Endpoint& ep, std::uint32_t qp, Ps now) {
  SendQp& send = send_[qp];
  const NicParams& nic = nic_profiles_[ep.profile];
  send.timer_armed = false;
  if (send.state == SendState::kFailed || send.una_psn >= send.end_psn) return;
  // What waits for its turn, its pace or a pause cannot be late; what has no
  // port to wait for can.
  const bool cut_off = ep.silent || port_for(ep, qps_[qp].entropy) == kNone;
  if (send.una_psn == send.high_psn && !cut_off) {
    send.progress = now;
  } else if (send.progress + nic.retransmit_timeout_ps <= now) {
    ++totals_.timeouts;
    while (messages_[send.una_message].end_psn() <= send.una_psn) {
      send.una_message = messages_[send.una_message].next;
    }
    ++messages_[send.una_message].timeouts;
    record(now, EventKind::kTimeout, ep.node, ep.first_port, qp);
    if (++send.retries > nic.retry_count) {
      fail(qp, ep.node, now);
      return;
    }
    send.progress = now;
    if (nic.receiver == Receiver::kSelective) {
      repeat_missing(qp);
    } else {
      rewind(send, send.una_psn);
    }
    if (!entropy_source_.empty()) entropy_source_[qp].lost(nic.entropy, now);
    make_ready(ep, qp, now);
  }
  send.timer_armed = true;
  arm(ep, send.progress + nic.retransmit_timeout_ps, TimerKind::kRetransmit, qp);
}

void Lane::on_read_timer(Endpoint& ep, std::uint32_t qp, Ps now) {
  RecvQp& recv = recv_[qp];
  const NicParams& nic = nic_profiles_[ep.profile];
  recv.timer_armed = false;
  if (qps_[qp].failed || recv.expected >= recv.requested_psn) return;
  if (recv.progress + nic.retransmit_timeout_ps <= now) {
    ++totals_.timeouts;
    if (recv.message == kNone) recv.message = qps_[qp].first_message;
    while (nic.receiver != Receiver::kGoBackN &&
           recv.expected >= messages_[recv.message].end_psn()) {
      recv.message = messages_[recv.message].next;
    }
    ++messages_[recv.message].timeouts;
    record(now, EventKind::kTimeout, ep.node, ep.first_port, qp);
    if (++recv.retries > nic.retry_count) {
      fail(qp, ep.node, now);
      return;
    }
    recv.progress = now;
    recv.gap_reported = false;
    recv.asked_again = true;
    // What has come is said again too: ACKs that were lost may hold a window closed.
    if (nic.sender_waits && !ep.silent) send_control(ep, Kind::kAck, qp, recv.expected, now);
    // Every request that is still open goes again, as go-back-N has it.
    for (std::uint32_t m = recv.message, psn = recv.expected; psn < recv.requested_psn;
         m = messages_[m].next, psn = messages_[m].first_psn) {
      if (!ep.silent) send_control(ep, Kind::kReadRequest, qp, psn, now);
      if (messages_[m].end_psn() >= recv.requested_psn) break;
    }
  }
  recv.timer_armed = true;
  arm(ep, recv.progress + nic.retransmit_timeout_ps, TimerKind::kReadRetry, qp);
}

}  // namespace emu
