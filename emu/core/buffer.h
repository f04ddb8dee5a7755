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

[[gnu::always_inline]] inline void Lane::enqueue(Switch& sw, std::uint32_t index,
                                                 const Packet& packet) {
  Port& port = sw.port[index];
  const std::uint32_t priority = packet.current_priority();
  EgressQueue& queue = sw.queue[index * kPriorities + priority];
  queue.packets.push(pool_, packet);
  queue.bytes += packet.bytes;
  queue.bytes_max = std::max(queue.bytes_max, queue.bytes);
  sw.active[index >> 6] |= 1ULL << (index & 63);
  port.backlog |= static_cast<PrioritySet>(1U << priority);
  if (sw.in_order) [[unlikely]]
    note_due(sw, index);
}

[[gnu::always_inline]] inline void Lane::give_back(Switch& sw, std::uint16_t ingress,
                                                   std::int64_t size, Ps now) {
  const std::uint32_t priority = IngressTag::priority(ingress);
  PriorityGroup& pg = sw.group[IngressTag::group(ingress)];
  sw.mmu.release(pg, size, sw.mmu.lossless(priority));
  if (!sw.in_order) [[likely]]
    return;
  if (sw.mmu.params().resume_by_own) {
    if (pg.xoff && sw.mmu.may_resume(pg)) resume_group(sw, pg, now);
    return;
  }
  if (pg.xoff && pg.headroom == 0) {
    sw.xoff_usage_min = std::min(sw.xoff_usage_min, sw.mmu.shared_part(pg.used));
  }
  if (sw.xoff_usage_min <= sw.mmu.resume_level()) resume_groups(sw, now);
}

[[gnu::always_inline]] inline void Lane::release(Switch& sw, std::uint16_t ingress,
                                                 std::uint32_t bytes, Ps now) {
  if (!IngressTag::replicated(ingress)) [[likely]] {
    give_back(sw, ingress, sw.mmu.footprint(bytes), now);
    return;
  }
  const std::uint32_t index = IngressTag::replication(ingress);
  Replication& shared = sw.replications[index];
  if (--shared.copies > 0) return;
  sw.free_replications.push_back(index);
  give_back(sw, shared.ingress, shared.size, now);
}

/// Starts the first packet of an egress queue; the caller sees to port.backlog.
[[gnu::always_inline]] inline void Lane::depart(Switch& sw, Port& port, EgressQueue& queue,
                                                std::uint32_t priority, Ps start) {
  Packet& packet = queue.packets.front();
  const std::uint32_t bytes = packet.bytes;
  const std::uint16_t ingress = packet.ingress;
  queue.bytes -= bytes;
  const EcnProfile& ecn = ecn_profiles_[port.ecn_profile];
  if (queue.bytes > ecn.kmin_bytes && (ecn.priorities >> priority & 1) != 0 &&
      ecn.marks(queue.bytes, seed_, sw.first_port + port.index, port.ecn_draws) &&
      mark_congestion(packet)) {
    ++queue.marked;
    ++sw.marked_packets;
    ++totals_.marked_packets;
  }
  ++queue.tx_packets;
  queue.tx_bytes += bytes + static_cast<std::uint32_t>(framing_.gap_bytes);
  if (is_middle(packet)) [[likely]] {
    queue.tx_payload += bytes - middle_header_bytes_;
  } else {
    count_headers(queue, packet);
  }
  transmit(port, packet, start);
  queue.packets.pop(pool_);
  if (port.paused != 0 && (port.paused >> priority & 1) != 0 && queue.paused_until <= start) {
    port.paused &= static_cast<PrioritySet>(~(1U << priority));
  }
  release(sw, ingress, bytes, start);
}

/// Starts every packet of the port whose turn comes before `until`. Returns
/// when the next one would start.
[[gnu::always_inline]] inline Ps Lane::settle(Switch& sw, std::uint32_t index, Ps until) {
  Port& port = sw.port[index];
  EgressQueue* queues = &sw.queue[index * kPriorities];
  while (port.backlog != 0) {
    if (!single_bit(port.backlog)) [[unlikely]] {
      const Choice choice = choose_among(port, queues, until, sw.chip->scheduler);
      if (choice.priority < 0) return choice.start;
      depart_by_choice(sw, port, choice);
      continue;
    }
    const int p = std::countr_zero(port.backlog);
    EgressQueue& queue = queues[p];
    do {
      const Ps start = earliest_start(port, queue, p);
      if (start >= until) return start;
      depart(sw, port, queue, static_cast<std::uint32_t>(p), start);
    } while (!queue.packets.empty());
    port.backlog = 0;
  }
  return kNever;
}

/// May a lossy packet join the egress queue? Lossless queues have no limit of
/// their own: the ingress side stops the sender.
[[gnu::always_inline]] inline bool Lane::egress_accepts(Switch& sw, std::uint32_t out,
                                                        std::uint32_t priority, std::int64_t size,
                                                        Ps now) {
  const EgressQueue& queue = sw.queue[out * kPriorities + priority];
  if (sw.mmu.admit_lossy(queue.bytes, size)) return true;
  settle_all(sw, now);
  return sw.mmu.admit_lossy(queue.bytes, size);
}

/// Takes `size` bytes of buffer for a packet in its priority group (packet.ingress);
/// sends XOFF when the group goes beyond its limit. False: dropped, counted.
[[gnu::always_inline]] inline bool Lane::take_buffer(Switch& sw, std::int64_t size,
                                                     const Packet& packet, Ps now) {
  const std::uint32_t group = IngressTag::group(packet.ingress);
  PriorityGroup& pg = sw.group[group];
  Mmu& mmu = sw.mmu;
  if (!mmu.lossless(group % kPriorities)) {
    if (!mmu.pool_has(size)) {
      settle_all(sw, now);
      if (!mmu.pool_has(size)) {
        count_drop(sw.first_port + group / kPriorities, packet, Drop::kBufferFull);
        return false;
      }
    }
    mmu.take_shared(pg, size, false);
  } else if (mmu.admit_lossless(pg, size) == Admission::kShared) [[likely]] {
    mmu.take_shared(pg, size, true);
    if (mmu.at_limit(pg)) [[unlikely]]
      pause_at_limit(sw, group, now);
  } else if (!take_scarce(sw, size, packet, now)) {
    return false;
  }
  sw.seen |= 1U << group % kPriorities;
  return true;
}

/// A packet that came in by packet.ingress goes out by port `out`.
[[gnu::always_inline]] inline void Lane::admit(Switch& sw, std::uint32_t out, const Packet& packet,
                                               Ps now) {
  if (sw.port[out].backlog != 0) settle(sw, out, now);
  const std::int64_t size = sw.mmu.footprint(packet.bytes);
  const std::uint32_t priority = packet.current_priority();
  if (!sw.mmu.lossless(priority) && !egress_accepts(sw, out, priority, size, now)) {
    count_drop(sw.first_port + out, packet, Drop::kEgressLimit);
    return;
  }
  if (take_buffer(sw, size, packet, now)) enqueue(sw, out, packet);
}

}  // namespace emu
