// SPDX-License-Identifier: Apache-2.0
// Follows queue pairs through a capture: sequence, messages, acknowledgements,
// congestion notices. State is bounded by the number of flows, not of packets.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "finding.h"
#include "flow.h"
#include "flow_table.h"
#include "options.h"

namespace emu::wire {

class QpTracker {
 public:
  /// At most so many messages of a flow wait for their acknowledgement here; then
  /// the oldest is let go as unacknowledged (its ACKs may not be in the capture).
  static constexpr std::uint32_t kOpenMax = 256;
  static constexpr std::uint32_t kSamplesMax = 64;
  /// An ACK belongs to a flow only if it is for one of its latest PSNs.
  static constexpr std::int32_t kPairWindow = 1 << 14;
  /// After so many ACKs in a row that cannot be for its peer, a pair is given up.
  static constexpr std::uint32_t kDoubtsMax = 8;

  explicit QpTracker(const Options& options) : options_(options) {}

  /// What one packet meant, for totals over all flows.
  struct Seen {
    bool data = false;
    bool repeated = false;
    bool nak = false;
    std::int64_t rtt_ps = -1;
    std::uint32_t goodput_bytes = 0;
  };
  Seen packet(const Record& record, const Dissected& d, std::uint64_t hash, std::uint32_t likely);

  /// A packet's key, and steps that bring its flow into the cache before packet() is
  /// called: with thousands of flows that is most of the time.
  static FlowKey key_of(const Dissected& d) {
    return {d.ip.src, d.ip.dst, d.has(Dissected::kVxlan) ? d.vni : kNoVni, d.bth.dest_qp};
  }
  void prefetch_slot(std::uint64_t hash) const { table_.prefetch(hash); }
  std::uint32_t prefetch_flow(std::uint64_t hash) const {
    const std::uint32_t number = table_.peek(hash);
    prefetch_hot(number);
    return number;
  }
  /// An answer changes the flow that it answers: returns that one.
  std::uint32_t prefetch_peer(std::uint32_t flow, const Dissected& d) const {
    if (flow == kNoFlow) return kNoFlow;
    if ((opcode_info(d.bth.opcode).carries & kIsRequest) != 0) return flow;
    prefetch_hot(flows_[flow].peer);
    return flows_[flow].peer;
  }
  void prefetch_queues(std::uint32_t flow) const {
    if (flow == kNoFlow) return;
    const Flow& f = flows_[flow];
    f.open.prefetch();
    f.samples.prefetch();
    if (f.rtt) __builtin_prefetch(f.rtt.get(), 1);
  }

  /// The capture has ended: closes what is still open.
  void finish(std::int64_t end_ps);

  const std::vector<Flow>& flows() const { return flows_; }
  /// Messages that ended since the last call.
  std::vector<Message> take_messages() { return std::exchange(ended_, {}); }
  std::size_t messages_waiting() const { return ended_.size(); }

  Finding reserved_opcode;
  Finding retransmitted;
  Finding mtu_exceeded;    // payload above the queue pair's path MTU, or no path MTU at all
  Finding excess_cnp;      // more CNPs than marked packets before them
  Finding message_length;  // a whole message that is not as long as its RETH says
  DurationHistogram rtt;   // of all flows

 private:
  void prefetch_hot(std::uint32_t flow) const {
    if (flow == kNoFlow) return;
    const auto* p = reinterpret_cast<const char*>(&flows_[flow]);
    for (std::size_t at = 0; at < Flow::kHotBytes; at += 64) __builtin_prefetch(p + at, 1);
  }
  Flow& flow_of(const Record& record, const Dissected& d, std::uint64_t hash, std::uint32_t& index);
  void pair(std::uint32_t index, PairedBy how, std::uint32_t with);
  void unpair(std::uint32_t index);
  void try_pair(std::uint32_t index, const Dissected& d, bool by_psn);

  void request(Flow& f, std::uint32_t index, const Record& r, const Dissected& d, Seen& seen);
  bool follows_read(const Flow& responder, std::uint32_t wire_psn) const;
  void response(Flow& f, std::uint32_t index, const Record& r, const Dissected& d, Seen& seen);
  void acknowledge(Flow& f, std::uint32_t index, const Record& r, const Dissected& d, Seen& seen);
  void notice(Flow& f, std::uint32_t index, const Record& r, const Dissected& d);

  PsnSpace::Verdict sequence(Flow& f, PsnSpace& space, const Record& r, const Dissected& d,
                             std::int64_t span, std::int64_t& psn, Seen& seen);
  void data(Flow& f, const Record& r, const Dissected& d, bool unique, Seen& seen);
  void check_size(Flow& f, const Record& r, const Dissected& d, bool last);

  Message& message_of(Flow& f, std::uint32_t index, const Record& r, const Dissected& d,
                      std::int64_t psn, bool& made);
  static Message* find_message(Flow& f, std::int64_t psn);
  void settle(Flow& f, std::int64_t time_ps, std::int64_t& rtt_ps, std::int64_t exact_psn);
  void end_message(Flow& f, const Message& message, MessageEnd end);

  Options options_;
  FlowTable table_;
  FlowTable hosts_;  // keys with the same addresses and kPairQp
  std::vector<std::vector<std::uint32_t>> flows_of_hosts_;
  std::vector<Flow> flows_;
  std::vector<Message> ended_;
};

}  // namespace emu::wire
