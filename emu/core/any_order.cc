// SPDX-License-Identifier: Apache-2.0
// Queue pairs whose packets may overtake each other: what the receiver keeps and
// tells, and what the sender makes of it.
#include "any_order.h"

#include <algorithm>
#include <stdexcept>

#include "engine.h"
#include "link.h"

namespace emu {

void Engine::set_receiver(std::uint32_t nic_profile, Receiver receiver,
                          std::uint32_t reorder_packets, std::uint32_t loss_after,
                          bool sender_waits) {
  if (receiver != Receiver::kGoBackN && (reorder_packets == 0 || loss_after == 0)) {
    throw std::invalid_argument("a receiver that bears reordering has at least one slot");
  }
  NicParams& nic = nic_profiles_.at(nic_profile);
  nic.receiver = receiver;
  nic.reorder_packets = reorder_packets;
  nic.sender_waits = receiver == Receiver::kInOrder && sender_waits;
  // Of a sender that waits nothing comes that is further ahead than is kept.
  nic.loss_after =
      windowed(nic) && reorder_packets > 1 ? std::min(loss_after, reorder_packets - 1) : loss_after;
}

void Engine::set_entropy(std::uint32_t nic_profile, const EntropyParams& params) {
  if (params.values == 0 || params.values > kEntropyMask + 1) {
    throw std::invalid_argument("there are 1 to 16384 entropy values");
  }
  if (params.mode == EntropyMode::kFeedback && params.kept == 0) {
    throw std::invalid_argument("feedback keeps at least one entropy value");
  }
  nic_profiles_.at(nic_profile).entropy = params;
}

/// State of a queue pair that has just been added.
void Engine::prepare_any_order(const NicParams& nic) {
  if (nic.entropy.mode != EntropyMode::kFixed) {
    sprays_ = true;
    entropy_source_.resize(qps_.size());
  }
  if (nic.receiver == Receiver::kGoBackN) return;
  any_order_.resize(qps_.size());
  AnyOrder& own = any_order_.back();
  own.placement.slots = nic.reorder_packets;
  own.placement.have.resize(nic.reorder_packets + 1);
  if (nic.receiver == Receiver::kSelective) {
    own.selective.arrived.resize(nic.reorder_packets + 1);
  }
}

/// Data has come to a queue pair that does not mind its order.
void Lane::place(Endpoint& ep, const Packet& packet, Ps now) {
  RecvQp& recv = recv_[packet.qp];
  Placement& own = any_order_[packet.qp].placement;
  const NicParams& nic = nic_profiles_[ep.profile];
  const bool write = packet.kind == Kind::kData;
  // The last packet of a message wants an answer, a repeated one a correction, and
  // the sender may be waiting for what fills a gap (RFC 5681 §4.2).
  bool tell = (packet.flags & kLast) != 0;
  const std::uint32_t ahead = packet.psn - recv.expected;
  if (packet.psn < recv.expected || (ahead < own.slots && own.have.test(packet.psn))) {
    tell = true;
  } else if (ahead > 0) {
    keep_early(ep, packet, now);
    if (ahead >= own.slots) return;  // what is not kept is not told of
  } else {
    tell = tell || own.held != 0;
    tell = place_in_order(packet.qp, nic, write, now) || tell;
    if (recv.expected >= own.discarded && recv.expected < own.discarded_until) {
      ask_again(ep, packet, now);
      tell = !write;  // a NAK says as much, a READ request does not
    }
  }
  const bool tells = tells_of_arrivals(nic);
  const bool near = this->own(qps_[packet.qp].src);  // the sender reads the same rings
  if (tells) {
    const Echo echo{packet.psn, static_cast<std::uint16_t>(packet.entropy & kEntropyMask),
                    (packet.flags & kCe) != 0};
    near ? own.echoes.push(echo) : out_.echoes.push_back({packet.qp, echo});
    ++own.echoed;
  }
  ++recv.since_ack;
  // A sender that may not go on until it hears of something hears of it in time.
  auto interval = static_cast<std::uint32_t>(nic.ack_interval);
  if (windowed(nic)) interval = std::min(interval, own.slots / 4);
  if (!tell && recv.since_ack < interval) return;
  recv.since_ack = 0;
  if (tells) {
    const AckMark mark{recv.expected, own.echoed};
    near ? own.acks.push(mark) : out_.marks.push_back({packet.qp, mark});
  }
  const std::uint8_t echo = nic.echo_on_ack ? packet.flags & kCe : 0;
  answer(ep, Kind::kAck, packet.qp, recv.expected, now, echo);
}

/// A packet came while an earlier one is missing: kept if there is a slot for it.
/// In order: when there is none, or the gap is old, everything from the gap on is
/// asked for, once.
void Lane::keep_early(Endpoint& ep, const Packet& packet, Ps now) {
  RecvQp& recv = recv_[packet.qp];
  Placement& own = any_order_[packet.qp].placement;
  const NicParams& nic = nic_profiles_[ep.profile];
  const std::uint32_t ahead = packet.psn - recv.expected;
  own.high = std::max(own.high, packet.psn + 1);
  ++recv.early;
  recv.early_max = std::max(recv.early_max, ahead);
  if (ahead < own.slots) {
    own.have.set(packet.psn);
    ++own.held;
    own.held_max = std::max(own.held_max, own.held);
    if (ahead < nic.loss_after) return;
  } else {
    ++recv.discarded;
    own.discarded = std::min(own.discarded, packet.psn);
    own.discarded_until = std::max(own.discarded_until, packet.psn + 1);
  }
  if (nic.receiver == Receiver::kInOrder && recv.expected >= own.asked_until) {
    ask_again(ep, packet, now);
  }
}

/// In order: asks for everything from the first that is missing on, which brings all
/// that has been discarded.
void Lane::ask_again(Endpoint& ep, const Packet& packet, Ps now) {
  const RecvQp& recv = recv_[packet.qp];
  Placement& own = any_order_[packet.qp].placement;
  const NicParams& nic = nic_profiles_[ep.profile];
  own.asked_until = own.high;
  own.discarded = kNone;
  own.discarded_until = 0;
  ++messages_[recv.message].naks;
  const std::uint8_t echo = nic.echo_on_ack ? packet.flags & kCe : 0;
  const bool write = packet.kind == Kind::kData;
  answer(ep, write ? Kind::kNak : Kind::kReadRequest, packet.qp, recv.expected, now, echo);
}

/// The packet that was missing has come: it and what follows without a gap is in
/// place. True when that completes a message.
bool Lane::place_in_order(std::uint32_t qp, const NicParams& nic, bool write, Ps now) {
  RecvQp& recv = recv_[qp];
  Placement& own = any_order_[qp].placement;
  recv.progress = now;
  recv.retries = 0;
  bool completes = false;
  for (bool own_slot = false;; own_slot = true) {
    while (recv.expected >= messages_[recv.message].end_psn()) {
      recv.message = messages_[recv.message].next;
    }
    Message& message = messages_[recv.message];
    totals_.delivered_payload +=
        static_cast<std::uint64_t>(payload_bytes(message, recv.expected, nic.mtu));
    if (own_slot) {
      own.have.clear(recv.expected);
      --own.held;
    }
    ++recv.expected;
    if (recv.expected == message.end_psn()) {
      completes = true;
      if (message.end < 0 && !message.failed) {
        message.end = now;
        if (!write) message.acked = now;
        if (!write || !done_when_acked_) ++ended_;
      }
    }
    if (own.held == 0 || !own.have.test(recv.expected)) return completes;
  }
}

/// An ACK has brought what its receiver told up to then.
void Lane::hear_of_arrivals(Endpoint& ep, std::uint32_t qp, std::uint32_t expected, Ps now) {
  const NicParams& nic = nic_profiles_[ep.profile];
  if (tells_of_arrivals(nic)) hear_echoes(nic, qp, expected, now);
  if (!windowed(nic)) return;
  open_window(qp, nic);
  if (send_[qp].state != SendState::kFailed) make_ready(ep, qp, now);
}

/// The echoes that an ACK carries.
void Lane::hear_echoes(const NicParams& nic, std::uint32_t qp, std::uint32_t expected, Ps now) {
  Placement& told = any_order_[qp].placement;
  Selective& own = any_order_[qp].selective;
  const SendQp& send = send_[qp];
  // What an ACK that was lost would have told, the next one tells.
  std::uint32_t upto = told.read;
  while (!told.acks.empty() && told.acks.front().expected < expected) {
    upto = told.acks.front().echoes;
    told.acks.pop();
  }
  if (!told.acks.empty() && told.acks.front().expected == expected) {
    upto = told.acks.front().echoes;
    told.acks.pop();
  }
  const bool selective = nic.receiver == Receiver::kSelective;
  if (selective) {
    for (; own.cleared_psn < send.una_psn; ++own.cleared_psn) own.arrived.clear(own.cleared_psn);
  }
  for (; told.read < upto; ++told.read) {
    const Echo echo = told.echoes.front();
    told.echoes.pop();
    if (nic.entropy.mode == EntropyMode::kFeedback && !echo.marked) {
      entropy_source_[qp].came_through(nic.entropy, echo.value);
    }
    if (!selective || echo.psn < send.una_psn) continue;
    own.arrived.set(echo.psn);
    own.high_psn = std::max(own.high_psn, echo.psn);
  }
  if (selective) judge_losses(qp, nic, now);
}

/// What is missing although later packets have long arrived is lost.
void Lane::judge_losses(std::uint32_t qp, const NicParams& nic, Ps now) {
  Selective& own = any_order_[qp].selective;
  const SendQp& send = send_[qp];
  const std::uint32_t before = send.resend;
  own.judged_psn = std::max(own.judged_psn, send.una_psn);
  for (; own.judged_psn + nic.loss_after <= own.high_psn; ++own.judged_psn) {
    if (!own.arrived.test(own.judged_psn)) repeat(qp, own.judged_psn);
  }
  while (!own.repeated.empty() && own.repeated.front().after + nic.loss_after <= own.high_psn) {
    const std::uint32_t psn = own.repeated.front().psn;
    own.repeated.pop();
    if (psn >= send.una_psn && !own.arrived.test(psn)) repeat(qp, psn);
  }
  if (send.resend > before && !entropy_source_.empty()) entropy_source_[qp].lost(nic.entropy, now);
}

void Lane::repeat(std::uint32_t qp, std::uint32_t psn) {
  any_order_[qp].selective.lost.push(psn);
  ++send_[qp].resend;
}

/// Nothing has been heard for too long: what was repeated is repeated again, or,
/// when nothing was, everything that is missing.
void Lane::repeat_missing(std::uint32_t qp) {
  Selective& own = any_order_[qp].selective;
  SendQp& send = send_[qp];
  own.lost.clear();
  own.repeated.clear();
  send.resend = 0;
  const std::uint32_t from = send.una_psn;
  for (std::uint32_t psn = from; psn < own.judged_psn; ++psn) {
    if (!own.arrived.test(psn)) repeat(qp, psn);
  }
  if (send.resend != 0) return;
  for (std::uint32_t psn = std::max(from, own.judged_psn); psn < send.high_psn; ++psn) {
    if (!own.arrived.test(psn)) repeat(qp, psn);
  }
  own.judged_psn = std::max(own.judged_psn, send.high_psn);
}

/// The packet to send when some wait to be repeated: one of them, or the next new
/// one. False when there is neither.
bool Lane::next_repeated(std::uint32_t qp, std::uint32_t& psn) {
  Selective& own = any_order_[qp].selective;
  SendQp& send = send_[qp];
  while (send.resend != 0) {
    psn = own.lost.front();
    own.lost.pop();
    --send.resend;
    if (psn < send.una_psn || own.arrived.test(psn)) continue;  // it was only late
    own.repeated.push({psn, send.high_psn});
    while (messages_[send.message].first_psn > psn) {
      send.message = messages_[send.message].previous;
    }
    return true;
  }
  psn = send.next_psn;
  return send.next_psn < send.end_psn;
}

/// A sender goes no further ahead of what is acknowledged than the bitmap reaches.
void Lane::open_window(std::uint32_t qp, const NicParams& nic) {
  SendQp& send = send_[qp];
  send.end_psn = std::max(send.end_psn, std::min(any_order_[qp].selective.posted_psn,
                                                 send.una_psn + nic.reorder_packets));
}

/// Entropy of the next packet of a queue pair.
std::uint32_t Lane::spread(std::uint32_t qp, const NicParams& nic, Ps now) {
  return with_value(qps_[qp].entropy, entropy_source_[qp].next(nic.entropy, seed_, qp, now));
}

}  // namespace emu
