// SPDX-License-Identifier: Apache-2.0
// A switch in a window: arrivals in canonical order, departures when needed.
//
// Departures of different ports are independent as long as no priority group
// is in XOFF, so a port is settled only when something looks at it. While a
// group is in XOFF, departures run in time order, because each may be the one
// that resumes it.
#include <algorithm>
#include <bit>

#include "buffer.h"

namespace emu {

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
