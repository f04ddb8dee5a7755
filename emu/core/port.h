// SPDX-License-Identifier: Apache-2.0
// A port: the transmitter of one direction of a link, and its egress queues.
//
// Invariant: frames reach the peer in the order in which they were sent,
// because a port sends one at a time and every frame takes the same flight.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "drop.h"
#include "fifo.h"
#include "packet.h"
#include "units.h"

namespace emu {

/// Bit p: priority p. Wider than needed: what is written as a character might be
/// anything to the compiler, which then reads everything else anew.
using PrioritySet = std::uint16_t;

struct alignas(64) EgressQueue {
  // What every packet touches comes first, in one cache line.
  PacketFifo packets;
  std::int64_t bytes = 0;
  std::int64_t bytes_max = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_bytes = 0;  // with preamble and gap
  std::uint64_t tx_payload = 0;
  // The second line.
  std::uint64_t marked = 0;
  std::int64_t deficit = 0;  // DWRR credit, bytes
  Ps paused_until = 0;       // PFC: nothing of this priority starts before
  Ps paused_since = 0;
  Ps paused_ps = 0;          // total of the ended pauses
  std::uint64_t pfc_tx = 0;  // XOFF frames sent out of this port for this priority
  std::uint64_t pfc_rx = 0;  // XOFF frames received
  bool obeys_pauses = true;  // no: the watchdog has found a storm
  std::uint16_t storms = 0;  // that the watchdog found
  std::uint16_t restored = 0;

  /// Pause time up to `now`, an open pause included.
  Ps paused_total(Ps now) const {
    const Ps end = std::min(now, paused_until);
    return paused_ps + std::max<Ps>(0, end - paused_since);
  }
  /// Obeys a PFC frame at `now`: a new pause, a longer one, or its end.
  void pause(Ps now, Ps until) {
    paused_ps = paused_total(now);
    paused_since = now;
    paused_until = std::max(now, until);
  }
};

/// Who watches a link: somebody at the port that sends, or at the one that receives.
inline constexpr std::uint8_t kWatchedHere = 1;
inline constexpr std::uint8_t kWatchedThere = 2;
/// The recorder is told of departures.
inline constexpr std::uint8_t kRecorded = 4;

struct alignas(64) Port {
  // Transmitter: one cache line.
  Ps next_free = 0;  // end of the frame on the wire, gap included
  LinkRate rate;
  // The peer acts on a frame of n bytes this long after its start:
  // arrival_ps + n * arrival_ps_per_byte. Nothing per byte: the peer cuts through.
  Ps arrival_ps = 0;
  std::uint32_t arrival_ps_per_byte = 0;
  std::uint32_t peer_slot = 0;   // turn of the peer's node
  std::uint16_t peer_index = 0;  // of the peer among the ports of its node
  std::uint16_t index = 0;       // among the ports of its node
  std::uint16_t ecn_profile = 0;
  PrioritySet backlog = 0;  // egress queues that hold packets
  PrioritySet paused = 0;   // paused_until of these queues may lie ahead
  std::uint8_t turn = 0;    // DWRR: priority whose turn it is
  bool impaired = false;    // link down, lossy, black hole, watched, outside: look closer
  bool link_up = true;
  bool black_hole = false;
  bool outside = false;      // the outside is told of every frame
  std::uint8_t watched = 0;  // kWatchedHere, kWatchedThere, kRecorded
  std::uint32_t ecn_draws = 0;
  // Seldom.
  std::uint32_t peer = 0;
  Port* to = nullptr;  // the peer
  std::uint32_t node = 0;
  std::uint32_t wire_word = 0;  // where the engine flags that a pause frame comes to this port
  Ps flight_ps = 0;             // last bit sent -> peer acts: propagation + its pipeline
  Ps header_ps = 0;             // > 0: the peer cuts through after this much of a frame
  Ps pfc_flight_ps = 0;         // last bit sent -> peer obeys: propagation + its reaction
  std::uint64_t loss_q32 = 0;
  std::uint32_t loss_draws = 0;
  std::uint32_t peer_node = 0;
  bool known_down = false;             // its node has noticed that the link is down
  std::uint8_t lost = 0;               // bit p: the watchdog drops priority p here, both ways
  bool uncorrected = false;            // some codewords of its FEC fail
  std::uint16_t peer_takes_bytes = 0;  // larger frames the peer discards; 0: none is too large

  void note_impairment() {
    impaired = !link_up || black_hole || loss_q32 != 0 || outside || watched != 0 || lost != 0 ||
               to->lost != 0 || uncorrected || peer_takes_bytes != 0;
  }
};
static_assert(sizeof(EgressQueue) == 128 && sizeof(Port) == 128, "hot fields by cache line");
static_assert(offsetof(EgressQueue, marked) == 64 && offsetof(Port, peer) <= 64);

/// Packets that ended here, by reason.
struct DropCounts {
  std::array<std::uint64_t, kDropReasons> packets{};
  std::array<std::uint64_t, kDropReasons> bytes{};
  std::array<std::uint64_t, kPriorities> queue_packets{};  // refused by an egress queue, or flushed
  std::array<std::uint64_t, kPriorities> group_packets{};  // refused by a priority group
  std::array<std::uint64_t, kPriorities> pauses_ended{};   // by XON, and no drop at all
  std::uint64_t wire_packets = 0;                          // sent, and lost on the link
  std::uint64_t wire_bytes = 0;
};

/// Time of one PFC pause quantum: 512 bit times (IEEE 802.1Qbb, 802.3 annex 31B).
inline Ps pause_ps(std::uint32_t quanta, Bps rate_bps) {
  return serialisation_ps(static_cast<std::int64_t>(quanta) * 64, rate_bps);
}

}  // namespace emu
