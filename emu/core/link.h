// SPDX-License-Identifier: Apache-2.0
// Putting frames on the wire, in the header because it is the hottest code.
//
// Invariant: frames of one port never overlap and arrive in the order in which
// they were sent.
#pragma once

#include "lane.h"

namespace emu {

/// The peer of `port` acts on `packet` at `at`.
[[gnu::always_inline]] inline void Lane::put_on_wire(Port& port, const Packet& packet, Ps at) {
  const std::uint64_t ahead = calendar_.ahead(at);
  if (ahead >= Inboxes::kWindows) [[unlikely]] {
    put_on_long_wire(port, packet, at);
    return;
  }
  const auto window = static_cast<std::uint32_t>(calendar_.number() + ahead);
  PacketFifo& box = inboxes_.box(port.peer_slot, window);
  if (box.empty()) calendar_.wake_in(port.peer_slot, ahead);
  Packet& on_wire = box.push_slot(pool_);
  on_wire = packet;
  on_wire.at = at;
  on_wire.ingress = port.peer_index;
}

/// Sends `packet` at `start`, which is not before port.next_free.
[[gnu::always_inline]] inline void Lane::transmit(Port& port, const Packet& packet, Ps start) {
  Ps at = start + port.arrival_ps + packet.bytes * Ps{port.arrival_ps_per_byte};
  if (port.rate.ps_per_byte != 0) [[likely]] {
    port.next_free = start + (packet.bytes + framing_.gap_bytes) * Ps{port.rate.ps_per_byte};
  } else {
    port.next_free = start + port.rate.time_of(packet.bytes + framing_.gap_bytes);
    if (port.header_ps == 0) at += port.rate.time_of(packet.bytes + framing_.preamble_bytes);
  }
  ++totals_.packet_hops;
  totals_.wire_bytes += packet.bytes + framing_.gap_bytes;
  if (port.impaired) [[unlikely]] {
    Packet closely = packet;
    closely.at = at;
    transmit_closely(port, closely, start);
    return;
  }
  put_on_wire(port, packet, at);
}

}  // namespace emu
