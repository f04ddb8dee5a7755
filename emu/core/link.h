// SPDX-License-Identifier: Apache-2.0
// Putting frames on the wire, in the header because it is the hottest code.
//
// Invariant: frames of one port never overlap and arrive in the order in which
// they were sent.
#pragma once

#include "engine.h"

namespace emu {

/// Sends `packet` at `start`, which is not before port.next_free.
[[gnu::always_inline]] inline void Engine::transmit(Port& port, Packet packet, Ps start) {
  port.next_free = start + port.rate.time_of(packet.bytes + framing_.gap_bytes);
  ++totals_.packet_hops;
  totals_.wire_bytes += packet.bytes + framing_.gap_bytes;
  if ((packet.flags & kEncap) != 0) {
    totals_.encap_bytes += static_cast<std::uint64_t>(tables_.overlay.overhead_bytes);
  }
  const Ps received = port.header_ps != 0
                          ? port.header_ps
                          : port.rate.time_of(packet.bytes + framing_.preamble_bytes);
  packet.at = start + received + port.flight_ps;
  if (port.impaired && !survives(port, packet, start)) return;
  Port& peer = ports_[port.peer];
  peer.wire.push(packet);
  wires_[peer.wire_word] |= 1ULL << (peer.index & 63);
  wake(port.peer_node, packet.at);
}

}  // namespace emu
