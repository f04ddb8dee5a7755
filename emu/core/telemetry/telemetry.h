// SPDX-License-Identifier: Apache-2.0
// What is recorded of a run beside its counters: series, bursts, pauses, packets.
//
// Invariant: rows are bounded. A table that has reached its limit takes no more
// and is marked as cut.
#pragma once

#include <cstdint>
#include <memory>

#include "bursts.h"
#include "inband.h"
#include "meters.h"
#include "pauses.h"

namespace emu::telemetry {

struct Wanted {
  bool meters = false;
  std::int64_t burst_bytes = 0;    // 0: no bursts
  std::uint64_t pauses_max = 0;    // episodes; 0: none
  std::uint32_t inband_every = 0;  // 0: no packets
  std::uint64_t rows_max = 0;      // of each other table
};

class Telemetry final : public Recorder {
 public:
  /// To be made when the engine is built, before its first packet.
  Telemetry(Engine& engine, const Wanted& wanted);
  ~Telemetry() override { engine_.set_recorder(nullptr, false, false); }

  void departs(std::uint32_t port, const Packet& packet, Ps start, bool arrives) override;
  void flushes(std::uint32_t port, Ps now) override;
  void pauses(std::uint32_t port, std::uint8_t priority, std::uint32_t quanta, Ps now) override;
  void obeys(std::uint32_t port, const PfcFrame& frame, Ps sent) override;
  void sampled() override;

  /// Ends what is still going on; the engine does not run again.
  void finish();

  const Engine& engine() const { return engine_; }
  const Meters& meters() const { return meters_; }
  const Bursts* bursts() const { return bursts_.get(); }
  const Pauses* episodes() const { return pauses_.get(); }
  const Inband* packets() const { return inband_.get(); }
  std::uint64_t rows_max() const { return wanted_.rows_max; }

 private:
  Engine& engine_;
  Wanted wanted_;
  FlowFinder finder_;
  std::uint32_t first_switch_port_;
  Meters meters_;
  std::unique_ptr<Bursts> bursts_;
  std::unique_ptr<Pauses> pauses_;
  std::unique_ptr<Inband> inband_;
};

}  // namespace emu::telemetry
