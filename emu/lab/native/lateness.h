// SPDX-License-Identifier: Apache-2.0
// How long real pipelines took, packet by packet, and what came too late.
//
// Invariant: every packet that was given to a pipeline is counted once, as in
// time, late, or lost.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "emu/core/units.h"

namespace emu::lab {

/// Times of wall clock in classes of 1/16 of a power of two: percentiles within 6 %.
class WallHistogram {
 public:
  static constexpr int kFine = 16;
  void add(std::int64_t ns) {
    const auto v = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
    ++counts_[index(v)];
    ++total_;
    max_ = std::max(max_, v);
  }
  std::uint64_t total() const { return total_; }
  std::uint64_t max_ns() const { return max_; }
  /// Upper end of the class that holds quantile `q`, 0 when there is nothing.
  std::uint64_t quantile_ns(double q) const {
    if (total_ == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(total_ - 1)) + 1;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted) return std::min(upper(i), max_);
    }
    return max_;
  }

 private:
  static std::size_t index(std::uint64_t v) {
    if (v < kFine) return static_cast<std::size_t>(v);
    const int shift = static_cast<int>(std::bit_width(v)) - 5;
    return static_cast<std::size_t>((shift + 1) * kFine) +
           static_cast<std::size_t>((v >> shift) - kFine);
  }
  static std::uint64_t upper(std::size_t i) {
    if (i < kFine) return i;
    const std::size_t shift = i / kFine - 1;
    return ((kFine + i % kFine + 1) << shift) - 1;
  }
  std::array<std::uint64_t, 64 * kFine> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

/// One packet that came back later than its pipeline latency allows.
struct LatePacket {
  Ps at;       // when it should have joined its queue
  Ps late_ps;  // how much later it did, fabric time
  std::uint32_t in_port;
  std::uint32_t qp;
  std::uint32_t psn;
  std::uint8_t kind;
};

struct Lateness {
  std::uint64_t packets = 0;  // given to a pipeline
  std::uint64_t in_time = 0;
  std::uint64_t late = 0;
  std::uint64_t lost = 0;         // never came back
  std::uint64_t late_copies = 0;  // of floods, after the packet had been forwarded
  std::uint64_t held = 0;         // the fabric's clock waited for them; in time by that
  Ps late_ps = 0;                 // sum over the late ones
  Ps late_ps_max = 0;
  std::int64_t held_ns = 0;          // wall time that the clock waited for pipelines
  std::int64_t slipped_ns = 0;       // wall time that the clock stood because this process was late
  WallHistogram amount;              // of the late ones, fabric picoseconds
  WallHistogram turnaround;          // into the pipeline and back, wall time
  WallHistogram injection;           // how much after its moment a frame was given to a pipeline
  std::vector<LatePacket> examples;  // the first ones

  /// So late is quantile `q` of all packets; those in time count as 0.
  Ps late_quantile_ps(double q) const {
    if (late == 0) return 0;
    const auto all = static_cast<double>(in_time + late);
    const double in_late = 1.0 - (1.0 - q) * all / static_cast<double>(late);
    return in_late < 0.0 ? 0 : static_cast<Ps>(amount.quantile_ns(in_late));
  }
};

}  // namespace emu::lab
