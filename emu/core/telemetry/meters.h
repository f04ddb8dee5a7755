// SPDX-License-Identifier: Apache-2.0
// What ports and queue pairs did in each sample interval.
//
// Invariant: rows hold differences, so the rows of a port add up to its counters.
#pragma once

#include <cstdint>
#include <vector>

#include "flows.h"

namespace emu::telemetry {

struct PortRow {
  Ps at = 0;
  std::uint32_t port = 0;
  std::uint8_t priority = 0;
  std::int64_t tx_packets = 0, tx_bytes = 0, marked = 0, pfc_tx = 0, pfc_rx = 0, paused_ps = 0;
  std::int64_t dropped = 0;       // by this queue and by this priority group
  std::int64_t egress_bytes = 0;  // at the end of the interval
  std::int64_t egress_peak = 0;   // deepest in the interval
  std::int64_t group_bytes = 0;   // at the end
};

/// Both ends of a wire: what was sent and what has been received.
struct WireRow {
  Ps at = 0;
  std::uint32_t port = 0;  // that receives
  std::int64_t rx_packets = 0, rx_bytes = 0, errors = 0;
};

struct PairRow {
  Ps at = 0;
  std::uint32_t qp = 0;
  std::int64_t sent_bytes = 0;       // payload sent for the first time
  std::int64_t delivered_bytes = 0;  // payload that arrived
  std::int64_t open_bytes = 0;       // sent and not delivered, at the end
  Bps rate_bps = 0;                  // what congestion control allows, at the end
};

class Meters {
 public:
  explicit Meters(Engine& engine) : engine_(engine) {}
  /// A row for whatever has changed since the last call; no table gets more than `rows_max`.
  void sample(std::uint64_t rows_max);
  const std::vector<PortRow>& ports() const { return ports_; }
  const std::vector<WireRow>& wires() const { return wires_; }
  const std::vector<PairRow>& pairs() const { return pairs_; }

 private:
  struct Progress {  // of one side of a queue pair: bytes up to a PSN
    std::uint32_t message = kNone;
    std::int64_t before = 0;  // of the messages before that one
    std::int64_t bytes = 0;
  };
  std::int64_t advance(Progress& side, std::uint32_t qp, std::uint32_t psn, std::int32_t mtu);
  void sample_ports();
  void sample_wires();
  void sample_pairs();

  Engine& engine_;
  std::vector<PortRow> queue_then_;
  std::vector<WireRow> wire_then_;
  std::vector<Progress> sent_, delivered_;
  std::vector<PortRow> ports_;
  std::vector<WireRow> wires_;
  std::vector<PairRow> pairs_;
};

}  // namespace emu::telemetry
