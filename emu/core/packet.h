// SPDX-License-Identifier: Apache-2.0
// The record that stands for a packet, and the header sizes of RoCEv2.
//
// Invariant: 32 bytes, two to a cache line; whatever can be found through the
// queue pair is not repeated here.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "units.h"

namespace emu {

inline constexpr int kPriorities = 8;
inline constexpr std::uint16_t kBroadcast = 0xFFFF;
inline constexpr std::uint8_t kInitialTtl = 64;  // IPv4 TTL as hosts set it

/// kReadData is a READ response: it flows like data and has other headers.
/// kForeign is a frame of another program: only the outside knows what is in it.
enum class Kind : std::uint8_t { kData, kReadData, kAck, kNak, kCnp, kReadRequest, kArp, kForeign };

enum Flag : std::uint8_t {
  kEct = 1,       // ECN-capable transport, inner (or only) header
  kCe = 2,        // congestion experienced, inner (or only) header
  kOuterEct = 4,  // the same two of the outer header while encapsulated
  kOuterCe = 8,
  kEncap = 16,    // carries outer Ethernet, IP, UDP and VXLAN headers
  kFlooded = 32,  // broadcast, or unknown unicast by ingress replication
  kLast = 64,     // last packet of its message
  kFirst = 128,   // first packet of its message
};

struct Packet {
  Ps at;                  // on a link: when the receiver acts on it; queued: earliest start
  std::uint32_t qp;       // queue pair; the sending endpoint for ARP
  std::uint32_t psn;      // packet sequence number; expected PSN for ACK, NAK, READ request
  std::uint32_t entropy;  // hash of the fields that a switch hashes
  std::uint16_t route;    // row to look up: an endpoint or, encapsulated, a VTEP
  std::uint16_t dst;      // endpoint, or kBroadcast
  std::uint16_t bytes;    // frame with FCS, without preamble and gap
  std::uint16_t ingress;  // queued in a switch: see IngressTag; on a link: index of its far port
  Kind kind;
  std::uint8_t flags;
  std::uint8_t priority;  // low nibble: current; high nibble: inner, while encapsulated
  std::uint8_t hops;

  std::uint8_t current_priority() const { return priority & 0x0F; }
  void set_current_priority(std::uint8_t p) {
    priority = static_cast<std::uint8_t>((priority & 0xF0) | p);
  }
};
static_assert(sizeof(Packet) == 32, "two packets per cache line");

/// Is this data from the middle of a message, in no tunnel? Nearly everything is.
inline bool is_middle(const Packet& packet) {
  return packet.kind == Kind::kData && (packet.flags & (kEncap | kFirst | kLast)) == 0;
}

/// Do two packets on wires to one switch take the same way through it, as far as their
/// headers decide that, and the same buffer? Word by word, because of nearly all the
/// answer is yes.
inline bool same_way(const Packet& a, const Packet& b) {
  using Words = std::array<std::uint64_t, sizeof(Packet) / sizeof(std::uint64_t)>;
  constexpr Packet kLooked{0, 0, 0, 0xFFFFFFFF, 0xFFFF, 0, 0xFFFF, 0xFFFF, Kind{0}, 0, 0xFF, 0xFF};
  constexpr auto kMask = std::bit_cast<Words>(kLooked);
  const auto x = std::bit_cast<Words>(a);
  const auto y = std::bit_cast<Words>(b);
  return (((x[2] ^ y[2]) & kMask[2]) | ((x[3] ^ y[3]) & kMask[3])) == 0;
}

inline bool carries_data(Kind kind) { return kind <= Kind::kReadData; }

/// Where a queued packet came in, for the release of its buffer: port index in
/// the switch and priority at ingress; or, for a copy of a flooded packet, the
/// replication record that all copies share.
struct IngressTag {
  static constexpr std::uint32_t kPortsMax = 4096;
  static constexpr std::uint32_t kReplicationsMax = 0x8000;
  static std::uint16_t pack(std::uint32_t port, std::uint32_t priority) {
    return static_cast<std::uint16_t>(port * kPriorities + priority);
  }
  static std::uint16_t of_replication(std::uint32_t record) {
    return static_cast<std::uint16_t>(0x8000U | record);
  }
  /// Number of the priority group in its switch.
  static std::uint32_t group(std::uint16_t tag) { return tag & 0x7FFFU; }
  static std::uint32_t port(std::uint16_t tag) { return group(tag) / kPriorities; }
  static std::uint32_t priority(std::uint16_t tag) { return tag % kPriorities; }
  static bool replicated(std::uint16_t tag) { return (tag & 0x8000U) != 0; }
  static std::uint32_t replication(std::uint16_t tag) { return tag & 0x7FFFU; }
};

/// A PFC frame on a link: it never enters a queue or the forwarding pipeline.
struct PfcFrame {
  Ps at;  // when the receiver obeys
  std::uint8_t priority;
  std::uint16_t quanta;  // 0: XON
};

// Frame sizes, FCS included (IBTA vol. 1 §9 and annex A17; RFC 791, 768).
inline constexpr std::int32_t kRoceHeaderBytes =
    14 + 20 + 8 + 12 + 4 + 4;  // Eth IP UDP BTH ICRC FCS
inline constexpr std::int32_t kRethBytes = 16;
inline constexpr std::int32_t kAethBytes = 4;
inline constexpr std::int32_t kImmediateBytes = 4;
inline constexpr std::int32_t kAckBytes = kRoceHeaderBytes + kAethBytes;
inline constexpr std::int32_t kCnpBytes = kRoceHeaderBytes + 16;
inline constexpr std::int32_t kReadRequestBytes = kRoceHeaderBytes + kRethBytes;
inline constexpr std::int32_t kPfcFrameBytes = 64;
inline constexpr std::int32_t kMinFrameBytes = 64;

/// What frames a fabric uses and how its links count time: RoCEv2 on Ethernet,
/// unless another simulator's frames are reproduced to compare with it.
struct Framing {
  std::int32_t header_bytes = kRoceHeaderBytes;  // around the payload of every data packet
  std::int32_t reth_bytes = kRethBytes;
  std::int32_t aeth_bytes = kAethBytes;
  std::int32_t immediate_bytes = kImmediateBytes;
  std::int32_t pad_to_bytes = 4;  // payload is padded to a multiple (BTH pad count)
  std::int32_t ack_bytes = kAckBytes;
  std::int32_t cnp_bytes = kCnpBytes;
  std::int32_t read_request_bytes = kReadRequestBytes;
  std::int32_t pfc_bytes = kPfcFrameBytes;
  std::int32_t min_bytes = kMinFrameBytes;
  std::int32_t gap_bytes = kLinkGapBytes;
  std::int32_t preamble_bytes = kPreambleBytes;
  Ps grain_ps = 1;  // 1: rounded up to whole picoseconds; more: cut off to multiples of it

  /// No frame is shorter.
  std::int32_t shortest_bytes() const {
    const std::int32_t data = std::max(min_bytes, header_bytes + 1);
    return std::min({data, ack_bytes, cnp_bytes, read_request_bytes, pfc_bytes});
  }
};

/// RDMA payload of a frame that carries data, BTH pad bytes included, given the
/// bytes of its outer headers.
inline std::int32_t payload_of(const Packet& packet, std::int32_t outer_bytes,
                               const Framing& framing = {}) {
  std::int32_t headers = framing.header_bytes + ((packet.flags & kEncap) != 0 ? outer_bytes : 0);
  const bool first = (packet.flags & kFirst) != 0;
  const bool last = (packet.flags & kLast) != 0;
  if (packet.kind == Kind::kData) {
    headers += (first ? framing.reth_bytes : 0) + (last ? framing.immediate_bytes : 0);
  } else if (first || last) {
    headers += framing.aeth_bytes;
  }
  return packet.bytes - headers;
}

/// What a frame's headers depend on: its kind and the flags kEncap, kLast and
/// kFirst, as a row number below 128.
inline std::uint32_t header_row(const Packet& packet) {
  return static_cast<std::uint32_t>(packet.kind) << 4 | packet.flags >> 4;
}

}  // namespace emu
