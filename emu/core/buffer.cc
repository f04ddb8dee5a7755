// SPDX-License-Identifier: Apache-2.0
// A switch's priority groups: who is told to pause, who may go on.
#include "buffer.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace emu {

/// Keeps the largest occupancy of the pool and of a port's priority groups.
/// The values at hand must be true: all ports are settled.
void Engine::note_watermarks(Switch& sw, std::uint32_t port) {
  PriorityGroup* groups = &pgs_[port * kPriorities];
  for (std::uint32_t p = 0; p < kPriorities; ++p) {
    groups[p].used_max = std::max(groups[p].used_max, groups[p].used);
  }
  sw.mmu.note_pool_maximum();
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
  if (pauses_hold_) return;
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

/// Sends XON for one group, whose own packet left.
void Engine::resume_group(Switch& sw, PriorityGroup& pg, Ps now) {
  const auto group = static_cast<std::uint32_t>(&pg - pgs_.data());
  pg.xoff = false;
  std::erase(sw.xoff, group);
  send_pfc(group / kPriorities, static_cast<std::uint8_t>(group % kPriorities), 0, now);
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
