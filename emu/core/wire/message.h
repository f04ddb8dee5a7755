// SPDX-License-Identifier: Apache-2.0
// One RDMA message as its packets told it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace emu::wire {

enum class MessageKind : std::uint8_t { kSend, kWrite, kRead, kAtomic, kCount };

inline constexpr std::array<std::string_view, 4> kMessageKindNames = {"send", "write", "read",
                                                                      "atomic"};

/// How a message's life ended, as far as the capture shows it.
enum class MessageEnd : std::uint8_t {
  kAcked,       // acknowledged (a READ: its last response came)
  kUnacked,     // all packets seen, no acknowledgement: it may not be in the capture
  kUnfinished,  // its last packet was never seen
  kCount
};

inline constexpr std::array<std::string_view, 3> kMessageEndNames = {"acked", "unacked",
                                                                     "unfinished"};

inline constexpr std::int64_t kNever = INT64_MIN;

struct Message {
  std::int64_t first_psn = 0;          // extended; of the requester's stream
  std::int64_t last_psn = -1;          // -1: its last packet has not been seen
  std::int64_t bound_psn = INT64_MAX;  // last PSN that its length leaves it
  std::int64_t start_ps = kNever;      // its first packet (a READ: the request)
  std::int64_t first_ps = kNever;      // its first data packet
  std::int64_t last_ps = kNever;       // its latest data packet, repeated ones included
  std::int64_t acked_ps = kNever;
  std::uint64_t length_bytes = 0;   // from RETH; a SEND: what was seen of it
  std::uint64_t payload_bytes = 0;  // seen, each PSN once
  std::uint64_t first_number = 0;
  std::uint64_t last_number = 0;
  std::uint32_t flow = 0;            // of the requester
  std::uint32_t packets = 0;         // of data
  std::uint32_t unique_packets = 0;  // each PSN once
  std::uint32_t repeated_packets = 0;
  std::uint32_t marked_packets = 0;
  std::uint32_t naks = 0;
  MessageKind kind = MessageKind::kSend;
  MessageEnd end = MessageEnd::kUnfinished;
  bool immediate = false;
  bool length_known = false;  // length_bytes comes from RETH
  bool headless = false;      // its first packet is not in the capture
};

}  // namespace emu::wire
