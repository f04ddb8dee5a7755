// SPDX-License-Identifier: Apache-2.0
// Putting frames on the wire, in the header because it is the hottest code.
//
// Invariant: frames of one port never overlap and arrive in the order in which
// they were sent.
#pragma once

#include "engine.h"

namespace emu {

/// Tells the node of `to` that something reaches it by that port at `at`, once
/// per window: what arrives before the time returned is seen without a word.
[[gnu::always_inline]] inline Ps Engine::announce(const Port& to, Ps at) {
  wires_[to.wire_word] |= 1ULL << (to.index & 63);
  return wake(to.node, at);
}

/// The peer of `port` acts on `packet` at `at`.
[[gnu::always_inline]] inline void Engine::put_on_wire(Port& port, const Packet& packet, Ps at) {
  Packet& on_wire = port.to->wire.push_slot();
  on_wire = packet;
  on_wire.at = at;
  if (at >= port.announced) port.announced = announce(*port.to, at);
}

/// Sends `packet` at `start`, which is not before port.next_free.
[[gnu::always_inline]] inline void Engine::transmit(Port& port, const Packet& packet, Ps start) {
  Ps at = start + port.arrival_ps + packet.bytes * Ps{port.arrival_ps_per_byte};
  if (port.rate.ps_per_byte != 0) [[likely]] {
    port.next_free = start + (packet.bytes + framing_.gap_bytes) * Ps{port.rate.ps_per_byte};
  } else {
    port.next_free = start + port.rate.time_of(packet.bytes + framing_.gap_bytes);
    if (port.header_ps == 0) at += port.rate.time_of(packet.bytes + framing_.preamble_bytes);
  }
  ++totals_.packet_hops;
  totals_.wire_bytes += packet.bytes + framing_.gap_bytes;
  if ((packet.flags & kEncap) != 0) {
    totals_.encap_bytes += static_cast<std::uint64_t>(tables_.overlay.overhead_bytes);
  }
  if (port.impaired) [[unlikely]] {
    Packet closely = packet;
    closely.at = at;
    transmit_closely(port, closely, start);
    return;
  }
  put_on_wire(port, packet, at);
}

}  // namespace emu
