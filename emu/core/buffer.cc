// SPDX-License-Identifier: Apache-2.0
// A switch's buffer at work: who gets in, who is told to pause, who may resume.
//
// Invariant: a check that passes on the occupancy at hand is exact, because
// ports that were not settled make it an upper bound; one that fails is
// repeated after settle_all().
#include <algorithm>
#include <bit>
#include <limits>

#include "link.h"

namespace emu {

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

}  // namespace emu
