// SPDX-License-Identifier: Apache-2.0
// A packet's way through a switch's buffer: admission, queue, departure. In the
// header because every packet-hop runs through it.
//
// Invariant: a check that passes on the occupancy at hand is exact, because
// ports that were not settled make it an upper bound; one that fails is
// repeated after settle_all().
#pragma once

#include <algorithm>

#include "link.h"

namespace emu {

[[gnu::always_inline]] inline void Engine::enqueue(Switch& sw, std::uint32_t out,
                                                   const Packet& packet) {
  Port& port = ports_[out];
  const std::uint32_t priority = packet.current_priority();
  EgressQueue& queue = queues_[out * kPriorities + priority];
  queue.packets.push(packet);
  queue.bytes += packet.bytes;
  queue.bytes_max = std::max(queue.bytes_max, queue.bytes);
  port.backlog |= static_cast<std::uint8_t>(1U << priority);
  sw.active[port.index >> 6] |= 1ULL << (port.index & 63);
  if (!sw.xoff.empty()) note_due(sw, port.index);
}

[[gnu::always_inline]] inline void Engine::give_back(Switch& sw, std::uint16_t ingress,
                                                     std::int64_t size, Ps now) {
  const std::uint32_t priority = IngressTag::priority(ingress);
  PriorityGroup& pg = pgs_[(sw.first_port + IngressTag::port(ingress)) * kPriorities + priority];
  sw.mmu.release(pg, size, sw.mmu.lossless(priority));
  if (sw.xoff.empty()) return;
  if (sw.mmu.params().resume_by_own) {
    if (pg.xoff && sw.mmu.may_resume(pg)) resume_group(sw, pg, now);
    return;
  }
  if (pg.xoff) sw.xoff_usage_min = std::min(sw.xoff_usage_min, sw.mmu.shared_part(pg.used));
  resume_groups(sw, now);
}

[[gnu::always_inline]] inline void Engine::release(Switch& sw, const Packet& packet, Ps now) {
  if (!IngressTag::replicated(packet.ingress)) {
    give_back(sw, packet.ingress, sw.mmu.footprint(packet.bytes), now);
    return;
  }
  const std::uint32_t index = IngressTag::replication(packet.ingress);
  Replication& shared = sw.replications[index];
  if (--shared.copies > 0) return;
  sw.free_replications.push_back(index);
  give_back(sw, shared.ingress, shared.size, now);
}

[[gnu::always_inline]] inline void Engine::depart(Switch& sw, Port& port, int priority, Ps start) {
  const auto number = sw.first_port + port.index;
  EgressQueue& queue = queues_[number * kPriorities + static_cast<std::uint32_t>(priority)];
  Packet packet = queue.packets.front();
  queue.packets.pop();
  queue.bytes -= packet.bytes;
  if (queue.packets.empty()) {
    port.backlog &= static_cast<std::uint8_t>(~(1U << priority));
    if (port.backlog == 0) sw.active[port.index >> 6] &= ~(1ULL << (port.index & 63));
  }
  if ((port.paused >> priority & 1) != 0 && queue.paused_until <= start) {
    port.paused &= static_cast<std::uint8_t>(~(1U << priority));
  }
  const EcnProfile& ecn = ecn_profiles_[port.ecn_profile];
  if (queue.bytes > ecn.kmin_bytes && (ecn.priorities >> priority & 1) != 0 &&
      ecn.marks(queue.bytes, seed_, number, port.ecn_draws) && mark_congestion(packet)) {
    ++queue.marked;
    ++sw.marked_packets;
    ++totals_.marked_packets;
  }
  ++queue.tx_packets;
  queue.tx_bytes += static_cast<std::uint64_t>(packet.bytes + framing_.gap_bytes);
  if (carries_data(packet.kind)) {
    queue.tx_payload +=
        static_cast<std::uint64_t>(payload_of(packet, tables_.overlay.overhead_bytes, framing_));
  }
  transmit(port, packet, start);
  release(sw, packet, start);
}

/// Starts every packet of the port whose turn comes before `until`. Returns
/// when the next one would start.
[[gnu::always_inline]] inline Ps Engine::settle(Switch& sw, std::uint32_t number, Ps until) {
  Port& port = ports_[number];
  EgressQueue* queues = &queues_[number * kPriorities];
  const SchedulerParams& params = switch_profiles_[sw.profile].scheduler;
  while (port.backlog != 0) {
    const Choice choice = choose(port, queues, until, params);
    if (choice.priority < 0) return choice.start;
    depart(sw, port, choice.priority, choice.start);
  }
  return kNever;
}

/// May the packet join the egress queue? Lossless queues have no limit of
/// their own: the ingress side stops the sender.
[[gnu::always_inline]] inline bool Engine::egress_accepts(Switch& sw, std::uint32_t out,
                                                          const Packet& packet, Ps now) {
  if (ports_[out].backlog != 0) settle(sw, out, now);
  const std::uint32_t priority = packet.current_priority();
  if (sw.mmu.lossless(priority)) return true;
  const std::int64_t size = sw.mmu.footprint(packet.bytes);
  const EgressQueue& queue = queues_[out * kPriorities + priority];
  if (sw.mmu.admit_lossy(queue.bytes, size)) return true;
  settle_all(sw, now);
  return sw.mmu.admit_lossy(queue.bytes, size);
}

/// Takes `size` bytes of buffer for a packet that came in at `ingress`; sends
/// XOFF when its priority group goes beyond its limit. False: dropped, counted.
[[gnu::always_inline]] inline bool Engine::take_buffer(Switch& sw, std::uint16_t ingress,
                                                       std::int64_t size, const Packet& packet,
                                                       Ps now) {
  const std::uint32_t in = sw.first_port + IngressTag::port(ingress);
  const std::uint32_t priority = IngressTag::priority(ingress);
  const std::uint32_t group = in * kPriorities + priority;
  PriorityGroup& pg = pgs_[group];
  Mmu& mmu = sw.mmu;
  if (!mmu.lossless(priority)) {
    if (!mmu.pool_has(size)) {
      settle_all(sw, now);
      if (!mmu.pool_has(size)) {
        count_drop(in, packet, Drop::kBufferFull);
        return false;
      }
    }
    mmu.take_shared(pg, size, false);
  } else {
    Admission admission = mmu.admit_lossless(pg, size);
    if (admission != Admission::kShared) {
      settle_all(sw, now);
      admission = mmu.admit_lossless(pg, size);
    }
    switch (admission) {
      case Admission::kShared:
        mmu.take_shared(pg, size, true);
        if (mmu.at_limit(pg)) {
          settle_all(sw, now);
          if (mmu.at_limit(pg) && !pg.xoff) go_xoff(sw, group, now);
        }
        break;
      case Admission::kHeadroom:
        mmu.take_headroom(pg, size);
        if (!pg.xoff) go_xoff(sw, group, now);
        break;
      case Admission::kBufferFull:
      case Admission::kHeadroomExceeded:
        if (!pg.xoff) go_xoff(sw, group, now);
        count_drop(in, packet, Drop::kHeadroomExceeded);
        return false;
    }
  }
  if (mmu.clearly_above(pg.used, pg.used_max) ||
      mmu.clearly_above(mmu.pool_used(), mmu.pool_used_max())) {
    settle_all(sw, now);
    note_watermarks(sw, in);
  }
  return true;
}

[[gnu::always_inline]] inline void Engine::admit(Switch& sw, std::uint32_t out,
                                                 const Packet& packet, Ps now) {
  if (!egress_accepts(sw, out, packet, now)) {
    count_drop(out, packet, Drop::kEgressLimit);
    return;
  }
  if (!take_buffer(sw, packet.ingress, sw.mmu.footprint(packet.bytes), packet, now)) return;
  enqueue(sw, out, packet);
}

}  // namespace emu
