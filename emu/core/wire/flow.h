// SPDX-License-Identifier: Apache-2.0
// One direction of a queue pair: all packets from one address to one QP at another.
//
// A header names the receiver's QP only, so this is what can be told apart; pairing.h
// says how the other direction is found.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dissect.h"
#include "emu/core/ring.h"
#include "histogram.h"
#include "message.h"
#include "psn_space.h"
#include "reaction.h"

namespace emu::wire {

inline constexpr std::uint32_t kNoFlow = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoVni = 0xFFFFFFFF;

struct FlowKey {
  Address src;
  Address dst;
  std::uint32_t vni = kNoVni;
  std::uint32_t qp = 0;

  bool operator==(const FlowKey&) const = default;
};

/// How two directions were found to belong together.
enum class PairedBy : std::uint8_t { kNothing, kPortAndPsn, kPsn, kPort, kOnlyOne, kCount };

inline constexpr std::array<std::string_view, 5> kPairedByNames = {"", "UDP port and PSN", "PSN",
                                                                   "UDP port", "only one"};

/// Negative acknowledgements by code; kNakOther: a code that no standard defines.
enum NakCode : std::uint8_t {
  kSequence,
  kInvalidRequest,
  kRemoteAccess,
  kRemoteOperation,
  kInvalidRdRequest,
  kNakOther,
  kNakCodes
};

/// A packet whose acknowledgement will tell the round-trip time.
struct RttSample {
  std::int64_t psn;
  std::int64_t time_ps;
};

/// What every packet touches comes first and fills kHotBytes.
struct Flow {
  static constexpr std::size_t kHotBytes = 448;

  FlowKey key;
  std::uint32_t peer = kNoFlow;
  PairedBy paired_by = PairedBy::kNothing;
  std::uint8_t dscp = 0;  // of the first packet
  bool dscp_varies = false;
  bool port_varies = false;
  std::uint16_t src_port = 0;
  std::uint32_t path_mtu = 0;  // payload of first and middle packets; 0: none seen
  std::int64_t last_ps = 0;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // frames as on the wire, without preamble, gap and FCS

  // SEND, WRITE and READ response packets.
  std::uint64_t data_packets = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t goodput_bytes = 0;  // each PSN once
  std::int64_t data_first_ps = kNever;
  std::int64_t data_last_ps = kNever;
  std::array<std::uint64_t, 4> data_ecn{};  // by ECN field
  std::int64_t late_psn = -1;               // latest packet that counted as out of order
  std::int64_t acked_to = 0;                // requests below it are acknowledged
  Ring<Message, 2> open;                    // messages not yet acknowledged
  Ring<RttSample, 4> samples;
  RateReaction reaction;
  PsnSpace requests;

  PsnSpace responses;                        // of READ
  std::array<std::uint64_t, 4> other_ecn{};  // of everything else in this direction
  std::uint64_t acks = 0;
  std::uint32_t pair_tries = 0;
  std::uint32_t pair_doubts = 0;  // ACKs for what the peer cannot have sent
  std::uint64_t first_number = 0;
  std::int64_t first_ps = 0;
  std::uint64_t data_ce_number = 0;  // first marked packet
  std::int64_t data_ce_ps = kNever;
  std::uint64_t other_ce_number = 0;

  std::uint64_t out_of_order = 0;
  std::uint64_t repeated_packets = 0;  // data and requests
  std::uint64_t repeated_bytes = 0;
  std::uint64_t duplicates = 0;  // repeated although acknowledged

  std::array<std::uint64_t, kNakCodes> naks{};
  std::uint64_t nak_number = 0;  // first one
  std::uint64_t rnrs = 0;
  std::uint64_t cnps = 0;
  std::uint64_t read_requests = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(MessageKind::kCount)> messages{};
  std::uint64_t messages_acked = 0;

  // Made when there is something to keep: most directions only acknowledge.
  std::unique_ptr<DurationHistogram> rtt;
  std::unique_ptr<DurationHistogram> completion;
};

}  // namespace emu::wire
