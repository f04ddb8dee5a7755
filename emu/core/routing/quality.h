// SPDX-License-Identifier: Apache-2.0
// How good a port is, in few steps: switches compare ports by 3-bit grades, not
// by bytes, so that small differences do not move traffic.
//
// Invariant: a grade is a function of what the port holds at this moment; it
// does not depend on who looked at the port before.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace emu {

inline constexpr std::uint32_t kGradeMax = 7;

/// Grade of a queue: 0 below `quantum_bytes`, then one more per doubling.
constexpr std::uint32_t queue_grade(std::int64_t bytes, std::int64_t quantum_bytes) {
  if (bytes < quantum_bytes) return 0;
  const auto quanta = static_cast<std::uint64_t>(bytes / quantum_bytes);
  return std::min(static_cast<std::uint32_t>(std::bit_width(quanta)), kGradeMax);
}

/// Grade of a load given as busy time per time: 0 is idle, 7 is 7/8 and above.
constexpr std::uint32_t load_grade(std::int64_t busy_ps, std::int64_t elapsed_ps) {
  if (elapsed_ps <= 0) return 0;
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(busy_ps * 8 / elapsed_ps, 0, kGradeMax));
}

}  // namespace emu
