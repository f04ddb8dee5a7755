// SPDX-License-Identifier: Apache-2.0
// A switch in a window: arrivals in canonical order, departures when needed.
//
// Departures of different ports are independent as long as no priority group
// is in XOFF, so a port is settled only when something looks at it. While a
// group is in XOFF, departures run in time order, because each may be the one
// that resumes it.
#include <algorithm>
#include <bit>
#include <cstring>

#include "buffer.h"
#include "pipeline.h"

namespace emu {

Ps Engine::settle_all(Switch& sw, Ps until) {
  if (sw.in_order) {
    settle_in_order(sw, until);
    if (sw.in_order) return sw.due.empty() ? kNever : sw.due.top().first;
  }
  Ps next = kNever;
  for (std::uint32_t first = 0; first < sw.ports; first += 8) {
    std::uint64_t active = 0;  // eight ports at a time
    std::memcpy(&active, &sw.active[first], 8);
    for (; active != 0; active &= active - 1) {
      const std::uint32_t index = first + static_cast<std::uint32_t>(std::countr_zero(active)) / 8;
      const Ps start = settle(sw, index, until);
      // What is paused without an end waits for its XON and stays active.
      if (start == kNever && sw.port[index].backlog == 0) sw.active[index] = 0;
      next = std::min(next, start);
    }
  }
  return next;
}

/// While a group is in XOFF: the port may start a packet earlier than noted.
void Engine::note_due(Switch& sw, std::uint32_t index) {
  Port& port = sw.port[index];
  if (port.backlog == 0) return;
  const Ps start = next_start(port, &sw.queue[index * kPriorities]);
  if (start >= sw.due_at[index]) return;
  sw.due_at[index] = start;
  sw.due.emplace(start, index);
}

/// Departures of all ports in order of (time, port) until `until`, or until no
/// priority group is in XOFF any more.
void Engine::settle_in_order(Switch& sw, Ps until) {
  while (sw.in_order && !sw.due.empty() && sw.due.top().first < until) {
    const auto [start, index] = sw.due.top();
    sw.due.pop();
    if (sw.due_at[index] != start) continue;
    sw.due_at[index] = kNever;
    Port& port = sw.port[index];
    if (port.backlog == 0) continue;
    EgressQueue* queues = &sw.queue[index * kPriorities];
    const Choice choice = choose(port, queues, start + 1, sw.chip->scheduler);
    if (choice.priority >= 0) {
      depart(sw, port, queues[choice.priority], static_cast<std::uint32_t>(choice.priority),
             choice.start);
    }
    note_due(sw, index);
  }
}

/// Obeys the next pause frame of a port.
void Engine::take_pause(Switch& sw, std::uint32_t index, Ps at) {
  settle(sw, index, at);
  Ring<PfcFrame>& wire = sw.port[index].pfc_wire;
  obey_pfc(sw.first_port + index, wire.front());
  wire.pop();
  if (sw.in_order) note_due(sw, index);
}

Ps Engine::process_switch(Switch& sw, Ps limit) {
  std::uint64_t* const wires = &wires_[nodes_[sw.node].wire_word];
  const std::uint32_t words = (sw.ports + 63) / 64;
  heard_.clear();
  std::size_t most = 0;
  for (std::uint32_t w = 0; w < words; ++w) {
    for (std::uint64_t bits = wires[w]; bits != 0; bits &= bits - 1) {
      const auto index = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      heard_.push_back({index, 0});
      most += sw.port[index].wire.size() + sw.port[index].pfc_wire.size();
    }
  }
  arrivals_.begin(calendar_.start(), calendar_.window_ps(), most);
  for (auto& [index, packets] : heard_) {
    Port& port = sw.port[index];
    if (!port.pfc_wire.empty()) [[unlikely]]
      arrivals_.take(index, port.pfc_wire, limit);
    packets = arrivals_.take(index, port.wire, limit);
  }
  arrivals_.drain([&](const Arrival& arrival) __attribute__((always_inline)) {
    if (!sw.refresh.empty()) [[unlikely]]
      refresh_xoff(sw, arrival.at);
    if (sw.in_order) [[unlikely]]
      settle_in_order(sw, arrival.at);
    if (arrival.packet != nullptr) [[likely]] {
      receive(sw, arrival.port, *arrival.packet, arrival.at);
    } else {
      take_pause(sw, arrival.port, arrival.at);
    }
  });
  for (const auto& [index, packets] : heard_) {
    Port& port = sw.port[index];
    port.wire.pop(packets);
    if (port.wire.empty() && port.pfc_wire.empty()) wires[index >> 6] &= ~(1ULL << (index & 63));
  }
  refresh_xoff(sw, limit);
  const Ps next = settle_all(sw, limit);
  for (const auto& [index, packets] : heard_) note_watermarks(sw, index);
  return sw.refresh.empty() ? next : std::min(next, sw.refresh.top().first);
}

}  // namespace emu
