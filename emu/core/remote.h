// SPDX-License-Identifier: Apache-2.0
// What switches know of each other's queues: grades by port, published all at
// once at every interval and visible to the others some intervals later.
//
// Invariant: between two publications what is visible stands still, and at a
// publication all nodes stand at the same time; so it does not matter in which
// order nodes are visited.
#pragma once

#include <cstdint>
#include <vector>

#include "units.h"

namespace emu {

struct RemoteState {
  Ps interval_ps = 0;  // 0: nobody publishes
  Ps next_ps = 0;      // the next publication
  std::int64_t quantum_bytes = 0;
  std::vector<std::vector<std::uint8_t>> grades;  // the last lag + 1 publications, by port
  std::size_t written = 0;                        // row of the next publication
  // What a packet asks for, once per publication: by route value the grade of the
  // best port that it stands for; by port the routes of the peer, if it is a switch.
  std::vector<std::uint8_t> of_route;
  std::vector<const std::uint16_t*> peer;

  /// The oldest publication that is kept: what is visible now.
  const std::vector<std::uint8_t>& visible() const { return grades[written]; }
  /// Grade of the best port by which the peer of `port` sends towards a route; the
  /// worst where it has none.
  std::uint32_t grade(std::uint32_t port, std::uint16_t route) const {
    const std::uint16_t* const fib = peer[port];
    return fib == nullptr ? 0 : of_route[fib[route]];
  }
};

}  // namespace emu
