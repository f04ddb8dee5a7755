// SPDX-License-Identifier: Apache-2.0
// Why a packet ended before its receiver: every loss has one of these names.
#pragma once

#include <array>
#include <cstdint>

namespace emu {

enum class Drop : std::uint8_t {
  kHeadroomExceeded,  // lossless class, headroom full: PFC failed
  kEgressLimit,       // lossy class above its dynamic threshold
  kBufferFull,        // no shared cell left
  kNoRoute,           // no next hop: dead end while routing converges
  kLinkDown,          // sent into, in flight on, or queued for a dead link
  kLinkError,         // corrupted on a degraded link
  kBlackHole,         // a switch that forwards nothing and says nothing
  kStpBlocked,        // arrived on a port that the spanning tree discards on
  kHopLimit,          // TTL reached zero
  kReceiverOverflow,  // the NIC's receive buffer was full
  kHostSilent,        // delivered to a host that no longer answers
  kSamePort,          // a bridge never sends a frame out of the port it came in by
  kPfcWatchdog,       // of a class that the PFC watchdog gave up on a port
  kMtuExceeded,       // larger than the port at the other end of the link takes
  kCount,
};

inline constexpr int kDropReasons = static_cast<int>(Drop::kCount);

inline constexpr std::array<const char*, kDropReasons> kDropNames = {
    "headroom_exceeded", "egress_limit", "buffer_full",  "no_route",     "link_down",
    "link_error",        "black_hole",   "stp_blocked",  "hop_limit",    "receiver_overflow",
    "host_silent",       "same_port",    "pfc_watchdog", "mtu_exceeded",
};

}  // namespace emu
