// SPDX-License-Identifier: Apache-2.0
// The seam behind which forwarding pipelines of another kind can stand: real
// switches, to which every packet goes as a real frame.
//
// Invariant: buffers, queues, marking, pauses and wires stay the engine's. The
// outside decides what a pipeline decides: which ports a packet leaves by, and
// with which headers. Nobody asks it unless ports are outside.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "drop.h"
#include "packet.h"
#include "units.h"

namespace emu {

/// One packet that leaves a pipeline, and the port (global number) it leaves by.
using Copy = std::pair<std::uint32_t, Packet>;

enum class Verdict : std::uint8_t {
  kForwarded,  // `copies` holds what goes where
  kPending,    // the answer is late: Engine::admit_outside() brings it
  kDropped,    // the pipeline gave nothing back
};

class Outside {
 public:
  virtual ~Outside() = default;

  /// `packet` starts on the wire out of `port` at `start`; its peer acts on it
  /// at packet.at. The fields that only a table lookup reads (entropy, route)
  /// may be changed: they travel with the packet.
  virtual void sent(std::uint32_t port, Packet& packet, Ps start) = 0;
  virtual void pfc_sent(std::uint32_t port, const PfcFrame& frame, Ps start) = 0;
  /// The switch behind `in_port` has `packet` out of its pipeline at `now`.
  virtual Verdict forward(std::uint32_t in_port, const Packet& packet, Ps now,
                          std::vector<Copy>& copies) = 0;
  /// `packet` ended at `port`.
  virtual void dropped(std::uint32_t port, const Packet& packet, Drop reason) = 0;
};

}  // namespace emu
