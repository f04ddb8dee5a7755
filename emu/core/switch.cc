// SPDX-License-Identifier: Apache-2.0
// A switch in a window: arrivals in canonical order, departures when needed.
//
// Departures of different ports are independent as long as no priority group
// is in XOFF, so a port is settled only when something looks at it. While a
// group is in XOFF, departures run in time order, because each may be the one
// that resumes it.
#include <algorithm>
#include <bit>
#include <utility>

#include "buffer.h"
#include "pipeline.h"

namespace emu {

Ps Lane::settle_all(Switch& sw, Ps until) {
  if (sw.in_order) {
    settle_in_order(sw, until);
    if (sw.in_order) return sw.due.empty() ? kNever : sw.due.top().first;
  }
  Ps next = kNever;
  for (std::uint32_t w = 0; w < sw.active.size(); ++w) {
    for (std::uint64_t active = sw.active[w]; active != 0; active &= active - 1) {
      const auto bit = static_cast<std::uint32_t>(std::countr_zero(active));
      const Ps start = settle(sw, w * 64 + bit, until);
      // What is paused without an end waits for its XON and stays active.
      if (start == kNever && sw.port[w * 64 + bit].backlog == 0) sw.active[w] &= ~(1ULL << bit);
      next = std::min(next, start);
    }
  }
  return next;
}

/// Starts a packet of a port of which several queues hold some.
void Lane::depart_by_choice(Switch& sw, Port& port, const Choice& choice) {
  const auto priority = static_cast<std::uint32_t>(choice.priority);
  EgressQueue& queue = sw.queue[port.index * kPriorities + priority];
  depart(sw, port, queue, priority, choice.start);
  if (queue.packets.empty()) port.backlog &= static_cast<PrioritySet>(~(1U << priority));
}

/// Counts what is payload in a frame, and outer headers.
void Lane::count_headers(EgressQueue& queue, const Packet& packet) {
  if (carries_data(packet.kind)) {
    queue.tx_payload += static_cast<std::uint64_t>(packet.bytes - headers_[header_row(packet)]);
  }
  if ((packet.flags & kEncap) != 0) {
    totals_.encap_bytes += static_cast<std::uint64_t>(tables_->overlay.overhead_bytes);
  }
}

/// While a group is in XOFF: the port may start a packet earlier than noted.
void Lane::note_due(Switch& sw, std::uint32_t index) {
  Port& port = sw.port[index];
  if (port.backlog == 0) return;
  const Ps start = next_start(port, &sw.queue[index * kPriorities]);
  if (start >= sw.due_at[index]) return;
  sw.due_at[index] = start;
  sw.due.emplace(start, index);
}

/// Departures of all ports in order of (time, port) until `until`, or until no
/// priority group is in XOFF any more.
void Lane::settle_in_order(Switch& sw, Ps until) {
  while (sw.in_order && !sw.due.empty() && sw.due.top().first < until) {
    const auto [start, index] = sw.due.top();
    sw.due.pop();
    if (sw.due_at[index] != start) continue;
    sw.due_at[index] = kNever;
    Port& port = sw.port[index];
    if (port.backlog == 0) continue;
    EgressQueue* queues = &sw.queue[index * kPriorities];
    const Choice choice = choose(port, queues, start + 1, sw.chip->scheduler);
    if (choice.priority >= 0) depart_by_choice(sw, port, choice);
    note_due(sw, index);
  }
}

/// Obeys the next pause frame of a port.
void Lane::take_pause(Switch& sw, std::uint32_t index, Ps at) {
  settle(sw, index, at);
  take_pfc(sw.first_port + index);
  if (sw.in_order) note_due(sw, index);
}

/// Calls `visit(index, wire)` for every port to which pause frames are on the way.
template <typename Visit>
void Lane::for_each_pause_wire(const Switch& sw, Visit visit) {
  const std::uint64_t* coming = &pfc_coming_[nodes_[sw.node].wire_word];
  for (std::uint32_t w = 0; w < (sw.ports + 63) / 64; ++w) {
    for (std::uint64_t bits = coming[w]; bits != 0; bits &= bits - 1) {
      const auto index = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      visit(index, pfc_wires_[sw.first_port + index]);
    }
  }
}

/// Does a pause frame come to a switch before `limit`?
bool Lane::pauses_come(const Switch& sw, Ps limit) {
  bool come = false;
  for_each_pause_wire(sw,
                      [&](std::uint32_t, const auto& wire) { come |= wire.front().at < limit; });
  return come;
}

/// Collects what comes before `limit`; frames stay where they are until they are
/// visited. Returns how many packets of the lane's own box there are.
std::uint32_t Lane::collect(Switch& sw, PacketFifo& box, Ps limit) {
  std::size_t packets = box.size();
  if (!alone_) [[unlikely]]
    for_each_other_box(sw.node, [&](PacketFifo& other, Lane&) { packets += other.size(); });
  std::size_t most = packets;
  for_each_pause_wire(sw, [&](std::uint32_t, const auto& wire) { most += wire.size(); });
  arrivals_.begin(calendar_.start(), calendar_.window_ps(), most);
  if (most > packets) [[unlikely]] {
    for_each_pause_wire(sw, [&](std::uint32_t index, const auto& wire) {
      for (std::uint32_t i = 0; i < wire.size() && wire[i].at < limit; ++i) {
        arrivals_.add(wire[i].at, index, nullptr, 0);
      }
    });
  }
  const auto note = [&](const Packet& packet) __attribute__((always_inline)) {
    sw.heard[packet.ingress >> 6] |= 1ULL << (packet.ingress & 63);
    return look_up(sw, packet);
  };
  if (!alone_) [[unlikely]]
    for_each_other_box(sw.node,
                       [&](PacketFifo& other, Lane&) { arrivals_.add_all(other, limit, note); });
  return arrivals_.add_all(box, limit, note);
}

/// What comes before `limit` in canonical order, each when it comes. Returns how many
/// packets.
std::uint32_t Lane::pass_in_order(Switch& sw, PacketFifo& box, Ps limit) {
  const std::uint32_t packets = collect(sw, box, limit);
  arrivals_.drain([&](const Arrival& arrival, Ps now) __attribute__((always_inline)) {
    if (sw.stopping) [[unlikely]] {
      refresh_xoff(sw, now);
      settle_in_order(sw, now);
    }
    if (arrival.packet != nullptr) [[likely]] {
      receive(sw, arrival.port(), arrival.out, *arrival.packet, now);
    } else {
      take_pause(sw, arrival.port(), now);
    }
  });
  refresh_xoff(sw, limit);
  return packets;
}

Ps Lane::process_switch(Switch& sw, Ps limit) {
  PacketFifo& box = inboxes_.box(nodes_[sw.node].slot, calendar_.number());
  std::uint32_t packets = 0;
  Ps next = kNever;
  if (sw.plain && !sw.stopping && !pauses_come(sw, limit) && collect_calm(sw, box, limit))
      [[likely]] {
    packets = by_port_.size();
    next = pass_calm(sw, limit);
  } else {
    packets = pass_in_order(sw, box, limit);
    next = settle_all(sw, limit);
  }
  // With other lanes `packets` are not only those of this box.
  if (alone_ ? packets == box.size() : limit == calendar_.end()) [[likely]] {
    box.clear(pool_);
  } else {
    box.filter(pool_, [&](const Packet& packet) { return packet.at >= limit; });
  }
  if (!alone_) [[unlikely]]
    empty_other_boxes(sw.node, limit);
  note_watermarks(sw);
  if (!sw.stopping) [[likely]]
    return next;
  sw.stopping = sw.in_order || !sw.refresh.empty();
  return sw.refresh.empty() ? next : std::min(next, sw.refresh.top().first);
}

}  // namespace emu
