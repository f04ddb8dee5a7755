// SPDX-License-Identifier: Apache-2.0
// Forwarding by somebody else: what it answers joins the engine's queues.
#include "outside.h"

#include <algorithm>
#include <stdexcept>

#include "buffer.h"
#include "engine.h"

namespace emu {

void Engine::set_outside(Outside* outside) {
  if (threads_ > 1) throw std::logic_error("who forwards packets needs an engine of one thread");
  outside_ = outside;
  for (Port& port : ports_) {
    port.outside = outside != nullptr;
    port.note_impairment();
  }
  for (const Switch& sw : switches_) {
    std::fill_n(tables_.port_group.begin() + sw.first_port, sw.ports, kPortOutside);
  }
}

void Lane::receive_outside(Switch& sw, std::uint32_t in_port, Packet& packet, Ps now) {
  packet.ingress = IngressTag::pack(in_port - sw.first_port, packet.current_priority());
  copies_.clear();
  const Verdict verdict = outside_->forward(in_port, packet, now, copies_);
  packet.entropy = kNone;  // the outside is done with this one: drops of the copies name theirs
  switch (verdict) {
    case Verdict::kForwarded:
      admit_copies(sw, packet, copies_, now);
      break;
    case Verdict::kDropped:
      count_drop(in_port, packet, Drop::kNoRoute);
      break;
    case Verdict::kPending:
      break;
  }
}

void Lane::admit_copies(Switch& sw, const Packet& packet, std::vector<Copy>& copies, Ps now) {
  for (Copy& copy : copies) {
    copy.second.ingress = packet.ingress;
    copy.second.at = now;  // not in the past, however late the answer
  }
  if (copies.size() == 1) {
    admit(sw, copies.front().first - sw.first_port, copies.front().second, now);
  } else if (!replicate(sw, packet, packet.ingress, copies, now)) {
    for (const Copy& copy : copies) outside_->dropped(copy.first, copy.second, Drop::kBufferFull);
  }
}

void Engine::admit_outside(std::uint32_t in_port, const Packet& packet, std::vector<Copy>& copies,
                           bool again) {
  Switch& sw = switches_[nodes_[ports_[in_port].node].index];
  Lane& lane = lane_of(sw.node);
  if (!sw.refresh.empty()) lane.refresh_xoff(sw, now_);
  if (sw.in_order) lane.settle_in_order(sw, now_);
  lane.admit_copies(sw, packet, copies, now_);
  lane.wake(sw.node, now_);
  if (!again) return;
  for (const Copy& copy : copies) {
    ++lane.totals_.copied_packets;
    lane.totals_.copied_bytes += copy.second.bytes;
  }
}

void Engine::drop_outside(std::uint32_t in_port, const Packet& packet, bool lost) {
  Lane& lane = lane_of(ports_[in_port].node);
  if (lost) {
    lane.count_drop(in_port, packet, Drop::kNoRoute);
    return;
  }
  ++lane.totals_.discarded_packets;
  lane.totals_.discarded_bytes += packet.bytes;
}

void Engine::inject(std::uint32_t number, Packet packet) {
  Port& port = ports_[number];
  if (nodes_[port.node].is_switch) throw std::invalid_argument("only a NIC can be given a frame");
  Lane& lane = lane_of(port.node);
  packet.at = now_;
  packet.kind = Kind::kForeign;
  ++lane.totals_.injected_packets;
  lane.totals_.injected_bytes += packet.bytes;
  const std::uint32_t priority = packet.current_priority();
  EgressQueue& queue = queues_[number * kPriorities + priority];
  queue.packets.push(lane.pool_, packet);
  queue.bytes += packet.bytes;
  queue.bytes_max = std::max(queue.bytes_max, queue.bytes);
  port.backlog |= static_cast<PrioritySet>(1U << priority);
  lane.wake(port.node, now_);
}

Ps Engine::next_work() const {
  Ps next = kNever;
  for (const auto& lane : lanes_) next = std::min(next, lane->calendar_.next_work());
  return posts_.empty() ? next : std::min(next, std::get<0>(posts_.top()));
}

}  // namespace emu
