// SPDX-License-Identifier: Apache-2.0
// Whoever wants to see real frames on the fabric's links, with their fabric time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/core/units.h"

namespace emu::lab {

class Tap {
 public:
  virtual ~Tap() = default;
  /// A frame's first bit leaves `port` at `start`; its last arrives at the other
  /// end at `end`. Frames of one port come in order.
  virtual void link_frame(std::uint32_t port, Ps start, Ps end, const std::uint8_t* frame,
                          std::size_t n) = 0;
  /// The link died: what would have arrived at `port` at `end` will not.
  virtual void recalled(std::uint32_t port, Ps end) = 0;
  /// Nothing that starts or ends before `now` will be told of any more.
  virtual void settled(Ps now) = 0;
};

}  // namespace emu::lab
