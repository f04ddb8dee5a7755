// SPDX-License-Identifier: Apache-2.0
// The seam at which somebody watches ports: what leaves them and what reaches
// them, without a part in what happens.
//
// Invariant: a watched run is the same run. The engine asks an observer
// nothing, and a port that nobody watches does not know that there is one.
#pragma once

#include <cstdint>

#include "packet.h"
#include "units.h"

namespace emu {

/// Priorities of frames that pause no class: PFC that enables none, and the
/// PAUSE of IEEE 802.3x, which means the whole link.
inline constexpr std::uint8_t kPauseOfNobody = 8;
inline constexpr std::uint8_t kPauseOfLink = 9;

/// One frame at one port.
struct Sighting {
  Ps at;               // outbound: its first bit leaves; inbound: its last bit arrives
  Packet packet;       // .at: when the receiver acts on it; PFC: see below
  std::uint32_t port;  // whose egress or ingress this is
  bool outbound;
  bool pfc;  // a PFC frame: .priority, and its quanta in .psn
};

class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// Nodes run one after the other inside a window, so sightings do not come in
  /// order of time; but none will come any more that is before `settled`.
  virtual void see(const Sighting& sighting, Ps settled) = 0;

  /// A link died: what was on its way to `port` and would have been acted on
  /// after `data_after` (PFC: obeyed after `pfc_after`) will not arrive.
  virtual void recall(std::uint32_t port, Ps data_after, Ps pfc_after) = 0;
};

}  // namespace emu
