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

  /// The oldest publication that is kept: what is visible now.
  const std::vector<std::uint8_t>& visible() const { return grades[written]; }
};

}  // namespace emu
