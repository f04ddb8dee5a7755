// SPDX-License-Identifier: Apache-2.0
// What the engine counts over the whole fabric, and the rows it samples.
//
// Invariant (checked by tests): injected + copies = delivered + discarded
// + dropped (all reasons) + in flight, in packets.
#pragma once

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "drop.h"
#include "units.h"

namespace emu {

struct Totals {
  std::uint64_t injected_packets = 0, injected_bytes = 0;    // by endpoints
  std::uint64_t copied_packets = 0, copied_bytes = 0;        // made by flooding
  std::uint64_t delivered_packets = 0, delivered_bytes = 0;  // to the endpoint they are for
  std::uint64_t discarded_packets = 0, discarded_bytes = 0;  // flooded to somebody else
  std::array<std::uint64_t, kDropReasons> drop_packets{};
  std::array<std::uint64_t, kDropReasons> drop_bytes{};
  std::uint64_t packet_hops = 0;        // data, control and PFC frames over links
  std::uint64_t delivered_payload = 0;  // in order, at the receiver
  std::uint64_t retransmitted_bytes = 0;
  std::uint64_t retransmitted_packets = 0;
  std::uint64_t encap_bytes = 0;  // outer headers put on the wire, all hops
  std::uint64_t data_packets = 0, ack_packets = 0, nak_packets = 0, cnp_packets = 0;
  std::uint64_t marked_packets = 0;  // CE set by a queue
  std::uint64_t pfc_frames = 0;      // XOFF
  std::uint64_t xon_frames = 0;
  std::uint64_t xoff_episodes = 0;    // priority groups that went XOFF
  std::uint64_t flooded_packets = 0;  // packets that a switch flooded
  std::uint64_t flooded_bytes = 0;    // bytes of all their copies
  std::uint64_t timeouts = 0, failed_qps = 0;
  std::int64_t wire_bytes = 0;  // all links, with preamble and gap
  std::uint64_t arp_packets = 0;
  std::uint64_t deadlocks = 0;

  inline Totals& operator+=(const Totals& other);
};

inline Totals& Totals::operator+=(const Totals& other) {
  constexpr std::uint64_t Totals::* kCounts[] = {
      &Totals::injected_packets,  &Totals::injected_bytes,      &Totals::copied_packets,
      &Totals::copied_bytes,      &Totals::delivered_packets,   &Totals::delivered_bytes,
      &Totals::discarded_packets, &Totals::discarded_bytes,     &Totals::packet_hops,
      &Totals::delivered_payload, &Totals::retransmitted_bytes, &Totals::retransmitted_packets,
      &Totals::encap_bytes,       &Totals::data_packets,        &Totals::ack_packets,
      &Totals::nak_packets,       &Totals::cnp_packets,         &Totals::marked_packets,
      &Totals::pfc_frames,        &Totals::xon_frames,          &Totals::xoff_episodes,
      &Totals::flooded_packets,   &Totals::flooded_bytes,       &Totals::timeouts,
      &Totals::failed_qps,        &Totals::arp_packets,         &Totals::deadlocks,
  };
  static_assert(
      sizeof(Totals) == sizeof(std::uint64_t) * (std::size(kCounts) + 1 + 2 * kDropReasons),
      "every counter is added up");
  for (const auto count : kCounts) this->*count += other.*count;
  wire_bytes += other.wire_bytes;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    drop_packets[i] += other.drop_packets[i];
    drop_bytes[i] += other.drop_bytes[i];
  }
  return *this;
}

/// One sample of one (port, priority) that is not empty.
struct QueueSample {
  Ps at;
  std::uint32_t port;
  std::uint8_t priority;
  bool paused;
  std::int64_t egress_bytes;
  std::int64_t group_bytes;
};

/// One sample of the fabric's running totals.
struct SeriesSample {
  Ps at;
  std::uint64_t delivered_payload, wire_bytes, drops, marked, pfc_frames, flooded_bytes, cnps;
  std::uint64_t retransmitted_bytes;
  std::int64_t paused_ps;
};

enum class EventKind : std::uint8_t {
  kTimeout,
  kNakRewind,
  kQpFailed,
  kFirstDrop,
  kPfcStart,
  kWatchdogStorm,
  kWatchdogRestored,
  kDeadlock,  // one for each queue of a circle, in order
};

struct Event {
  Ps at;
  EventKind kind;
  std::uint32_t node;
  std::uint32_t port;
  std::uint32_t detail;  // queue pair, drop reason, or priority; kDeadlock: | circle << 8
};

}  // namespace emu
