// SPDX-License-Identifier: Apache-2.0
// A calm window of a switch: whatever comes finds room, and nobody is told to pause
// or to go on. Then no egress port knows of another, and each has its turn once: it
// sends what it held, then what came for it, which mostly never enters its queue.
//
// Invariant: what happens is what switch.cc does packet by packet. A window counts as
// calm only if every check of buffer.h passes with all that comes in it already in the
// buffer and nothing gone yet, which is more than the buffer ever holds.
#include <bit>
#include <utility>

#include "buffer.h"
#include "pipeline.h"
#include "train.h"

namespace emu {

/// Takes the buffer for all that comes before `limit` and lists it by egress port.
/// False, and nothing is taken: the window may not be calm.
bool Lane::collect_calm(Switch& sw, PacketFifo& box, Ps limit) {
  Mmu& mmu = sw.mmu;
  std::size_t most = box.size();
  if (!alone_) [[unlikely]]
    for_each_other_box(sw.node, [&](PacketFifo& other, Lane&) { most += other.size(); });
  by_port_.begin(sw.ports, most);
  std::int64_t lossy_bytes = 0;
  std::int64_t lossy_queued = 0;
  const Packet* first = nullptr;  // of a run of packets that go the same way
  PriorityGroup* pg = nullptr;
  ByPort::List* list = nullptr;
  Comer* before = nullptr;
  std::uint32_t group = 0;
  std::uint32_t size = 0;
  std::uint32_t lossy_size = 0;
  std::int64_t free_part = 0;
  std::int64_t charge = 0;
  bool calm = true;
  std::uint32_t lane = 0;
  for (PacketFifo* from = &box; calm && from != nullptr; from = next_other_box(sw.node, lane)) {
    first = nullptr;
    for (Packet& packet : *from) {
      if (packet.at >= limit) [[unlikely]]
        continue;
      if (first == nullptr || !same_way(*first, packet)) {
        const std::uint32_t out = look_up(sw, packet);
        if (out == kNone || packet.hops >= kInitialTtl - 1) [[unlikely]] {
          calm = false;
          break;
        }
        first = &packet;
        before = nullptr;
        const std::uint32_t priority = packet.current_priority();
        group = IngressTag::pack(packet.ingress, priority);
        pg = &sw.group[group];
        size = static_cast<std::uint32_t>(mmu.footprint(packet.bytes));
        list = &by_port_.list(out);
        list->priorities |= 1U << priority;
        sw.heard[packet.ingress >> 6] |= 1ULL << (packet.ingress & 63);
        sw.seen |= 1U << priority;
        const bool lossless = mmu.lossless(priority);
        free_part = mmu.free_part(lossless);
        lossy_size = lossless ? 0 : size;
        if (!lossless) {
          const EgressQueue& queue = sw.queue[out * kPriorities + priority];
          lossy_queued = std::max(lossy_queued, queue.bytes);
        }
      }
      charge += Mmu::charge(*pg, size, free_part);
      lossy_bytes += lossy_size;
      before = by_port_.add(*list, before, &packet, group, size);
    }
  }
  mmu.charge_pool(charge);
  calm =
      calm && mmu.pool_has(0) && (lossy_bytes == 0 || mmu.admit_lossy(lossy_queued, lossy_bytes));
  for (std::uint32_t w = 0; calm && w < (sw.ports + 63) / 64; ++w) {
    for (std::uint64_t bits = sw.heard[w]; calm && bits != 0; bits &= bits - 1) {
      const auto index = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      const PriorityGroup* groups = &sw.group[index * kPriorities];
      for (std::uint32_t left = sw.seen & mmu.params().lossless; left != 0; left &= left - 1) {
        calm = calm && mmu.below_limit(groups[std::countr_zero(left)]);
      }
    }
  }
  if (calm) [[likely]]
    return true;
  for (const Comer* comer = by_port_.begin(); comer != by_port_.end(); ++comer) {
    const bool lossless = mmu.lossless(comer->group % kPriorities);
    PriorityGroup& taken = sw.group[comer->group];
    mmu.charge_pool(Mmu::charge(taken, -std::int64_t{comer->size}, mmu.free_part(lossless)));
  }
  for (std::uint32_t w = 0; w < (sw.ports + 63) / 64; ++w) {
    sw.heard[w] = 0;
    for (std::uint64_t bits = by_port_.take_used(w); bits != 0; bits &= bits - 1) {
      by_port_.take(w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
    }
  }
  return false;
}

/// The turn of a port whose packets are of several priorities, or that cannot say how
/// long they take without a division.
Ps Lane::pass_closely(Switch& sw, std::uint32_t index, const Comer* comer, Ps limit) {
  for (; comer != nullptr; comer = comer->next) {
    settle(sw, index, comer->at);
    ++comer->packet->hops;
    comer->packet->ingress = static_cast<std::uint16_t>(comer->group);
    enqueue(sw, index, *comer->packet);
  }
  return settle(sw, index, limit);
}

/// The turn of a port, to which `list` comes.
[[gnu::always_inline]] inline Ps Lane::pass(Switch& sw, std::uint32_t index,
                                            const ByPort::List& list, Ps limit) {
  Port& port = sw.port[index];
  const std::uint32_t priorities = port.backlog | list.priorities;
  if (!single_bit(priorities) || port.rate.ps_per_byte == 0) [[unlikely]]
    return pass_closely(sw, index, list.first, limit);
  const auto priority = static_cast<std::uint32_t>(std::countr_zero(priorities));
  EgressQueue& queue = sw.queue[index * kPriorities + priority];
  const EcnProfile& ecn = ecn_profiles_[port.ecn_profile];
  const std::int64_t ecn_above =
      (ecn.priorities >> priority & 1) != 0 ? ecn.kmin_bytes : std::int64_t{kNever};
  const Ps hold = (port.paused >> priority & 1) != 0 ? queue.paused_until : 0;
  Train train(*this, port, std::max(port.next_free, hold));
  std::int64_t held = queue.bytes;
  std::int64_t held_max = queue.bytes_max;
  std::uint64_t odd = 0;  // packets whose payload is counted one by one
  std::uint64_t odd_bytes = 0;
  const Comer* counted = list.first;  // the first that has not joined the queue yet
  Ps next = kNever;
  // Starts `packet` at `start`; `came` says that it does not come out of the queue.
  const auto send = [&](const Packet& packet, Ps start, bool came) __attribute__((always_inline)) {
    for (; counted != nullptr && counted->at <= start; counted = counted->next) {
      held += counted->packet->bytes;
      held_max = std::max(held_max, held);
    }
    const std::uint32_t bytes = packet.bytes;
    held -= bytes;
    if (!is_middle(packet)) [[unlikely]] {
      ++odd;
      odd_bytes += bytes;
      count_headers(queue, packet);
    }
    Packet& on_wire = train.send(packet, start);
    on_wire.hops = static_cast<std::uint8_t>(packet.hops + (came ? 1 : 0));
    if (held > ecn_above && ecn.marks(held, seed_, sw.first_port + index, port.ecn_draws) &&
        mark_congestion(on_wire)) {
      ++queue.marked;
      ++sw.marked_packets;
      ++totals_.marked_packets;
    }
  };

  while (!queue.packets.empty()) {
    const Packet& packet = queue.packets.front();
    const Ps start = std::max(train.free(), packet.at);
    if (start >= limit) {
      next = start;
      break;
    }
    send(packet, start, false);
    release(sw, packet.ingress, packet.bytes, start);
    queue.packets.pop(pool_);
  }
  const Comer* comer = list.first;
  if (queue.packets.empty()) {
    const bool lossless = sw.mmu.lossless(priority);
    const std::int64_t free_part = sw.mmu.free_part(lossless);
    std::int64_t charge = 0;
    for (; comer != nullptr; comer = comer->next) {
      const Ps start = std::max(train.free(), comer->at);
      if (start >= limit) {
        next = start;
        break;
      }
      send(*comer->packet, start, true);
      PriorityGroup& pg = sw.group[comer->group];
      if (pg.headroom > 0) [[unlikely]] {
        sw.mmu.release(pg, comer->size, lossless);
      } else {
        charge += Mmu::charge(pg, -std::int64_t{comer->size}, free_part);
      }
    }
    sw.mmu.charge_pool(charge);
  }
  for (; counted != nullptr; counted = counted->next) {
    held += counted->packet->bytes;
    held_max = std::max(held_max, held);
  }
  for (; comer != nullptr; comer = comer->next) {
    Packet& packet = queue.packets.push_slot(pool_);
    packet = *comer->packet;
    packet.ingress = static_cast<std::uint16_t>(comer->group);
    ++packet.hops;
  }
  queue.bytes = held;
  queue.bytes_max = held_max;
  port.backlog = static_cast<PrioritySet>(queue.packets.empty() ? 0 : priorities);
  if (train.packets() == 0) return next;
  train.end();
  port.paused &= static_cast<PrioritySet>(~priorities);
  queue.tx_packets += train.packets();
  queue.tx_bytes += train.wire_bytes();
  queue.tx_payload += train.bytes() - odd_bytes - (train.packets() - odd) * middle_header_bytes_;
  return next;
}

/// The turns of all egress ports up to `limit`. Returns when the next packet starts.
Ps Lane::pass_calm(Switch& sw, Ps limit) {
  Ps next = kNever;
  for (std::uint32_t w = 0; w < sw.active.size(); ++w) {
    std::uint64_t left = sw.active[w] | by_port_.take_used(w);
    std::uint64_t active = 0;
    for (; left != 0; left &= left - 1) {
      const auto bit = static_cast<std::uint32_t>(std::countr_zero(left));
      const std::uint32_t index = w * 64 + bit;
      next = std::min(next, pass(sw, index, by_port_.take(index), limit));
      if (sw.port[index].backlog != 0) active |= 1ULL << bit;
    }
    sw.active[w] = active;
  }
  return next;
}

}  // namespace emu
