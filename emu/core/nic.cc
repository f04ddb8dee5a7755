// SPDX-License-Identifier: Apache-2.0
// An endpoint's ports: queue pairs share them by round robin, each at its own
// pace; control packets go first; PFC is obeyed per priority.
#include <algorithm>
#include <bit>

#include "link.h"

namespace emu {

namespace {
constexpr std::uint64_t kHostHashSeed = 0x40571;
}

/// Local port for a flow of the endpoint, or kNone when no port is left.
std::uint32_t Lane::port_for(const Endpoint& ep, std::uint32_t entropy) const {
  if (tables_->groups.count(ep.group) == 0) return kNone;
  return tables_->groups.pick(ep.group, entropy, kHostHashSeed) - ep.first_port;
}

void Lane::push_ready(NicPort& nic, std::uint32_t qp) {
  const std::uint8_t p = qps_[qp].priority;
  send_[qp].state = SendState::kReady;
  send_[qp].ready_next = kNone;
  if ((nic.ready >> p & 1) == 0) {
    nic.head[p] = qp;
    nic.ready |= static_cast<std::uint8_t>(1U << p);
  } else {
    send_[nic.tail[p]].ready_next = qp;
  }
  nic.tail[p] = qp;
}

/// Lets a queue pair wait for its pacing gap. A rate increase due in between
/// shortens the gap, so it is looked at again then.
void Lane::pace(Endpoint& ep, std::uint32_t qp) {
  SendQp& send = send_[qp];
  send.state = SendState::kPaced;
  Ps key = send.due;
  const Pacing& pace = pacing(cc_[qp]);
  if (pace.limited) key = std::min(key, pace.timer_due);
  nic_ports_[ep.first_port + send.port].paced.push(key, qp);
}

/// Brings the rate of a paced queue pair up to `now`; true when it may send.
bool Lane::catch_up(std::uint32_t qp, Bps line, Ps now) {
  SendQp& send = send_[qp];
  const Pacing& pace = pacing(cc_[qp]);
  if (pace.limited) {
    with_cc(cc_[qp], cc_params(qp), [&](auto algorithm, auto& state, const auto& params) {
      for (;;) {
        const Bps before = pace.rate;
        const Ps at = algorithm.step(state, params, line, now);
        if (at == kNever) break;
        if (send.due > at) send.due = at + rest_of_gap(send.due - at, before, pace.rate);
      }
    });
  }
  return send.due <= now;
}

/// The queue pair has something to send from `now` on.
void Lane::make_ready(Endpoint& ep, std::uint32_t qp, Ps now) {
  SendQp& send = send_[qp];
  if (send.state != SendState::kIdle || !has_more(send)) return;
  const std::uint32_t port = port_for(ep, qps_[qp].entropy);
  if (port == kNone) return;  // picked up again when a port comes back
  send.port = static_cast<std::uint8_t>(port);
  if (catch_up(qp, line_rate(ep), now)) {
    send.due = now;
    push_ready(nic_ports_[ep.first_port + port], qp);
  } else {
    pace(ep, qp);
  }
}

/// When the port could start a data packet: the earliest over the priorities
/// that have a queue pair ready.
static Ps data_start(const Port& port, const NicPort& nic, const EgressQueue* queues,
                     const SendQp* send) {
  Ps data = kNever;
  for (std::uint32_t left = nic.ready; left != 0; left &= left - 1) {
    const int p = std::countr_zero(left);
    Ps at = send[nic.head[p]].due;
    if ((port.paused >> p & 1) != 0) at = std::max(at, queues[p].paused_until);
    data = std::min(data, at);
  }
  return std::max(data, port.next_free);
}

/// The priority whose turn it is among those that could start at `start`.
static std::uint32_t data_turn(const Port& port, NicPort& nic, const EgressQueue* queues,
                               const SendQp* send, Ps start) {
  std::uint32_t p = nic.turn;
  if (single_bit(nic.ready)) [[likely]] {
    p = static_cast<std::uint32_t>(std::countr_zero(nic.ready));
    nic.turn = static_cast<std::uint8_t>((p + 1) % kPriorities);
    return p;
  }
  for (;; p = (p + 1) % kPriorities) {
    if ((nic.ready >> p & 1) == 0) continue;
    Ps at = std::max(port.next_free, send[nic.head[p]].due);
    if ((port.paused >> p & 1) != 0) at = std::max(at, queues[p].paused_until);
    if (at <= start) break;
  }
  nic.turn = static_cast<std::uint8_t>((p + 1) % kPriorities);
  return p;
}

/// The turn of a queue pair, which may take several where it has the port for itself.
[[gnu::always_inline]] inline void Lane::send_turn(Endpoint& ep, Port& port, NicPort& nic,
                                                   std::uint32_t qp, Ps start, Ps until) {
  const bool alone = port.backlog == 0 && nic.ready == 0 && nic.paced.empty();
  if (alone && !port.impaired && port.rate.ps_per_byte != 0) [[likely]] {
    const std::uint32_t most = middle_packets(send_[qp]);
    if (most != 0) {
      send_train(ep, port, qp, most, start, until);
      return;
    }
  }
  send_data(ep, port, qp, start);
}

/// Starts every packet of the port whose turn comes before `until`. Returns
/// when the next one could start.
Ps Lane::settle_nic(Endpoint& ep, std::uint32_t index, Ps until) {
  const std::uint32_t number = ep.first_port + index;
  Port& port = ports_[number];
  NicPort& nic = nic_ports_[number];
  EgressQueue* const queues = &queues_[number * kPriorities];
  SendQp* const send = send_.data();
  for (;;) {
    const Ps control = port.backlog == 0 ? kNever : next_start(port, queues);
    Ps data = kNever;
    Ps paced = kNever;
    if (!ep.silent) [[likely]] {
      if (nic.ready != 0) data = data_start(port, nic, queues, send);
      if (!nic.paced.empty()) paced = std::max(port.next_free, nic.paced.top().first);
    }
    const Ps start = std::min({control, data, paced});
    if (start >= until) return start;
    if (paced == start) {  // whoever falls due by now takes part in the choice
      wake_paced(ep, port, nic, start);
    } else if (control <= data) {
      send_queued(port, queues, until);
    } else {
      const std::uint32_t p = data_turn(port, nic, queues, send, start);
      const std::uint32_t qp = nic.head[p];
      nic.head[p] = send[qp].ready_next;
      if (nic.head[p] == kNone) nic.ready &= static_cast<std::uint8_t>(~(1U << p));
      if (send[qp].state == SendState::kFailed) continue;
      send[qp].state = SendState::kIdle;
      if (has_more(send[qp])) send_turn(ep, port, nic, qp, start, until);
    }
  }
}

/// Puts a queue pair that was paced before those that are due later than it: the
/// one that has just sent at line rate is due when its packet ends.
void Lane::push_by_due(NicPort& nic, std::uint32_t qp) {
  const std::uint8_t p = qps_[qp].priority;
  if ((nic.ready >> p & 1) == 0 || send_[nic.tail[p]].due <= send_[qp].due) {
    push_ready(nic, qp);
    return;
  }
  std::uint32_t* link = &nic.head[p];
  while (send_[*link].due <= send_[qp].due) link = &send_[*link].ready_next;
  send_[qp].state = SendState::kReady;
  send_[qp].ready_next = *link;
  *link = qp;
}

/// Makes ready what was paced and falls due by `now`.
void Lane::wake_paced(Endpoint& ep, const Port& port, NicPort& nic, Ps now) {
  while (!nic.paced.empty() && nic.paced.top().first <= now) {
    const std::uint32_t qp = nic.paced.top().second;
    nic.paced.pop();
    if (send_[qp].state != SendState::kPaced) continue;
    if (catch_up(qp, port.rate.bps, now)) {
      turns_by_due_ ? push_by_due(nic, qp) : push_ready(nic, qp);
    } else {
      pace(ep, qp);
    }
  }
}

/// Sends the next control packet, which starts before `until`.
void Lane::send_queued(Port& port, EgressQueue* queues, Ps until) {
  static constexpr SchedulerParams kControlFirst{0xFF, {}};
  const Choice choice = choose(port, queues, until, kControlFirst);
  EgressQueue& queue = queues[choice.priority];
  const Packet& packet = queue.packets.front();
  queue.bytes -= packet.bytes;
  ++queue.tx_packets;
  queue.tx_bytes += static_cast<std::uint64_t>(packet.bytes + framing_.gap_bytes);
  transmit(port, packet, choice.start);
  queue.packets.pop(pool_);
  if (queue.packets.empty()) port.backlog &= static_cast<PrioritySet>(~(1U << choice.priority));
}

void Lane::send_control(Endpoint& ep, Kind kind, std::uint32_t qp_number, std::uint32_t psn, Ps now,
                        std::uint8_t flags) {
  const QueuePair& qp = qps_[qp_number];
  const NicParams& nic = nic_profiles_[ep.profile];
  Packet packet{};
  packet.at = now;
  packet.qp = qp_number;
  packet.psn = psn;
  packet.entropy = qp.entropy_back;
  packet.route = packet.dst = static_cast<std::uint16_t>(qp.src);
  packet.kind = kind;
  packet.flags = flags;
  std::uint8_t priority = nic.ack_priority;
  switch (kind) {
    case Kind::kCnp:
      packet.bytes = static_cast<std::uint16_t>(framing_.cnp_bytes);
      priority = nic.cnp_priority;
      ++totals_.cnp_packets;
      break;
    case Kind::kReadRequest:
      packet.bytes = static_cast<std::uint16_t>(framing_.read_request_bytes);
      break;
    case Kind::kNak:
      packet.bytes = static_cast<std::uint16_t>(framing_.ack_bytes);
      ++totals_.nak_packets;
      break;
    default:
      packet.bytes = static_cast<std::uint16_t>(framing_.ack_bytes);
      ++totals_.ack_packets;
  }
  packet.set_current_priority(priority);
  ++totals_.injected_packets;
  totals_.injected_bytes += packet.bytes;
  const std::uint32_t port = port_for(ep, qp.entropy_back);
  if (port == kNone) {
    count_drop(ep.first_port, packet, Drop::kLinkDown);
    return;
  }
  EgressQueue& queue = queues_[(ep.first_port + port) * kPriorities + priority];
  queue.packets.push(pool_, packet);
  queue.bytes += packet.bytes;
  queue.bytes_max = std::max(queue.bytes_max, queue.bytes);
  ports_[ep.first_port + port].backlog |= static_cast<PrioritySet>(1U << priority);
}

void Lane::send_arp(Endpoint& ep, Ps now) {
  const auto id = static_cast<std::uint32_t>(&ep - endpoints_.data());
  const auto entropy = static_cast<std::uint32_t>(mix64(id));
  const std::uint32_t port = port_for(ep, entropy);
  if (port == kNone || ep.silent) return;
  Packet packet{};
  packet.at = now;
  packet.qp = id;
  packet.psn =
      static_cast<std::uint32_t>(now / std::max<Ps>(arp_.period_ps, 1));  // who is asked for
  packet.entropy = entropy;
  packet.route = packet.dst = kBroadcast;
  packet.bytes = arp_.bytes;
  packet.kind = Kind::kArp;
  packet.set_current_priority(arp_.priority);
  ++totals_.injected_packets;
  ++totals_.arp_packets;
  totals_.injected_bytes += packet.bytes;
  EgressQueue& queue = queues_[(ep.first_port + port) * kPriorities + arp_.priority];
  queue.packets.push(pool_, packet);
  queue.bytes += packet.bytes;
  ports_[ep.first_port + port].backlog |= static_cast<PrioritySet>(1U << arp_.priority);
}

/// Brings the endpoint's ports up to `until`. Returns when the next packet of
/// any of them could start.
Ps Lane::settle_endpoint(Endpoint& ep, Ps until) {
  Ps next = settle_nic(ep, 0, until);
  for (std::uint32_t i = 1; i < ep.ports; ++i) next = std::min(next, settle_nic(ep, i, until));
  return next;
}

/// What comes to the endpoint before `limit`, in order of time and port; it stays
/// in its box until it has been delivered. Returns how many of the lane's own box.
std::size_t Lane::collect(const Endpoint& ep, PacketFifo& box, Ps limit) {
  due_.clear();
  for (Packet& packet : box) {
    if (packet.at < limit) due_.push_back(&packet);
  }
  const std::size_t packets = due_.size();
  if (!alone_) [[unlikely]]
    for_each_other_box(ep.node, [&](PacketFifo& other, Lane&) {
      for (Packet& packet : other) {
        if (packet.at < limit) due_.push_back(&packet);
      }
    });
  if (ep.ports == 1) return packets;  // by which all come from one lane
  std::sort(due_.begin(), due_.end(), [](const Packet* a, const Packet* b) {
    return a->at != b->at ? a->at < b->at : a->ingress < b->ingress;
  });
  return packets;
}

/// The port to which the next pause frame before `limit` comes, or kNone.
std::uint32_t Lane::pausing_port(const Endpoint& ep, Ps limit) const {
  std::uint32_t found = kNone;
  for (std::uint32_t port = ep.first_port; port < ep.first_port + ep.ports; ++port) {
    if (pfc_wires_[port].empty() || pfc_wires_[port].front().at >= limit) continue;
    limit = pfc_wires_[port].front().at;
    found = port;
  }
  return found;
}

Ps Lane::process_endpoint(Endpoint& ep, Ps limit) {
  const NodeRef& node = nodes_[ep.node];
  const std::uint64_t& pfc_coming = pfc_coming_[node.wire_word];
  PacketFifo& box = inboxes_.box(node.slot, calendar_.number());
  const std::size_t packets = collect(ep, box, limit);
  for (auto data = due_.begin();;) {
    // Canonical order at equal times: pause frames, packets by port, timers.
    const Ps data_at = data != due_.end() ? (*data)->at : limit;
    const Ps timer_at = ep.timers.empty() ? limit : std::get<0>(ep.timers.top());
    if (pfc_coming != 0) [[unlikely]] {
      const std::uint32_t port = pausing_port(ep, limit);
      if (port != kNone && pfc_wires_[port].front().at <= std::min(data_at, timer_at)) {
        settle_endpoint(ep, pfc_wires_[port].front().at);
        take_pfc(port);
        continue;
      }
    }
    if (timer_at < data_at) [[unlikely]] {
      settle_endpoint(ep, timer_at);
      const Timer timer = ep.timers.top();
      ep.timers.pop();
      fire(ep, timer);
    } else if (data != due_.end()) {
      deliver(ep, **data, data_at);
      ++data;
    } else {
      break;
    }
  }
  if (packets == box.size()) [[likely]] {
    box.clear(pool_);
  } else {
    box.filter(pool_, [&](const Packet& packet) { return packet.at >= limit; });
  }
  if (!alone_) [[unlikely]]
    empty_other_boxes(ep.node, limit);
  const Ps next = settle_endpoint(ep, limit);
  return ep.timers.empty() ? next : std::min(next, std::get<0>(ep.timers.top()));
}

}  // namespace emu
