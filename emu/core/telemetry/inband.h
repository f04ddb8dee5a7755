// SPDX-License-Identifier: Apache-2.0
// In-band telemetry: what one data packet in so many meets on its way.
#pragma once

#include <cstdint>
#include <vector>

#include "../rng.h"
#include "flows.h"

namespace emu::telemetry {

/// One packet at one hop.
struct Hop {
  Ps queued = 0;                 // joined the egress queue; at the sender the same as `started`
  Ps started = 0;                // first bit on the wire
  Ps arrives = 0;                // the next node acts on it; -1: lost on this link
  std::int64_t queue_bytes = 0;  // in the egress queue when it left, itself included
  std::uint32_t flow = 0, qp = 0, psn = 0, port = 0;
  std::uint8_t priority = 0;
  bool marked = false;  // carries CE from here on
};

class Inband {
 public:
  Inband(const Engine& engine, FlowFinder& finder, std::uint32_t every)
      : engine_(engine), finder_(finder), every_(every) {}

  /// Each queue pair begins at another packet, so that short flows are met too.
  bool samples(const Packet& packet) const {
    if (!carries_data(packet.kind)) return false;
    return (packet.psn + static_cast<std::uint32_t>(mix64(packet.qp) >> 32)) % every_ == 0;
  }
  void departs(std::uint32_t port, const Packet& packet, Ps start, bool arrives, bool in_switch) {
    if (!samples(packet)) return;
    Hop hop;
    hop.started = hop.queued = start;
    hop.arrives = arrives ? packet.at : -1;
    hop.flow = finder_.flow_of(packet);
    hop.qp = packet.qp;
    hop.psn = packet.psn;
    hop.port = port;
    hop.priority = packet.current_priority();
    hop.marked = (packet.flags & (kCe | kOuterCe)) != 0;
    if (in_switch) {
      const EgressQueue& queue = engine_.queues()[port * kPriorities + hop.priority];
      hop.queued = queue.packets.front().at;
      hop.queue_bytes = queue.bytes + packet.bytes;
    }
    rows_.push_back(hop);
  }
  const std::vector<Hop>& rows() const { return rows_; }

 private:
  const Engine& engine_;
  FlowFinder& finder_;
  std::uint32_t every_;
  std::vector<Hop> rows_;
};

}  // namespace emu::telemetry
