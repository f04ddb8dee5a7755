// SPDX-License-Identifier: Apache-2.0
// What happens to a fabric from outside: faults, and what the control plane
// makes of them. The caller applies each at its exact time (run_until() ends a
// window early for that), so all nodes stand at now().
#include <algorithm>
#include <utility>

#include "buffer.h"
#include "engine.h"

namespace emu {

void Engine::set_fib(std::uint32_t sw, const std::vector<std::uint16_t>& routes,
                     std::uint16_t value) {
  for (const std::uint16_t route : routes) tables_.switches[sw].fib[route] = value;
}

/// Entries that point to `groups` are forgotten: what they led to floods until
/// it is learned again (IEEE 802.1D topology change).
void Engine::flush_macs(std::uint32_t sw, const std::vector<std::uint16_t>& groups) {
  SwitchTables& table = tables_.switches[sw];
  for (std::uint32_t e = 0; e < tables_.endpoints; ++e) {
    if (std::find(groups.begin(), groups.end(), table.fib[e]) == groups.end()) continue;
    table.fib[e] = kRouteFlood;
    if (table.macs > 0) --table.macs;
  }
}

/// Moves the queue pairs of an endpoint to the ports it may now use.
void Engine::rehash_endpoint(std::uint32_t number) {
  Endpoint& ep = endpoints_[number];
  Lane& lane = lane_of(ep.node);
  for (std::uint32_t i = 0; i < ep.ports; ++i) {
    NicPort& nic = nic_ports_[ep.first_port + i];
    nic.ready = 0;
    nic.paced.clear();
  }
  for (std::uint32_t qp = 0; qp < qps_.size(); ++qp) {
    if (qps_[qp].src != number || send_[qp].state == SendState::kFailed) continue;
    send_[qp].state = SendState::kIdle;
    lane.make_ready(ep, qp, now_);
  }
  lane.wake(ep.node, now_);
}

void Engine::set_group(std::uint32_t group, const std::vector<std::uint32_t>& members) {
  tables_.groups.set(group, members);
  if (!remote_.of_route.empty()) note_remote_grade(group);
  for (Switch& sw : switches_) {
    if (!sw.table->by_hash) std::visit([&](auto& policy) { policy.forget(group); }, sw.routing);
  }
  for (std::uint32_t e = 0; e < endpoints_.size(); ++e) {
    if (endpoints_[e].group == group) rehash_endpoint(e);
  }
}

void Engine::set_endpoint_group(std::uint32_t endpoint, std::uint32_t group) {
  endpoints_[endpoint].group = group;
  rehash_endpoint(endpoint);
}

/// The cable (both directions). Frames whose last bit has not arrived are lost.
void Engine::set_link(std::uint32_t number, bool up) {
  collect();  // what has just been sent is on its way too
  for (const std::uint32_t from : {number, ports_[number].peer}) {
    Port& port = ports_[from];
    port.link_up = up;
    port.note_impairment();
    if (up) continue;
    const Port& peer = ports_[port.peer];
    const Ps after = now_ + receive_ps_[peer.node];
    // What a port has sent is in the box of its own lane.
    Lane& lane = lane_of(port.node);
    const std::uint32_t window = lane.calendar_.number();
    lane.inboxes_.remove(lane.pool_, port.peer_slot, window, [&](const Packet& packet) {
      if (packet.ingress != peer.index || packet.at <= after) return false;
      lane.count_drop(from, packet, Drop::kLinkDown);
      lane.note_wire_loss(from, packet);
      return true;
    });
    const Ps reacts = now_ + reaction_ps_[port.peer];
    pfc_wires_[port.peer].filter([&](const PfcFrame& frame) { return frame.at <= reacts; });
    if ((port.watched & kWatchedThere) != 0) observer_->recall(port.peer, after, reacts);
  }
}

/// The node of the port knows that its link is down (up): queued packets go,
/// pause state starts afresh.
void Engine::port_detected(std::uint32_t number, bool up) {
  Port& port = ports_[number];
  const NodeRef& node = nodes_[port.node];
  Lane& lane = lane_of(port.node);
  port.known_down = !up;
  if (!up && recorder_ != nullptr) recorder_->flushes(number, now_);
  for (std::uint32_t p = 0; p < kPriorities; ++p) {
    EgressQueue& queue = queues_[number * kPriorities + p];
    queue.pause(now_, now_);
    if (up) continue;
    while (!queue.packets.empty()) {
      const Packet packet = queue.packets.front();
      queue.packets.pop(lane.pool_);
      queue.bytes -= packet.bytes;
      lane.count_drop(number, packet, Drop::kLinkDown);
      ++drops_[number].queue_packets[p];
      if (node.is_switch) lane.release(switches_[node.index], packet.ingress, packet.bytes, now_);
    }
    port.backlog &= static_cast<PrioritySet>(~(1U << p));
  }
  if (node.is_switch) {
    Switch& sw = switches_[node.index];
    if (sw.in_order) lane.note_due(sw, port.index);
  }
  lane.wake(port.node, now_);
}

/// Of what the port sends, this share is lost.
void Engine::set_loss(std::uint32_t number, double loss) {
  Port& port = ports_[number];
  port.loss_q32 = probability_q32(loss);
  port.note_impairment();
}

/// Of the codewords that the port sends, this share is beyond repair; a codeword
/// carries so many bytes. 0: the port's FEC corrects everything.
void Engine::set_codeword_loss(std::uint32_t number, std::uint32_t codeword_bytes, double loss) {
  Port& port = ports_[number];
  port.uncorrected = loss > 0;
  port.note_impairment();
  codeword_loss_.resize(ports_.size());
  CodewordLoss& fec = codeword_loss_[number];
  fec = {codeword_bytes, {}};
  if (loss <= 0) return;
  // A frame in n codewords survives if all of them do. Step by step, not pow():
  // the result must not depend on libm.
  double survives = 1;
  for (std::uint32_t words = 0; words <= 0xFFFF / codeword_bytes + 2; ++words) {
    survives *= 1 - loss;
    fec.lost_q32.push_back(probability_q32(1 - survives));
  }
}

/// What the port sends is discarded at the other end if the frame is larger; 0:
/// nothing is.
void Engine::set_frame_limit(std::uint32_t number, std::uint16_t bytes) {
  ports_[number].peer_takes_bytes = bytes;
  ports_[number].note_impairment();
}

/// The classes that a switch treats as lossless, from now on: it pauses for
/// these, obeys pauses of these, and drops the others when their queue is long.
/// None given: those of its profile.
void Engine::set_lossless(std::uint32_t row, std::optional<std::uint8_t> wanted) {
  Switch& sw = switches_[row];
  const std::uint8_t priorities = wanted.value_or(sw.chip->mmu.lossless);
  Lane& lane = lane_of(sw.node);
  lane.settle_all(sw, now_);
  const auto changed = static_cast<std::uint8_t>(sw.mmu.params().lossless ^ priorities);
  for (std::uint32_t g = 0; g < sw.ports * kPriorities; ++g) {
    const std::uint32_t priority = g % kPriorities;
    if ((changed >> priority & 1) == 0) continue;
    PriorityGroup& pg = sw.group[g];
    sw.mmu.reclassify(pg, (priorities >> priority & 1) != 0);
    sw.queue[g].pause(now_, now_);  // nobody waits for a pause that is not meant for it
    if (pg.xoff) lane.resume_group(sw, pg, now_);
  }
  sw.mmu.set_lossless(priorities);
  if (sw.in_order) {
    for (std::uint32_t index = 0; index < sw.ports; ++index) lane.note_due(sw, index);
  }
  lane.wake(sw.node, now_);
}

/// The seed of a switch's hash.
void Engine::set_hash_seed(std::uint32_t row, std::uint64_t seed) {
  tables_.switches[row].hash_seed = seed;
}

/// The cable runs at this rate, both ways, from the next frame on. At most the
/// rate that the fabric was built with: the window rests on that.
void Engine::set_rate(std::uint32_t number, Bps rate_bps) {
  for (const std::uint32_t from : {number, ports_[number].peer}) {
    ports_[from].rate = LinkRate(rate_bps, framing_.grain_ps);
  }
  for (const std::uint32_t from : {number, ports_[number].peer}) set_arrival(ports_[from]);
}

/// A switch marks by its ports' profiles, or nothing.
void Engine::set_marking(std::uint32_t row, bool on) {
  Switch& sw = switches_[row];
  if (on == sw.forgotten.empty()) return;
  for (std::uint32_t i = 0; i < sw.ports; ++i) {
    std::uint16_t& profile = sw.port[i].ecn_profile;
    if (!on) sw.forgotten.push_back(profile);
    profile = on ? sw.forgotten[i] : unmarked_profile_;
  }
  if (on) sw.forgotten.clear();
}

void Engine::set_black_hole(std::uint32_t number, bool on,
                            const std::vector<std::uint16_t>& routes) {
  Port& port = ports_[number];
  port.black_hole = on;
  port.note_impairment();
  hole_routes_[number] = routes;
}

void Engine::set_receive_rate(std::uint32_t endpoint, Bps rate_bps) {
  Endpoint& ep = endpoints_[endpoint];
  ep.receive_rate_bps = rate_bps;
  if (rate_bps == 0) ep.rx_bytes = 0;
  ep.rx_at = now_;
}

void Engine::set_storm(std::uint32_t endpoint, std::uint8_t priority, bool on, const Storm& storm) {
  Endpoint& ep = endpoints_[endpoint];
  const bool resumes = ep.storms[priority].frame == StormFrame::kPfc;
  const auto bit = static_cast<std::uint8_t>(1U << priority);
  const bool was = (ep.storm & bit) != 0;
  ep.storm = static_cast<std::uint8_t>(on ? ep.storm | bit : ep.storm & ~bit);
  if (on) ep.storms[priority] = storm;
  Lane& lane = lane_of(ep.node);
  if (on && !was) lane.arm(ep, now_, TimerKind::kStorm, priority);
  if (!on && was && resumes) {
    for (std::uint32_t i = 0; i < ep.ports; ++i)
      lane.send_pfc(ep.first_port + i, priority, 0, now_);
  }
}

/// The endpoint asks everybody for an address, out of turn.
void Engine::broadcast(std::uint32_t endpoint) {
  Endpoint& ep = endpoints_[endpoint];
  Lane& lane = lane_of(ep.node);
  lane.send_arp(ep, now_);
  lane.wake(ep.node, now_);
}

void Engine::set_silent(std::uint32_t endpoint, bool on) {
  Endpoint& ep = endpoints_[endpoint];
  Lane& lane = lane_of(ep.node);
  ep.silent = on;
  for (std::uint32_t i = 0; i < ep.ports; ++i) {  // what waited goes from now on, not in the past
    Port& port = ports_[ep.first_port + i];
    port.next_free = std::max(port.next_free, now_);
  }
  for (std::uint32_t i = 0; on && i < ep.ports; ++i) {
    const std::uint32_t number = ep.first_port + i;
    for (std::uint32_t p = 0; p < kPriorities; ++p) {
      EgressQueue& queue = queues_[number * kPriorities + p];
      while (!queue.packets.empty()) {
        lane.count_drop(number, queue.packets.front(), Drop::kHostSilent);
        queue.bytes -= queue.packets.front().bytes;
        queue.packets.pop(lane.pool_);
      }
    }
    ports_[number].backlog = 0;
  }
  lane.wake(ep.node, now_);
}

std::int64_t Engine::take_watermark(std::uint32_t number) {
  if (watermarks_.empty()) watermarks_.resize(queues_.size());
  EgressQueue& queue = queues_[number];
  watermarks_[number] = std::max(watermarks_[number], queue.bytes_max);
  return std::exchange(queue.bytes_max, queue.bytes);
}

/// Appends a row for the fabric and, with `queues`, one for every queue that is
/// not empty or is paused. Looks for deadlocks.
void Engine::sample(bool queues) {
  look_for_deadlocks();
  if (recorder_ != nullptr) recorder_->sampled();
  Ps paused = 0;
  for (std::uint32_t number = 0; number < ports_.size(); ++number) {
    const Port& port = ports_[number];
    for (std::uint32_t p = 0; p < kPriorities; ++p) {
      const EgressQueue& queue = queues_[number * kPriorities + p];
      const PriorityGroup& pg = pgs_[number * kPriorities + p];
      paused += queue.paused_total(now_);
      if (!queues) continue;
      const bool stopped = (port.paused >> p & 1) != 0 && queue.paused_until > now_;
      if (queue.bytes == 0 && pg.used + pg.headroom == 0 && !stopped) continue;
      queue_samples_.push_back({now_, number, static_cast<std::uint8_t>(p), stopped, queue.bytes,
                                pg.used + pg.headroom});
    }
  }
  const Totals sum = totals();
  std::uint64_t drops = 0;
  for (const std::uint64_t n : sum.drop_packets) drops += n;
  series_.push_back({now_, sum.delivered_payload, static_cast<std::uint64_t>(sum.wire_bytes), drops,
                     sum.marked_packets, sum.pfc_frames, sum.flooded_bytes, sum.cnp_packets,
                     sum.retransmitted_bytes, paused});
}

}  // namespace emu
