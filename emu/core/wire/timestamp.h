// SPDX-License-Identifier: Apache-2.0
// Time stamps of any resolution as picoseconds since one common second.
//
// int64 picoseconds reach 106 days, not to 1970: so times count from the second
// of the first packet, or from 1970 itself when the first packet is within its
// first eleven days (a simulator's clock starts at zero).
#pragma once

#include <cstdint>
#include <limits>

#include "capture.h"

namespace emu::wire {

__extension__ using Int128 = __int128;

inline constexpr std::int64_t kPsPerSecond = 1'000'000'000'000;
inline constexpr std::int64_t kSimulatedSeconds = 1'000'000;

/// Sets the resolution from pcapng's if_tsresol. False for one that no 64-bit
/// time stamp can use.
inline bool set_resolution(Interface& interface, std::uint8_t tsresol) {
  const unsigned exponent = tsresol & 0x7F;
  interface.tick_ps = interface.ticks_per_ps = 1;
  interface.tick_shift = 0;
  if ((tsresol & 0x80) != 0) {
    if (exponent > 63) return false;
    interface.tick_shift = exponent;
    if (exponent == 0) interface.tick_ps = static_cast<std::uint64_t>(kPsPerSecond);
    return true;
  }
  if (exponent > 19) return false;
  for (unsigned e = exponent; e < 12; ++e) interface.tick_ps *= 10;
  for (unsigned e = 12; e < exponent; ++e) interface.ticks_per_ps *= 10;
  return true;
}

/// Picoseconds since 1970.
inline Int128 absolute_ps(const Interface& interface, std::uint64_t ticks) {
  Int128 ps = 0;
  if (interface.tick_shift != 0) {
    ps = static_cast<Int128>(ticks) * kPsPerSecond >> interface.tick_shift;
  } else if (interface.ticks_per_ps != 1) {
    ps = static_cast<Int128>(ticks / interface.ticks_per_ps);
  } else {
    ps = static_cast<Int128>(ticks) * static_cast<Int128>(interface.tick_ps);
  }
  return ps + static_cast<Int128>(interface.offset_s) * kPsPerSecond;
}

/// Time since the capture's base; the first call chooses the base. A stamp out of
/// reach (a damaged one) sticks at the end of the range.
inline std::int64_t relative_ps(Capture& capture, Int128 absolute) {
  if (!capture.has_base) {
    capture.has_base = true;
    const auto second = static_cast<std::int64_t>(absolute / kPsPerSecond);
    capture.base_s = second >= 0 && second < kSimulatedSeconds ? 0 : second;
  }
  const Int128 relative = absolute - static_cast<Int128>(capture.base_s) * kPsPerSecond;
  // A quarter of the range: differences of two times must not overflow.
  constexpr Int128 far = std::numeric_limits<std::int64_t>::max() / 4;
  if (relative > far) return static_cast<std::int64_t>(far);
  if (relative < -far) return static_cast<std::int64_t>(-far);
  return static_cast<std::int64_t>(relative);
}

}  // namespace emu::wire
