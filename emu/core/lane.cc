// SPDX-License-Identifier: Apache-2.0
// The turns of a lane's nodes in one window.
#include "lane.h"

#include <algorithm>
#include <bit>

namespace emu {

void Lane::meet(Lane& other) {
  all_.push_back(&other);
  out_.chunks.emplace_back();
  alone_ = all_.size() == 1;
}

/// Forgets what came before `limit`. The memory goes back to whom it came from.
void Lane::empty_other_boxes(std::uint32_t node, Ps limit) {
  for_each_other_box(node, [&](PacketFifo& box, Lane& from) {
    ChunkList& back = out_.chunks[from.number_];
    if (limit == calendar_.end()) {
      box.clear(back);
    } else {
      box.filter(pool_, back, [&](const Packet& packet) { return packet.at >= limit; });
    }
  });
}

/// Brings into the cache what the turn of a node begins with.
[[gnu::always_inline]] inline void Lane::prefetch(std::uint32_t slot) {
  const NodeRef& node = turns_[slot];
  inboxes_.box(slot, calendar_.number()).prefetch();
  if (node.is_switch) return;
  __builtin_prefetch(&endpoints_[node.index]);
  __builtin_prefetch(&ports_[node.first_port], 1);
  __builtin_prefetch(&nic_ports_[node.first_port], 1);
}

void Lane::process(std::uint32_t slot, Ps limit, bool partial) {
  const NodeRef& node = turns_[slot];
  Ps next = node.is_switch ? process_switch(switches_[node.index], limit)
                           : process_endpoint(endpoints_[node.index], limit);
  if (partial) {
    for (Lane* from : all_) {
      for (const Packet& packet : from->inboxes_.box(slot, calendar_.number())) {
        next = std::min(next, packet.at);
      }
    }
    for (std::uint32_t i = 0; i < node.ports; ++i) {
      const Ring<PfcFrame>& wire = pfc_wires_[node.first_port + i];
      if (!wire.empty()) next = std::min(next, wire.front().at);
    }
  }
  if (next < kNever) calendar_.wake(slot, std::max(next, limit));
}

/// While all lanes stand still.
void Lane::begin_window() {
  inboxes_.sort_in(pool_, calendar_.number(), calendar_.end());
  if (!alone_) calendar_.open();
}

/// All turns up to `limit`, which is the end of the window unless `partial`.
void Lane::visit(Ps limit, bool partial) {
  const auto turn = [&](std::uint32_t slot) { process(slot, limit, partial); };
  const auto soon = [&](std::uint32_t slot) { prefetch(slot); };
  if (alone_) [[likely]] {
    calendar_.drain(turn, soon);
    return;
  }
  for (std::uint32_t word = first_slot_ / 64; word < end_slot_ / 64; ++word) {
    std::uint64_t bits = 0;
    for (Lane* from : all_) bits |= from->calendar_.take(word);
    while (bits != 0) {
      const auto slot = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      bits &= bits - 1;
      if (bits != 0) soon(word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
      turn(slot);
    }
  }
}

}  // namespace emu
