// SPDX-License-Identifier: Apache-2.0
// A switch's buffer and departures: the shared-buffer MMU put to work, PFC out,
// and lazy transmission.
//
// Departures of different ports are independent as long as no priority group
// is in XOFF, so a port is settled only when something looks at it. Occupancy
// is then an upper bound: a check that passes on it is exact, one that fails is
// repeated after settle_all(). While a group is in XOFF, departures run in time
// order, because each may be the one that resumes it.
#include <algorithm>
#include <bit>

#include "link.h"

namespace emu {

void Engine::depart(Switch& sw, Port& port, int priority, Ps start) {
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
  queue.tx_bytes += static_cast<std::uint64_t>(packet.bytes + kLinkGapBytes);
  if (carries_data(packet.kind)) {
    queue.tx_payload +=
        static_cast<std::uint64_t>(payload_of(packet, tables_.overlay.overhead_bytes));
  }
  transmit(port, packet, start);
  release(sw, packet, start);
}

void Engine::release(Switch& sw, const Packet& packet, Ps now) {
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

void Engine::give_back(Switch& sw, std::uint16_t ingress, std::int64_t size, Ps now) {
  const std::uint32_t priority = IngressTag::priority(ingress);
  PriorityGroup& pg = pgs_[(sw.first_port + IngressTag::port(ingress)) * kPriorities + priority];
  sw.mmu.release(pg, size, sw.mmu.lossless(priority));
  if (sw.xoff.empty()) return;
  if (pg.xoff) sw.xoff_usage_min = std::min(sw.xoff_usage_min, sw.mmu.shared_part(pg.used));
  resume_groups(sw, now);
}

/// Starts every packet of the port whose turn comes before `until`. Returns
/// when the next one would start.
Ps Engine::settle(Switch& sw, std::uint32_t number, Ps until) {
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

Ps Engine::settle_all(Switch& sw, Ps until) {
  if (!sw.xoff.empty()) settle_in_order(sw, until);
  Ps next = kNever;
  for (std::uint32_t w = 0; w < sw.active.size(); ++w) {
    for (std::uint64_t bits = sw.active[w]; bits != 0; bits &= bits - 1) {
      const auto index = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      next = std::min(next, settle(sw, sw.first_port + index, until));
    }
  }
  return next;
}

/// While a group is in XOFF: the port may start a packet earlier than noted.
void Engine::note_due(Switch& sw, std::uint32_t index) {
  Port& port = ports_[sw.first_port + index];
  if (port.backlog == 0) return;
  const Ps start = choose(port, &queues_[(sw.first_port + index) * kPriorities], 0,
                          switch_profiles_[sw.profile].scheduler)
                       .start;
  if (start >= sw.due_at[index]) return;
  sw.due_at[index] = start;
  sw.due.emplace(start, index);
}

/// Departures of all ports in order of (time, port) until `until`, or until no
/// priority group is in XOFF any more.
void Engine::settle_in_order(Switch& sw, Ps until) {
  const SchedulerParams& params = switch_profiles_[sw.profile].scheduler;
  while (!sw.xoff.empty() && !sw.due.empty() && sw.due.top().first < until) {
    const auto [start, index] = sw.due.top();
    sw.due.pop();
    if (sw.due_at[index] != start) continue;
    sw.due_at[index] = kNever;
    Port& port = ports_[sw.first_port + index];
    if (port.backlog == 0) continue;
    const Choice choice =
        choose(port, &queues_[(sw.first_port + index) * kPriorities], start + 1, params);
    if (choice.priority >= 0) depart(sw, port, choice.priority, choice.start);
    note_due(sw, index);
  }
}

/// May the packet join the egress queue? Lossless queues have no limit of
/// their own: the ingress side stops the sender.
bool Engine::egress_accepts(Switch& sw, std::uint32_t out, const Packet& packet, Ps now) {
  settle(sw, out, now);
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
bool Engine::take_buffer(Switch& sw, std::uint16_t ingress, std::int64_t size, const Packet& packet,
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

/// Keeps the largest occupancy of the pool and of a port's priority groups.
/// The values at hand must be true: all ports are settled.
void Engine::note_watermarks(Switch& sw, std::uint32_t port) {
  PriorityGroup* groups = &pgs_[port * kPriorities];
  for (std::uint32_t p = 0; p < kPriorities; ++p) {
    groups[p].used_max = std::max(groups[p].used_max, groups[p].used);
  }
  sw.mmu.note_pool_maximum();
}

void Engine::enqueue(Switch& sw, std::uint32_t out, const Packet& packet) {
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

void Engine::admit(Switch& sw, std::uint32_t out, const Packet& packet, Ps now) {
  if (!egress_accepts(sw, out, packet, now)) {
    count_drop(out, packet, Drop::kEgressLimit);
    return;
  }
  if (!take_buffer(sw, packet.ingress, sw.mmu.footprint(packet.bytes), packet, now)) return;
  enqueue(sw, out, packet);
}

void Engine::go_xoff(Switch& sw, std::uint32_t group, Ps now) {
  PriorityGroup& pg = pgs_[group];
  const std::int64_t usage = sw.mmu.shared_part(pg.used);
  sw.xoff_usage_min = sw.xoff.empty() ? usage : std::min(sw.xoff_usage_min, usage);
  pg.xoff = true;
  if (sw.xoff.empty()) {  // from here on departures run in order
    sw.due = {};
    sw.due_at.assign(sw.ports, kNever);
    for (std::uint32_t w = 0; w < sw.active.size(); ++w) {
      for (std::uint64_t bits = sw.active[w]; bits != 0; bits &= bits - 1) {
        note_due(sw, w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
      }
    }
  }
  sw.xoff.push_back(group);
  ++totals_.xoff_episodes;
  const std::uint32_t port = group / kPriorities;
  const std::uint32_t quanta = switch_profiles_[sw.profile].pfc_quanta;
  send_pfc(port, static_cast<std::uint8_t>(group % kPriorities), quanta, now);
  pg.refresh_ps = now + pause_ps(quanta, ports_[port].rate.bps) / 2;
  sw.refresh.emplace(pg.refresh_ps, group);
}

/// Sends XON for every group that may resume at `now`.
void Engine::resume_groups(Switch& sw, Ps now) {
  const Mmu& mmu = sw.mmu;
  if (sw.xoff_usage_min > mmu.resume_level()) return;
  std::size_t kept = 0;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const std::uint32_t group : sw.xoff) {
    PriorityGroup& pg = pgs_[group];
    if (mmu.may_resume(pg)) {
      pg.xoff = false;
      send_pfc(group / kPriorities, static_cast<std::uint8_t>(group % kPriorities), 0, now);
    } else {
      sw.xoff[kept++] = group;
      least = std::min(least, mmu.shared_part(pg.used));
    }
  }
  sw.xoff.resize(kept);
  sw.xoff_usage_min = least;
}

/// Repeats XOFF before the pause it asked for runs out.
void Engine::refresh_xoff(Switch& sw, Ps until) {
  while (!sw.refresh.empty() && sw.refresh.top().first < until) {
    const auto [at, group] = sw.refresh.top();
    sw.refresh.pop();
    if (!sw.xoff.empty()) settle_in_order(sw, at);
    PriorityGroup& pg = pgs_[group];
    if (!pg.xoff || pg.refresh_ps != at) continue;
    const std::uint32_t port = group / kPriorities;
    settle(sw, port, at);
    const std::uint32_t quanta = switch_profiles_[sw.profile].pfc_quanta;
    send_pfc(port, static_cast<std::uint8_t>(group % kPriorities), quanta, at);
    pg.refresh_ps = at + pause_ps(quanta, ports_[port].rate.bps) / 2;
    sw.refresh.emplace(pg.refresh_ps, group);
  }
}

namespace {
// Sort key of one arrival: time in the window, then port, PFC before data,
// then order on the wire.
constexpr int kOrderBits = 16;
constexpr std::uint64_t kDataBit = 1ULL << (kOrderBits - 1);
constexpr std::uint64_t arrival_key(Ps offset, std::uint32_t port, std::uint64_t order) {
  return (static_cast<std::uint64_t>(offset) << (12 + kOrderBits)) |
         (static_cast<std::uint64_t>(port) << kOrderBits) | order;
}
}  // namespace

Ps Engine::process_switch(Switch& sw, Ps limit) {
  const Ps base = calendar_.start();
  keys_.clear();
  std::uint32_t sources = 0;
  const std::uint32_t first_word = nodes_[sw.node].wire_word;
  const std::uint32_t words = (sw.ports + 63) / 64;
  counts_.clear();
  for (std::uint32_t w = 0; w < words; ++w) {
    for (std::uint64_t bits = wires_[first_word + w]; bits != 0; bits &= bits - 1) {
      const auto index = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      Port& port = ports_[sw.first_port + index];
      std::uint32_t n = 0;
      for (; n < port.wire.size() && port.wire[n].at < limit; ++n) {
        keys_.push_back(arrival_key(port.wire[n].at - base, index, kDataBit | n));
      }
      std::uint32_t pauses = 0;
      for (; pauses < port.pfc_wire.size() && port.pfc_wire[pauses].at < limit; ++pauses) {
        keys_.push_back(arrival_key(port.pfc_wire[pauses].at - base, index, pauses));
      }
      sources += pauses > 0 ? 2 : 1;
      counts_.push_back(index);
      counts_.push_back(n);
      counts_.push_back(pauses);
    }
  }
  if (sources > 1) std::sort(keys_.begin(), keys_.end());
  for (const std::uint64_t key : keys_) {
    const Ps at = base + static_cast<Ps>(key >> (12 + kOrderBits));
    const auto index = static_cast<std::uint32_t>(key >> kOrderBits) & 0xFFFU;
    const auto order = static_cast<std::uint32_t>(key & ((1U << kOrderBits) - 1));
    Port& port = ports_[sw.first_port + index];
    if (!sw.refresh.empty()) refresh_xoff(sw, at);
    if (!sw.xoff.empty()) settle_in_order(sw, at);
    if ((order & kDataBit) != 0) {
      receive(sw, port, port.wire[order & (kDataBit - 1)], at);
    } else {
      settle(sw, sw.first_port + index, at);
      obey_pfc(sw.first_port + index, port.pfc_wire[order]);
      if (!sw.xoff.empty()) note_due(sw, index);
    }
  }
  for (std::size_t i = 0; i < counts_.size(); i += 3) {
    const std::uint32_t index = counts_[i];
    Port& port = ports_[sw.first_port + index];
    port.wire.pop(counts_[i + 1]);
    port.pfc_wire.pop(counts_[i + 2]);
    if (port.wire.empty() && port.pfc_wire.empty()) {
      wires_[first_word + (index >> 6)] &= ~(1ULL << (index & 63));
    }
  }
  refresh_xoff(sw, limit);
  const Ps next = settle_all(sw, limit);
  for (std::size_t i = 0; i < counts_.size(); i += 3) {
    note_watermarks(sw, sw.first_port + counts_[i]);
  }
  return sw.refresh.empty() ? next : std::min(next, sw.refresh.top().first);
}

}  // namespace emu
