// SPDX-License-Identifier: Apache-2.0
// What can be read of a simulated fabric at now(), while it runs and afterwards.
//
// Invariant: reading changes nothing. Counters of ports that nobody has looked
// at are those of an earlier moment: Engine::settle_switches() brings them up.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "state.h"

namespace emu {

class Results : protected EngineState {
 public:
  Ps now() const { return now_; }
  std::uint64_t unfinished() const;
  Ps window_ps() const { return window_ps_; }

  Totals totals() const;
  /// By number, as long as none has been retired.
  const std::vector<Message>& messages() const { return messages_; }
  const LargeVector<Port>& ports() const { return ports_; }
  const std::vector<QueuePair>& queue_pairs() const { return qps_; }
  const std::vector<SendQp>& send_side() const { return send_; }
  const std::vector<RecvQp>& receive_side() const { return recv_; }
  /// What has been posted and not retired, by queue pair.
  void list_messages(std::vector<Message>& out) const;
  /// What congestion control allows a queue pair now.
  Bps allowed_rate(std::uint32_t qp) const;
  const std::vector<NicPort>& nic_ports() const { return nic_ports_; }
  const Framing& framing() const { return framing_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  const std::vector<NodeRef>& nodes() const { return nodes_; }
  const ForwardingTables& tables() const { return tables_; }
  const NicParams& nic(std::uint32_t endpoint) const {
    return nic_profiles_[endpoints_[endpoint].profile];
  }
  /// Latency of a node's receive side: a switch's pipeline, a NIC's processing.
  Ps receive_ps(std::uint32_t node) const { return receive_ps_[node]; }
  const std::vector<DropCounts>& drops() const { return drops_; }
  const LargeVector<EgressQueue>& queues() const { return queues_; }
  /// Deepest level of a queue (port * 8 + priority) at any time.
  std::int64_t watermark(std::uint32_t queue) const;
  const LargeVector<PriorityGroup>& groups() const { return pgs_; }
  const std::vector<Switch>& switches() const { return switches_; }
  const std::vector<QueueSample>& queue_samples() const { return queue_samples_; }
  const std::vector<SeriesSample>& series() const { return series_; }
  const std::vector<Event>& events() const { return events_; }
  std::uint32_t source_of(const Packet& packet) const;
  std::uint32_t entropy_of(const Packet& packet) const;
  using Settings::sprayed;
  const std::vector<RecvQp>& receivers() const { return recv_; }
  const std::vector<AnyOrder>& any_order() const { return any_order_; }
  /// Packets on the wire to each port, and their bytes without preamble and gap.
  std::vector<std::pair<std::uint32_t, std::int64_t>> on_wires() const;
  /// Packets on wires and in queues, and their bytes.
  std::pair<std::uint64_t, std::uint64_t> in_flight() const;

 protected:
  Bps line_rate(const Endpoint& ep) const { return ports_[ep.first_port].rate.bps; }
};

}  // namespace emu
