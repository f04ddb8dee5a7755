// SPDX-License-Identifier: Apache-2.0
// Microbursts: when a queue of a switch holds more than a threshold, how high it
// gets, and whose packets are in it.
//
// Invariant: exact to the picosecond, though only departures are looked at. A
// queue grows when a packet joins it and every packet knows when it joined, so
// between two departures the time of the crossing is found in the queue itself;
// and the largest level since the last departure is the one before the next.
#pragma once

#include <cstdint>
#include <vector>

#include "flows.h"

namespace emu::telemetry {

struct Burst {
  std::uint32_t port = 0;
  std::uint8_t priority = 0;
  bool over = true;  // false: the run ended first
  Ps start = 0;      // when a packet brought the queue above the threshold
  Ps end = 0;        // when one left that brought it back
  Ps peak_at = 0;
  std::int64_t peak_bytes = 0;
  std::uint64_t packets = 0;  // that were in the queue meanwhile
  Shares flows;               // data only
};

class Bursts {
 public:
  Bursts(const Engine& engine, FlowFinder& finder, std::int64_t threshold_bytes)
      : engine_(engine),
        finder_(finder),
        threshold_(threshold_bytes),
        open_(engine.queues().size(), -1) {}

  void departs(std::uint32_t port, const Packet& packet, Ps start);
  void flushes(std::uint32_t port, Ps now);
  /// Ends what is still going on.
  void finish(Ps now);
  const std::vector<Burst>& rows() const { return rows_; }

 private:
  Burst& begin(std::uint32_t queue);
  void count(Burst& burst, const Packet& packet);
  void end(std::uint32_t queue, Ps now, bool over);

  const Engine& engine_;
  FlowFinder& finder_;
  std::int64_t threshold_;
  std::vector<std::int32_t> open_;  // by queue: its row while it lasts
  std::vector<Burst> rows_;
};

}  // namespace emu::telemetry
