// SPDX-License-Identifier: Apache-2.0
#include "qp_tracker.h"

#include <algorithm>
#include <utility>

namespace emu::wire {

namespace {

using Verdict = PsnSpace::Verdict;

bool is_path_mtu(std::uint32_t bytes) {
  return bytes >= 256 && bytes <= 4096 && (bytes & (bytes - 1)) == 0;
}

bool carries(const Dissected& d, unsigned bit) {
  return (opcode_info(d.bth.opcode).carries & bit) != 0;
}

/// A message without payload is a packet all the same.
std::int64_t packets_of(std::uint64_t bytes, std::uint32_t mtu) {
  return bytes == 0 ? 1 : static_cast<std::int64_t>((bytes + mtu - 1) / mtu);
}

NakCode nak_code(std::uint8_t syndrome) {
  const unsigned code = syndrome & 0x1FU;
  return code < kNakOther ? static_cast<NakCode>(code) : kNakOther;
}

MessageKind kind_of(Operation operation) {
  switch (operation) {
    case Operation::kWrite:
      return MessageKind::kWrite;
    case Operation::kReadRequest:
      return MessageKind::kRead;
    case Operation::kAtomic:
      return MessageKind::kAtomic;
    default:
      return MessageKind::kSend;
  }
}

}  // namespace

QpTracker::Seen QpTracker::packet(const Record& r, const Dissected& d, std::uint64_t hash,
                                  std::uint32_t likely) {
  Seen seen;
  std::uint32_t index = likely;
  Flow& f = flow_of(r, d, hash, index);
  ++f.packets;
  f.bytes += r.original_bytes;
  f.last_ps = std::max(f.last_ps, r.time_ps);
  f.dscp_varies |= f.dscp != d.ip.dscp;
  f.port_varies |= f.src_port != d.src_port;
  switch (opcode_info(d.bth.opcode).operation) {
    case Operation::kSend:
    case Operation::kWrite:
    case Operation::kReadRequest:
    case Operation::kAtomic:
      request(f, index, r, d, seen);
      break;
    case Operation::kReadResponse:
      response(f, index, r, d, seen);
      break;
    case Operation::kAck:
    case Operation::kAtomicAck:
      acknowledge(f, index, r, d, seen);
      break;
    case Operation::kCnp:
      notice(f, index, r, d);
      break;
    case Operation::kReserved:
      reserved_opcode.add(r.number);
      break;
  }
  if (seen.repeated) retransmitted.add(r.number);
  if (!seen.data) {
    ++f.other_ecn[d.ecn()];
    if (d.ecn() == kCongestionExperienced && f.other_ce_number == 0) f.other_ce_number = r.number;
  }
  return seen;
}

/// Numbers the packet in its stream and counts what that says about it.
Verdict QpTracker::sequence(Flow& f, PsnSpace& space, const Record& r, const Dissected& d,
                            std::int64_t span, std::int64_t& psn, Seen& seen) {
  PsnSpace::Missing filled{};
  const Verdict verdict = space.take(d.bth.psn, span, r.time_ps, r.number, psn, filled);
  if (verdict == Verdict::kFills && !filled.refused &&
      r.time_ps - filled.since_ps <= options_.reorder_ps) {
    ++f.out_of_order;
    f.late_psn = psn;
    return verdict;
  }
  if (verdict == Verdict::kFills || verdict == Verdict::kRepeated) {
    if (verdict == Verdict::kRepeated && f.late_psn >= 0 && psn == f.late_psn + 1) {
      // What seemed late was the first packet of a go-back.
      --f.out_of_order;
      ++f.repeated_packets;
    }
    ++f.repeated_packets;
    f.repeated_bytes += d.payload_bytes;
    seen.repeated = true;
  }
  if (verdict == Verdict::kRepeated && &space == &f.requests && psn < f.acked_to) ++f.duplicates;
  if (verdict != Verdict::kInOrder) f.late_psn = -1;
  return verdict;
}

void QpTracker::check_size(Flow& f, const Record& r, const Dissected& d, bool last) {
  const std::uint32_t payload = d.payload_bytes;
  if (d.length_bad) return;
  if (!last) {
    if (f.path_mtu == 0 && is_path_mtu(payload)) f.path_mtu = payload;
    if (payload != f.path_mtu || f.path_mtu == 0) mtu_exceeded.add(r.number);
  } else if (payload > 4096 || (f.path_mtu != 0 && payload > f.path_mtu)) {
    mtu_exceeded.add(r.number);
  }
}

/// Counts a packet that carries payload.
void QpTracker::data(Flow& f, const Record& r, const Dissected& d, bool unique, Seen& seen) {
  seen.data = true;
  ++f.data_packets;
  ++f.data_ecn[d.ecn()];
  f.payload_bytes += d.payload_bytes;
  if (unique) {
    f.goodput_bytes += d.payload_bytes;
    seen.goodput_bytes = d.payload_bytes;
  }
  if (f.data_first_ps == kNever) f.data_first_ps = r.time_ps;
  f.data_last_ps = std::max(f.data_last_ps, r.time_ps);
  if (d.ecn() == kCongestionExperienced && f.data_ce_number == 0) {
    f.data_ce_number = r.number;
    f.data_ce_ps = r.time_ps;
  }
  f.reaction.on_data(r.time_ps, r.original_bytes, options_.reaction_ps);
}

/// The open message that holds a PSN: usually the last one.
Message* QpTracker::find_message(Flow& f, std::int64_t psn) {
  for (std::uint32_t i = f.open.size(); i-- > 0;) {
    Message& m = f.open[i];
    if (m.first_psn > psn) continue;
    return psn > (m.last_psn >= 0 ? m.last_psn : m.bound_psn) ? nullptr : &m;
  }
  return nullptr;
}

namespace {
/// Last PSN that is surely the READ's: one that goes on after a loss asks again from
/// where it stands. Without a known path MTU the largest one leaves it the fewest PSNs.
std::int64_t read_end(const Message& m) {
  constexpr std::uint32_t kPathMtuMax = 4096;
  return m.last_psn >= 0 ? m.last_psn : m.first_psn + packets_of(m.length_bytes, kPathMtuMax) - 1;
}
}  // namespace

/// The message that a request packet belongs to, made when it is its first sign.
Message& QpTracker::message_of(Flow& f, std::uint32_t index, const Record& r, const Dissected& d,
                               std::int64_t psn, bool& made) {
  const OpcodeInfo& info = opcode_info(d.bth.opcode);
  const bool first = (info.carries & kIsFirst) != 0;
  const MessageKind kind = kind_of(info.operation);
  made = false;
  Message* found = find_message(f, psn);
  if (found != nullptr && found->kind == kind) {
    const bool continues = kind == MessageKind::kRead ? psn <= read_end(*found) : !first;
    if (continues || found->first_psn == psn) return *found;
  }
  if (found == nullptr) {
    // A message that was joined in its middle gets what comes late in front of it.
    std::uint32_t i = 0;
    while (i < f.open.size() && f.open[i].first_psn < psn) ++i;
    if (i < f.open.size() && f.open[i].headless && f.open[i].kind == kind) {
      Message& m = f.open[i];
      m.first_psn = psn;
      m.headless = !first;
      return m;
    }
  }
  if (f.open.size() == kOpenMax) {
    const Message oldest = f.open.front();
    f.open.pop();
    end_message(f, oldest, oldest.last_psn >= 0 ? MessageEnd::kUnacked : MessageEnd::kUnfinished);
  }
  made = true;
  Message m;
  m.first_psn = psn;
  m.kind = kind;
  m.headless = !first;
  m.start_ps = r.time_ps;
  m.first_number = r.number;
  m.flow = index;
  f.open.push(m);
  // Kept in the order of PSNs; a late one finds its place from behind.
  std::uint32_t at = f.open.size() - 1;
  for (; at > 0 && f.open[at - 1].first_psn > psn; --at) std::swap(f.open[at - 1], f.open[at]);
  return f.open[at];
}

void QpTracker::request(Flow& f, std::uint32_t index, const Record& r, const Dissected& d,
                        Seen& seen) {
  const OpcodeInfo& info = opcode_info(d.bth.opcode);
  const bool last = (info.carries & kIsLast) != 0;
  const bool read = info.operation == Operation::kReadRequest;
  const bool with_data = info.operation == Operation::kSend || info.operation == Operation::kWrite;
  std::int64_t span = 1;
  bool span_known = true;
  if (read) {
    ++f.read_requests;
    // Its responses use as many PSNs as they are packets; the path MTU is theirs.
    std::uint32_t mtu = f.peer != kNoFlow ? flows_[f.peer].path_mtu : 0;
    if (mtu == 0) mtu = f.path_mtu;
    span_known = mtu != 0 && d.has(Dissected::kReth);
    if (span_known) span = packets_of(d.reth.length_bytes, mtu);
  } else if (with_data) {
    check_size(f, r, d, last);
  }

  std::int64_t psn = 0;
  const Verdict verdict = sequence(f, f.requests, r, d, span, psn, seen);
  if (read && !span_known) f.requests.loosen();
  if (verdict == Verdict::kRestarted) {
    while (!f.open.empty()) {
      const Message m = f.open.front();
      f.open.pop();
      end_message(f, m, m.last_psn >= 0 ? MessageEnd::kUnacked : MessageEnd::kUnfinished);
    }
    f.samples.clear();
    f.acked_to = psn;
  }
  const bool repeated = seen.repeated;
  const bool unique = verdict != Verdict::kRepeated;
  if (with_data) data(f, r, d, unique, seen);

  if (repeated) {
    // An ACK would not say which copy it answers (Karn's rule).
    while (!f.samples.empty() && f.samples.back().psn >= psn) f.samples.pop_back();
  } else if (verdict != Verdict::kFills && (d.bth.ack_request || last)) {
    if (f.samples.size() == kSamplesMax) f.samples.pop();
    f.samples.push({psn, r.time_ps});
  }

  if (psn < f.acked_to && find_message(f, psn) == nullptr) return;  // its message has ended
  bool made = false;
  Message& m = message_of(f, index, r, d, psn, made);
  if (read) {
    // A READ asked for again keeps the length of the first time; its packets are the responses.
    if (made && d.has(Dissected::kReth)) {
      m.length_bytes = d.reth.length_bytes;
      m.length_known = true;
      if (span_known) m.last_psn = psn + span - 1;
    }
    m.last_number = r.number;
    return;
  }
  if (m.first_ps == kNever) m.first_ps = r.time_ps;
  m.last_ps = std::max(m.last_ps, r.time_ps);
  m.last_number = r.number;
  ++m.packets;
  m.repeated_packets += repeated ? 1 : 0;
  m.marked_packets += d.ecn() == kCongestionExperienced ? 1 : 0;
  if (unique) {
    m.payload_bytes += d.payload_bytes;
    // A packet of unknown length leaves the message's length open.
    m.unique_packets += d.length_bad ? 0 : 1;
  }
  if (carries(d, kHasImmediate)) m.immediate = true;
  if (d.has(Dissected::kReth) && !m.length_known) {
    m.length_bytes = d.reth.length_bytes;
    m.length_known = true;
    if (f.path_mtu != 0) m.bound_psn = psn + packets_of(m.length_bytes, f.path_mtu) - 1;
  }
  if (last) m.last_psn = psn;
}

/// Does a READ that is still open end right before this PSN? Then nothing else lies
/// between the two, and a gap in front of its first response is a loss.
bool QpTracker::follows_read(const Flow& responder, std::uint32_t wire_psn) const {
  if (responder.peer == kNoFlow) return false;
  const Flow& requester = flows_[responder.peer];
  if (!requester.requests.begun()) return false;
  const std::int64_t before = requester.requests.extend(wire_psn) - 1;
  for (std::uint32_t i = 0; i < requester.open.size(); ++i) {
    const Message& m = requester.open[i];
    if (m.kind == MessageKind::kRead && m.last_psn == before) return true;
  }
  return false;
}

void QpTracker::response(Flow& f, std::uint32_t index, const Record& r, const Dissected& d,
                         Seen& seen) {
  const bool first = carries(d, kIsFirst);
  const bool last = carries(d, kIsLast);
  check_size(f, r, d, last);
  // Between two READs other requests use PSNs that no response repeats.
  if (first && !follows_read(f, d.bth.psn)) f.responses.loosen();
  std::int64_t own = 0;
  const Verdict verdict = sequence(f, f.responses, r, d, 1, own, seen);
  data(f, r, d, verdict != Verdict::kRepeated, seen);
  if (f.peer == kNoFlow) try_pair(index, d, true);
  if (f.peer == kNoFlow) return;
  Flow& requester = flows_[f.peer];
  if (!requester.requests.begun()) return;
  const std::int64_t psn = requester.requests.extend(d.bth.psn);
  // The responses tell the path MTU, and so how many PSNs the READ has used.
  Message* m = find_message(requester, psn);
  if (m == nullptr || m->kind != MessageKind::kRead) return;
  if (m->last_psn < 0 && m->length_known && f.path_mtu != 0) {
    m->last_psn = m->first_psn + packets_of(m->length_bytes, f.path_mtu) - 1;
  }
  if (m->first_ps == kNever) m->first_ps = r.time_ps;
  m->last_ps = std::max(m->last_ps, r.time_ps);
  m->last_number = r.number;
  ++m->packets;
  m->repeated_packets += seen.repeated ? 1 : 0;
  m->marked_packets += d.ecn() == kCongestionExperienced ? 1 : 0;
  if (verdict != Verdict::kRepeated) {
    m->payload_bytes += d.payload_bytes;
    m->unique_packets += d.length_bad ? 0 : 1;
  }
  if (last) m->last_psn = psn;
  // A response acknowledges all before it, and its last packet the READ itself. It
  // does so only when none of the READ is missing.
  const bool whole = last && !f.responses.any_missing(own - (psn - m->first_psn), own);
  std::int64_t acked = whole ? psn + 1 : m->first_psn;
  for (std::uint32_t i = 0; i < requester.open.size() && requester.open[i].first_psn < psn; ++i) {
    const Message& before = requester.open[i];
    if (before.kind != MessageKind::kRead || before.last_psn < 0 || &before == m) continue;
    const std::int64_t shift = own - psn;  // from requests' numbers to responses'
    if (f.responses.any_missing(before.first_psn + shift, before.last_psn + shift)) {
      acked = std::min(acked, before.first_psn);
    }
  }
  requester.acked_to = std::max(requester.acked_to, acked);
  settle(requester, r.time_ps, seen.rtt_ps, first ? psn : -1);
}

void QpTracker::acknowledge(Flow& f, std::uint32_t index, const Record& r, const Dissected& d,
                            Seen& seen) {
  const bool known = d.has(Dissected::kAeth);
  const bool nak = known && d.aeth.is_nak();
  const bool rnr = known && d.aeth.is_rnr();
  if (nak) {
    ++f.naks[nak_code(d.aeth.syndrome)];
    if (f.nak_number == 0) f.nak_number = r.number;
    seen.nak = true;
  } else if (rnr) {
    ++f.rnrs;
  } else {
    ++f.acks;
  }
  if (f.peer == kNoFlow) try_pair(index, d, true);
  if (f.peer == kNoFlow || !known) return;
  Flow& requester = flows_[f.peer];
  if (!requester.requests.begun()) return;
  const std::int64_t psn = requester.requests.extend(d.bth.psn);
  if (nak || rnr) {
    // It names the PSN that is wanted: all before it have arrived.
    requester.acked_to = std::max(requester.acked_to, psn);
    requester.requests.refuse(psn);
    if (Message* m = find_message(requester, psn)) ++m->naks;
    settle(requester, r.time_ps, seen.rtt_ps, -1);
    return;
  }
  const std::int64_t behind = requester.requests.next() - 1 - psn;
  if (behind < 0 || behind > 2 * kPairWindow) {
    // For what this capture has not seen; or the wrong two were paired.
    if (++f.pair_doubts == kDoubtsMax) unpair(index);
    return;
  }
  f.pair_doubts = 0;
  requester.acked_to = std::max(requester.acked_to, psn + 1);
  settle(requester, r.time_ps, seen.rtt_ps, psn);
}

/// Ends the messages that are acknowledged. `exact_psn` is the acknowledged one, when
/// its round trip may be measured.
void QpTracker::settle(Flow& f, std::int64_t time_ps, std::int64_t& rtt_ps,
                       std::int64_t exact_psn) {
  while (!f.samples.empty() &&
         (f.samples.front().psn < f.acked_to || f.samples.front().psn == exact_psn)) {
    const RttSample sample = f.samples.front();
    f.samples.pop();
    if (sample.psn != exact_psn || time_ps < sample.time_ps) continue;
    rtt_ps = time_ps - sample.time_ps;
    if (!f.rtt) f.rtt = std::make_unique<DurationHistogram>();
    f.rtt->add(rtt_ps);
    rtt.add(rtt_ps);
  }
  while (!f.open.empty()) {
    Message m = f.open.front();
    if (m.last_psn < 0 && f.open.size() > 1 && f.open[1].first_psn < f.acked_to) {
      // Its last packet passed unseen, but what follows it is acknowledged.
      m.last_psn = f.open[1].first_psn - 1;
    }
    if (m.last_psn < 0 || m.last_psn >= f.acked_to) return;
    f.open.pop();
    m.acked_ps = time_ps;
    end_message(f, m, MessageEnd::kAcked);
  }
}

void QpTracker::notice(Flow& f, std::uint32_t index, const Record& r, const Dissected& d) {
  ++f.cnps;
  if (f.peer == kNoFlow) try_pair(index, d, false);
  if (f.peer == kNoFlow) return;
  Flow& sender = flows_[f.peer];
  if (f.cnps > sender.data_ecn[kCongestionExperienced]) excess_cnp.add(r.number);
  sender.reaction.on_cnp(r.time_ps, options_.reaction_ps);
}

void QpTracker::end_message(Flow& f, const Message& message, MessageEnd end) {
  Message m = message;
  m.end = end;
  if (!m.length_known) m.length_bytes = m.payload_bytes;
  ++f.messages[static_cast<std::size_t>(m.kind)];
  if (end == MessageEnd::kAcked) {
    ++f.messages_acked;
    if (!m.headless) {
      if (!f.completion) f.completion = std::make_unique<DurationHistogram>();
      f.completion->add(m.acked_ps - m.start_ps);
    }
    const bool whole = !m.headless && m.length_known && m.kind != MessageKind::kAtomic &&
                       m.unique_packets == m.last_psn - m.first_psn + 1;
    if (whole && m.payload_bytes != m.length_bytes) message_length.add(m.last_number);
  }
  if (options_.keep_messages) ended_.push_back(m);
}

void QpTracker::finish(std::int64_t end_ps) {
  for (Flow& f : flows_) {
    f.reaction.finish(end_ps);
    while (!f.open.empty()) {
      const Message m = f.open.front();
      f.open.pop();
      end_message(f, m, m.last_psn >= 0 ? MessageEnd::kUnacked : MessageEnd::kUnfinished);
    }
  }
}

}  // namespace emu::wire
