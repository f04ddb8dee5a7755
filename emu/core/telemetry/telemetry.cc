// SPDX-License-Identifier: Apache-2.0
#include "telemetry.h"

namespace emu::telemetry {

Telemetry::Telemetry(Engine& engine, const Wanted& wanted)
    : engine_(engine),
      wanted_(wanted),
      finder_(engine),
      first_switch_port_(engine.switches().empty() ? 0 : engine.switches()[0].first_port),
      meters_(engine) {
  if (wanted.burst_bytes > 0) {
    bursts_ = std::make_unique<Bursts>(engine, finder_, wanted.burst_bytes);
  }
  if (wanted.pauses_max > 0) {
    pauses_ = std::make_unique<Pauses>(engine, finder_, wanted.pauses_max);
  }
  if (wanted.inband_every > 0) {
    inband_ = std::make_unique<Inband>(engine, finder_, wanted.inband_every);
  }
  engine.set_recorder(this, bursts_ || inband_, pauses_ != nullptr);
}

void Telemetry::departs(std::uint32_t port, const Packet& packet, Ps start, bool arrives) {
  const bool in_switch = port >= first_switch_port_;
  if (bursts_ && in_switch && bursts_->rows().size() < wanted_.rows_max) {
    bursts_->departs(port, packet, start);
  }
  if (inband_ && inband_->rows().size() < wanted_.rows_max) {
    inband_->departs(port, packet, start, arrives, in_switch);
  }
}

void Telemetry::flushes(std::uint32_t port, Ps now) {
  if (bursts_ && port >= first_switch_port_) bursts_->flushes(port, now);
}

void Telemetry::pauses(std::uint32_t port, std::uint8_t priority, std::uint32_t quanta, Ps now) {
  if (pauses_) pauses_->pauses(port, priority, quanta, now);
}

void Telemetry::obeys(std::uint32_t port, const PfcFrame& frame, Ps sent) {
  if (pauses_) pauses_->obeys(port, frame, sent);
}

void Telemetry::sampled() {
  if (wanted_.meters) meters_.sample(wanted_.rows_max);
}

void Telemetry::finish() {
  if (bursts_) bursts_->finish(engine_.now());
  if (pauses_) pauses_->finish();
}

}  // namespace emu::telemetry
