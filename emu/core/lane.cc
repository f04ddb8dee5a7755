// SPDX-License-Identifier: Apache-2.0
// The turns of a lane's nodes in one window.
#include "lane.h"

#include <algorithm>

namespace emu {

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
    for (const Packet& packet : inboxes_.box(slot, calendar_.number())) {
      next = std::min(next, packet.at);
    }
    for (std::uint32_t i = 0; i < node.ports; ++i) {
      const Ring<PfcFrame>& wire = pfc_wires_[node.first_port + i];
      if (!wire.empty()) next = std::min(next, wire.front().at);
    }
  }
  if (next < kNever) calendar_.wake(slot, std::max(next, limit));
}

/// All turns up to `limit`, which is the end of the window unless `partial`.
void Lane::visit(Ps limit, bool partial) {
  inboxes_.sort_in(pool_, calendar_.number(), calendar_.end());
  calendar_.drain([&](std::uint32_t slot) { process(slot, limit, partial); },
                  [&](std::uint32_t slot) { prefetch(slot); });
}

}  // namespace emu
