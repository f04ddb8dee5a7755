// SPDX-License-Identifier: Apache-2.0
// RoCEv2 reliable connection: the state of queue pairs and messages.
//
// Invariant: packet sequence numbers of a queue pair run through all of its
// messages in posting order; una <= next <= end. (Real PSNs have 24 bits; with
// go-back-N and far fewer than 2^23 packets in flight the wrap changes
// nothing, so it is left out.)
#pragma once

#include <algorithm>
#include <cstdint>

#include "any_order.h"
#include "cc/registry.h"
#include "entropy.h"
#include "packet.h"
#include "units.h"

namespace emu {

inline constexpr std::uint32_t kNone = 0xFFFFFFFF;

enum class Verb : std::uint8_t { kWrite, kRead };

/// One work request: an RDMA WRITE with immediate by the source, or an RDMA
/// READ by the destination.
struct Message {
  std::uint32_t qp = 0;
  std::uint32_t number = 0;    // in the order of posting
  std::uint32_t next = kNone;  // following message of the queue pair
  std::uint32_t previous = kNone;
  std::uint32_t first_psn = 0;
  std::uint32_t packets = 0;
  std::int64_t bytes = 0;
  Ps post = 0;
  Ps first_tx = -1;
  Ps end = -1;    // the destination has all of it
  Ps acked = -1;  // the source knows (READ: same as end)
  std::int64_t retransmitted_bytes = 0;
  std::uint32_t sent_packets = 0;
  std::uint32_t marked_packets = 0;  // arrived with CE
  std::uint32_t cnps = 0;            // received by the source
  std::uint32_t timeouts = 0;
  std::uint32_t naks = 0;
  bool failed = false;

  std::uint32_t end_psn() const { return first_psn + packets; }
};

enum class SendState : std::uint8_t { kIdle, kReady, kPaced, kFailed };

/// The side that sends data: requester of a WRITE, responder of a READ.
struct SendQp {
  std::uint32_t next_psn = 0;         // sends this next
  std::uint32_t una_psn = 0;          // oldest not acknowledged
  std::uint32_t end_psn = 0;          // one past the last that may be sent
  std::uint32_t high_psn = 0;         // one past the highest ever sent
  std::uint32_t message = kNone;      // holds next_psn
  std::uint32_t una_message = kNone;  // holds una_psn
  std::uint32_t ready_next = kNone;   // NIC round robin
  std::uint32_t restart_psn = kNone;  // READ: where the response to a repeated request began
  std::uint32_t resend = 0;           // selective repeat: packets to be sent again
  Ps due = 0;                         // pacing: earliest next start
  Ps progress = 0;                    // last acknowledgement or (re)start
  SendState state = SendState::kIdle;
  std::uint8_t port = 0;  // of the endpoint's ports
  std::uint8_t retries = 0;
  bool timer_armed = false;
};

/// The side that receives data.
struct RecvQp {
  std::uint32_t expected = 0;
  std::uint32_t message = kNone;  // holds `expected`
  std::uint32_t since_ack = 0;
  std::uint32_t requested_psn = 0;  // READ: one past the last packet asked for
  std::uint32_t early = 0;          // packets that came while an earlier one was missing
  std::uint32_t early_max = 0;      // the most packets by which one was early
  std::uint32_t discarded = 0;      // early ones that were not kept
  Ps cnp_allowed = 0;
  Ps progress = 0;
  std::uint8_t retries = 0;
  bool gap_reported = false;  // one NAK per gap (IBTA §9.9: no more until it closes)
  bool timer_armed = false;
  bool asked_again = false;  // READ: a request has been repeated
};

struct QueuePair {
  std::uint32_t src = 0;  // endpoint that sends the data
  std::uint32_t dst = 0;
  std::uint32_t entropy = 0;       // src -> dst
  std::uint32_t entropy_back = 0;  // dst -> src
  std::uint32_t first_message = kNone;
  std::uint32_t last_message = kNone;
  std::uint32_t posted_psn = 0;
  std::uint32_t expected = 0;  // messages that are still to be posted
  std::uint8_t priority = 0;
  Verb verb = Verb::kWrite;
  bool failed = false;  // as both ends know once the window has ended
};

/// Endpoint whose address is the packet's source.
inline std::uint32_t source_of(const Packet& packet, const QueuePair* qps) {
  if (packet.kind >= Kind::kArp) return packet.qp;
  const QueuePair& qp = qps[packet.qp];
  return carries_data(packet.kind) ? qp.src : qp.dst;
}

/// Hash input of the packet's own (inner) 5-tuple; `sprayed`: it has a value of its own.
inline std::uint32_t entropy_of(const Packet& packet, const QueuePair* qps, bool sprayed) {
  if (packet.kind >= Kind::kArp) return static_cast<std::uint32_t>(mix64(packet.qp));
  const QueuePair& qp = qps[packet.qp];
  if (sprayed) return with_value(qp.entropy, packet.entropy);
  return carries_data(packet.kind) ? qp.entropy : qp.entropy_back;
}

struct NicParams {
  std::int32_t mtu = 4096;         // RDMA path MTU: payload per packet
  std::int32_t ack_interval = 16;  // packets per ACK
  std::uint8_t ack_priority = 3;
  std::uint8_t cnp_priority = 6;
  Ps retransmit_timeout_ps = 0;
  std::int32_t retry_count = 7;
  Ps cnp_interval_ps = 0;     // notification point: gap per queue pair
  std::uint8_t lossless = 0;  // bit p: the NIC obeys PFC for priority p
  std::int64_t rx_buffer_bytes = 0;
  std::int64_t rx_xoff_bytes = 0;
  std::int64_t rx_xon_bytes = 0;
  bool congestion_control = false;
  bool ecn_capable = true;
  bool echo_on_ack = false;  // a mark returns as a flag of the packet's ACK, not as a CNP
  Bps fixed_rate_bps = 0;    // 0: line rate
  Receiver receiver = Receiver::kGoBackN;
  std::uint32_t reorder_packets = 0;  // early packets that a queue pair keeps
  std::uint32_t loss_after = 0;       // what is missing this many packets later is lost
  bool sender_waits = false;          // in order: it goes no further ahead than the buffer reaches
  EntropyParams entropy;
  std::uint32_t pfc_quanta = 0xFFFF;
  Cc::Params cc;
};

/// Does the sender have to be told of every arrival?
inline bool tells_of_arrivals(const NicParams& nic) {
  return nic.receiver == Receiver::kSelective || nic.entropy.mode == EntropyMode::kFeedback;
}

/// Does the sender go no further ahead of what is acknowledged than the receiver keeps?
inline bool windowed(const NicParams& nic) {
  return nic.receiver == Receiver::kSelective || nic.sender_waits;
}

/// May the queue pair send something?
inline bool has_more(const SendQp& send) {
  return send.next_psn < send.end_psn || send.resend != 0;
}

/// Payload of packet `psn` of a message.
inline std::int32_t payload_bytes(const Message& m, std::uint32_t psn, std::int32_t mtu) {
  const bool last = psn + 1 == m.end_psn();
  return last ? static_cast<std::int32_t>(m.bytes - static_cast<std::int64_t>(m.packets - 1) * mtu)
              : mtu;
}

/// Frame of a packet that is neither the first nor the last of its message.
inline std::int32_t middle_frame_bytes(std::int32_t mtu, const Framing& framing) {
  const std::int32_t pad = framing.pad_to_bytes;
  const std::int32_t payload = pad == 4 ? (mtu + 3) & ~3 : (mtu + pad - 1) / pad * pad;
  return std::max(framing.header_bytes + payload, framing.min_bytes);
}

/// Frame of packet `psn`: RETH on the first packet of a WRITE, immediate on
/// its last; AETH on the first and last packet of a READ response (IBTA §9.4),
/// which may begin within a message (`restarts`) when the request was repeated.
inline std::int32_t data_frame_bytes(const Message& m, std::uint32_t psn, std::int32_t mtu,
                                     Verb verb, bool restarts = false,
                                     const Framing& framing = {}) {
  const std::int32_t payload = payload_bytes(m, psn, mtu);
  const std::int32_t pad = framing.pad_to_bytes;
  std::int32_t bytes = framing.header_bytes + (payload + pad - 1) / pad * pad;
  const bool first = psn == m.first_psn || restarts;
  const bool last = psn + 1 == m.end_psn();
  if (verb == Verb::kWrite) {
    bytes += (first ? framing.reth_bytes : 0) + (last ? framing.immediate_bytes : 0);
  } else if (first || last) {
    bytes += framing.aeth_bytes;
  }
  return std::max(bytes, framing.min_bytes);
}

}  // namespace emu
