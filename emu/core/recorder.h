// SPDX-License-Identifier: Apache-2.0
// The seam at which somebody records what queues and pauses do: told of every
// departure from ports that are recorded, and of every pause frame.
//
// Invariant: a recorded run is the same run. The engine asks a recorder nothing,
// and a port that is not recorded does not know that there is one.
#pragma once

#include <cstdint>

#include "packet.h"
#include "units.h"

namespace emu {

class Recorder {
 public:
  Recorder() = default;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  virtual ~Recorder() = default;

  /// `packet` starts on the wire out of `port` at `start`. Its peer acts on it at
  /// packet.at unless it is lost on the way (`arrives`). In a switch it is still
  /// the first of its queue, whose bytes no longer count it; everything that came
  /// before `start` is in the queue, and nothing that came later.
  virtual void departs(std::uint32_t port, const Packet& packet, Ps start, bool arrives) = 0;
  /// The queues of a port are about to be emptied without being sent.
  virtual void flushes(std::uint32_t port, Ps now) = 0;
  /// `port` sends a pause frame for a priority: 0 quanta let it go on.
  virtual void pauses(std::uint32_t port, std::uint8_t priority, std::uint32_t quanta, Ps now) = 0;
  /// `port` obeys such a frame of its peer, which was sent at `sent`.
  virtual void obeys(std::uint32_t port, const PfcFrame& frame, Ps sent) = 0;
  /// The engine takes a sample.
  virtual void sampled() = 0;
};

}  // namespace emu
