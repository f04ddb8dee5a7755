// SPDX-License-Identifier: Apache-2.0
// A switch's priority groups: who is told to pause, who may go on.
#include "buffer.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace emu {

namespace {
constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
}

/// Keeps the largest occupancy of the pool and of the priority groups into which
/// something came. At the end of a window, when all ports are settled: what packets
/// take and give back within one is not seen.
void Lane::note_watermarks(Switch& sw) {
  for (std::uint32_t w = 0; w < sw.heard.size(); ++w) {
    for (std::uint64_t bits = std::exchange(sw.heard[w], 0); bits != 0; bits &= bits - 1) {
      const auto index = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      PriorityGroup* groups = &sw.group[index * kPriorities];
      for (std::uint32_t left = sw.seen; left != 0; left &= left - 1) {
        groups[std::countr_zero(left)].note_maximum();
      }
    }
  }
  sw.mmu.note_pool_maximum();
}

/// A priority group that may have reached its limit pauses its sender there.
void Lane::pause_at_limit(Switch& sw, std::uint32_t group, Ps now) {
  settle_all(sw, now);
  PriorityGroup& pg = sw.group[group];
  if (sw.mmu.at_limit(pg) && !pg.xoff) go_xoff(sw, group, now);
}

/// A lossless packet that the shared space might not hold: into headroom, with
/// XOFF, or dropped. False: dropped, counted.
bool Lane::take_scarce(Switch& sw, std::int64_t size, const Packet& packet, Ps now) {
  const std::uint32_t group = IngressTag::group(packet.ingress);
  PriorityGroup& pg = sw.group[group];
  settle_all(sw, now);
  switch (sw.mmu.admit_lossless(pg, size)) {
    case Admission::kShared:
      sw.mmu.take_shared(pg, size, true);
      if (sw.mmu.at_limit(pg)) pause_at_limit(sw, group, now);
      return true;
    case Admission::kHeadroom:
      sw.mmu.take_headroom(pg, size);
      if (!pg.xoff) go_xoff(sw, group, now);
      return true;
    case Admission::kBufferFull:
    case Admission::kHeadroomExceeded:
      break;
  }
  if (!pg.xoff) go_xoff(sw, group, now);
  count_drop(sw.first_port + group / kPriorities, packet, Drop::kHeadroomExceeded);
  return false;
}

void Lane::go_xoff(Switch& sw, std::uint32_t group, Ps now) {
  PriorityGroup& pg = sw.group[group];
  pg.note_maximum();  // all ports are settled here too
  sw.mmu.note_pool_maximum();
  const std::int64_t usage = pg.headroom == 0 ? sw.mmu.shared_part(pg.used) : kUnbounded;
  sw.xoff_usage_min = sw.xoff.empty() ? usage : std::min(sw.xoff_usage_min, usage);
  pg.xoff = true;
  if (!sw.in_order) {  // from here on departures run in order
    sw.in_order = sw.stopping = true;
    sw.due = {};
    sw.due_at.assign(sw.ports, kNever);
    for (std::uint32_t index = 0; index < sw.ports; ++index) note_due(sw, index);
  }
  sw.xoff.push_back(group);
  ++totals_.xoff_episodes;
  const std::uint32_t index = group / kPriorities;
  const std::uint32_t quanta = sw.chip->pfc_quanta;
  send_pfc(sw.first_port + index, static_cast<std::uint8_t>(group % kPriorities), quanta, now);
  if (pauses_hold_) return;
  pg.refresh_ps = now + pause_ps(quanta, sw.port[index].rate.bps) / 2;
  sw.refresh.emplace(pg.refresh_ps, group);
}

/// Sends XON for every group that may resume at `now`.
void Lane::resume_groups(Switch& sw, Ps now) {
  const Mmu& mmu = sw.mmu;
  std::size_t kept = 0;
  std::int64_t least = kUnbounded;
  for (const std::uint32_t group : sw.xoff) {
    PriorityGroup& pg = sw.group[group];
    if (mmu.may_resume(pg)) {
      pg.xoff = false;
      send_pfc(sw.first_port + group / kPriorities, static_cast<std::uint8_t>(group % kPriorities),
               0, now);
    } else {
      sw.xoff[kept++] = group;
      if (pg.headroom == 0) least = std::min(least, mmu.shared_part(pg.used));
    }
  }
  sw.xoff.resize(kept);
  sw.xoff_usage_min = least;
  sw.in_order = kept > 0;
}

/// Sends XON for one group, whose own packet left.
void Lane::resume_group(Switch& sw, PriorityGroup& pg, Ps now) {
  const auto group = static_cast<std::uint32_t>(&pg - sw.group);
  pg.xoff = false;
  std::erase(sw.xoff, group);
  sw.in_order = !sw.xoff.empty();
  send_pfc(sw.first_port + group / kPriorities, static_cast<std::uint8_t>(group % kPriorities), 0,
           now);
}

/// Repeats XOFF before the pause it asked for runs out.
void Lane::refresh_xoff(Switch& sw, Ps until) {
  while (!sw.refresh.empty() && sw.refresh.top().first < until) {
    const auto [at, group] = sw.refresh.top();
    sw.refresh.pop();
    if (sw.in_order) settle_in_order(sw, at);
    PriorityGroup& pg = sw.group[group];
    if (!pg.xoff || pg.refresh_ps != at) continue;
    const std::uint32_t index = group / kPriorities;
    settle(sw, index, at);
    const std::uint32_t quanta = sw.chip->pfc_quanta;
    send_pfc(sw.first_port + index, static_cast<std::uint8_t>(group % kPriorities), quanta, at);
    pg.refresh_ps = at + pause_ps(quanta, sw.port[index].rate.bps) / 2;
    sw.refresh.emplace(pg.refresh_ps, group);
  }
}

}  // namespace emu
