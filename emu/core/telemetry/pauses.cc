// SPDX-License-Identifier: Apache-2.0
#include "pauses.h"

namespace emu::telemetry {

namespace {
/// Calls visit(packet, bytes that it stands for) for packets of a queue.
template <typename Visit>
void look(const PacketFifo& packets, Visit visit) {
  const std::uint32_t step = std::max(1U, packets.size() / Pauses::kLooks);
  std::uint32_t i = 0;
  for (const Packet& packet : packets) {
    if (i++ % step == 0) visit(packet, static_cast<std::int64_t>(packet.bytes) * step);
  }
}
}  // namespace

void Pauses::pauses(std::uint32_t port, std::uint8_t priority, std::uint32_t quanta, Ps now) {
  const std::uint32_t group = port * kPriorities + priority;
  if (quanta == 0) {
    if (open_[group] < 0) return;
    Pause& pause = rows_[static_cast<std::size_t>(open_[group])];
    pause.end = now;
    add_cause(pause);
    open_[group] = -1;
    return;
  }
  if (open_[group] < 0) {
    if (rows_.size() >= rows_max_) return;
    Pause pause;
    pause.port = port;
    pause.priority = priority;
    pause.start = now;
    const NodeRef& node = engine_.nodes()[engine_.ports()[port].node];
    pause.host = !node.is_switch;
    if (pause.host) {
      pause.storm = (engine_.endpoints()[node.index].storm >> priority & 1) != 0;
    } else {
      find_cause(pause, now);
    }
    open_[group] = static_cast<std::int32_t>(rows_.size());
    before_.push_back(last_[group]);
    last_[group] = open_[group];
    rows_.push_back(std::move(pause));
  }
  ++rows_[static_cast<std::size_t>(open_[group])].frames;
}

/// The egress queue that holds the most of what came in by the pausing port and
/// priority, and the pause that holds that queue.
void Pauses::find_cause(Pause& pause, Ps now) {
  const Switch& sw = engine_.switches()[engine_.nodes()[engine_.ports()[pause.port].node].index];
  const std::uint32_t in = pause.port - sw.first_port;
  std::int64_t most = 0;
  for (std::uint32_t q = 0; q < sw.ports * kPriorities; ++q) {
    if ((sw.port[q / kPriorities].backlog >> q % kPriorities & 1) == 0) continue;
    std::int64_t bytes = 0;
    look(sw.queue[q].packets, [&](const Packet& packet, std::int64_t size) {
      std::uint16_t tag = packet.ingress;
      if (IngressTag::replicated(tag)) tag = sw.replications[IngressTag::replication(tag)].ingress;
      if (IngressTag::port(tag) == in && IngressTag::priority(tag) == pause.priority) bytes += size;
    });
    if (bytes <= most) continue;
    most = bytes;
    pause.queue = sw.first_port * kPriorities + q;
  }
  if (pause.queue == kNone) return;
  const EgressQueue& queue = engine_.queues()[pause.queue];
  pause.queue_bytes = queue.bytes;
  if (queue.paused_until > now) pause.parent = holder_[pause.queue];
  add_cause(pause);
}

void Pauses::add_cause(Pause& pause) {
  if (pause.queue == kNone) return;
  look(engine_.queues()[pause.queue].packets, [&](const Packet& packet, std::int64_t bytes) {
    const std::uint32_t flow = finder_.flow_of(packet);
    if (flow != kNone) pause.cause.add(flow, bytes);
  });
}

/// The episode of a port and priority to which a frame belongs that began to be
/// sent at `sent`: the newest that had begun, or had ended, by then.
std::int32_t Pauses::episode_at(std::uint32_t group, Ps sent, bool xon) const {
  std::int32_t row = last_[group];
  while (row >= 0) {
    const Pause& pause = rows_[static_cast<std::size_t>(row)];
    if (xon ? pause.end >= 0 && pause.end <= sent : pause.start <= sent) {
      // Once rows are full the frame may be of an episode that was not kept.
      const bool other = !xon && rows_.size() >= rows_max_ && pause.end >= 0 && pause.end < sent;
      return other ? -1 : row;
    }
    row = before_[static_cast<std::size_t>(row)];
  }
  return row;
}

void Pauses::obeys(std::uint32_t port, const PfcFrame& frame, Ps sent) {
  const std::uint32_t queue = port * kPriorities + frame.priority;
  const std::uint32_t group = engine_.ports()[port].peer * kPriorities + frame.priority;
  const std::int32_t row = episode_at(group, sent, frame.quanta == 0);
  if (row < 0) return;
  Pause& pause = rows_[static_cast<std::size_t>(row)];
  if (frame.quanta != 0) {
    holder_[queue] = row;
    if (pause.obeyed < 0) pause.obeyed = frame.at;
    return;
  }
  holder_[queue] = -1;
  if (pause.released >= 0) return;
  pause.released = frame.at;
  add_waiting(pause, port);
}

/// What could have gone out of `port` but for the pause.
void Pauses::add_waiting(Pause& pause, std::uint32_t port) {
  const EgressQueue& queue = engine_.queues()[port * kPriorities + pause.priority];
  look(queue.packets, [&](const Packet& packet, std::int64_t bytes) {
    const std::uint32_t flow = finder_.flow_of(packet);
    if (flow != kNone) pause.waiting.add(flow, bytes);
  });
  if (engine_.nodes()[engine_.ports()[port].node].is_switch) return;
  const NicPort& nic = engine_.nic_ports()[port];
  if ((nic.ready >> pause.priority & 1) == 0) return;
  for (std::uint32_t qp = nic.head[pause.priority]; qp != kNone;) {
    const SendQp& send = engine_.send_side()[qp];
    const std::uint32_t flow = finder_.flow_of(qp, send.next_psn);
    const auto packets = static_cast<std::int64_t>(send.end_psn - send.next_psn);
    const NicParams& params = engine_.nic(engine_.queue_pairs()[qp].src);
    if (flow != kNone) pause.waiting.add(flow, packets * params.mtu);
    if (qp == nic.tail[pause.priority]) break;
    qp = send.ready_next;
  }
}

/// Who waits when the run ends.
void Pauses::finish() {
  for (const Port& port : engine_.ports()) {
    const std::uint32_t number = engine_.ports()[port.peer].peer;
    for (std::uint32_t p = 0; p < kPriorities; ++p) {
      const std::int32_t row = holder_[number * kPriorities + p];
      const bool held = engine_.queues()[number * kPriorities + p].paused_until > engine_.now();
      if (row >= 0 && held && rows_[static_cast<std::size_t>(row)].released < 0) {
        add_waiting(rows_[static_cast<std::size_t>(row)], number);
      }
    }
  }
}

}  // namespace emu::telemetry
