// SPDX-License-Identifier: Apache-2.0
// Time, rates and the one conversion between them.
//
// Invariant: every time in the engine is an integer number of picoseconds, so
// that results depend neither on the machine nor on the order of additions.
#pragma once

#include <cstdint>
#include <limits>

namespace emu {

using Ps = std::int64_t;   // picoseconds of fabric time
using Bps = std::int64_t;  // bits per second

inline constexpr Ps kNever = std::numeric_limits<Ps>::max() / 4;
inline constexpr Ps kPsPerSecond = 1'000'000'000'000;

/// Preamble, start delimiter and inter-frame gap: bytes of link time that
/// belong to no frame (IEEE 802.3 clause 4: 7 + 1 + 12).
inline constexpr std::int32_t kLinkGapBytes = 20;
/// The part of it that goes before the frame.
inline constexpr std::int32_t kPreambleBytes = 8;

/// Serialisation time of `bytes` at `rate_bps`, rounded up: a link is never
/// faster than its rate. 128 bits, because a pause of 65535 quanta is 4 MB long.
constexpr Ps serialisation_ps(std::int64_t bytes, Bps rate_bps) {
  if (bytes >= 0 && bytes < 1'000'000) {  // a frame: 64 bits do, at a quarter of the time
    const auto bit_ps = static_cast<std::uint64_t>(bytes) * (8 * kPsPerSecond);
    const auto rate = static_cast<std::uint64_t>(rate_bps);
    return static_cast<Ps>((bit_ps + rate - 1) / rate);
  }
  const auto bit_ps = static_cast<__int128>(bytes) * 8 * kPsPerSecond;
  return static_cast<Ps>((bit_ps + rate_bps - 1) / rate_bps);
}

/// The same where a simulator counts in coarser units: cut off to whole grains.
constexpr Ps serialisation_ps(std::int64_t bytes, Bps rate_bps, Ps grain_ps) {
  if (grain_ps <= 1) return serialisation_ps(bytes, rate_bps);
  const auto bit_ps = static_cast<__int128>(bytes) * 8 * kPsPerSecond;
  return static_cast<Ps>(bit_ps / rate_bps) / grain_ps * grain_ps;
}

/// A rate made ready for the hot path: the usual rates (10G … 1.6T) have a
/// whole number of picoseconds per byte, and a multiplication then does.
struct LinkRate {
  static constexpr Bps kWholeMin = 10'000;  // above, ps_per_byte has 32 bits
  Bps bps = 0;
  std::uint32_t ps_per_byte = 0;  // 0: not whole, divide
  std::uint32_t grain_ps = 1;

  LinkRate() = default;
  explicit LinkRate(Bps rate, Ps grain = 1)
      : bps(rate), grain_ps(static_cast<std::uint32_t>(grain)) {
    if (rate >= kWholeMin && grain <= 1 && (8 * kPsPerSecond) % rate == 0) {
      ps_per_byte = static_cast<std::uint32_t>(8 * kPsPerSecond / rate);
    }
  }
  Ps time_of(std::int64_t bytes) const {
    if (ps_per_byte != 0) [[likely]]
      return bytes * Ps{ps_per_byte};
    return serialisation_ps(bytes, bps, grain_ps);
  }
};

}  // namespace emu
