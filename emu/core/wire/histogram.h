// SPDX-License-Identifier: Apache-2.0
// Percentiles of durations in bounded memory.
//
// Every power of two is cut into 32 equal buckets, so a bucket's middle is within
// 1/64 = 1.6 % of every value in it. Buckets exist from the smallest to the largest
// power that was seen: a few hundred bytes for what one flow measures.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace emu::wire {

class DurationHistogram {
 public:
  static constexpr unsigned kBitsPerOctave = 5;
  static constexpr double kRelativeError = 1.0 / 64;

  void add(std::int64_t ps) {
    if (ps < 0) ps = 0;
    min_ps_ = count_ == 0 || ps < min_ps_ ? ps : min_ps_;
    max_ps_ = ps > max_ps_ ? ps : max_ps_;
    ++count_;
    const auto v = static_cast<std::uint64_t>(ps);
    // Below 32 ps every value is its own bucket.
    const unsigned octave =
        v < kPerOctave ? 0 : static_cast<unsigned>(std::bit_width(v)) - kBitsPerOctave;
    const auto in = static_cast<std::size_t>(octave == 0 ? v : (v >> (octave - 1)) - kPerOctave);
    if (buckets_.empty()) first_ = octave;
    if (octave < first_) {
      buckets_.insert(buckets_.begin(), (first_ - octave) * kPerOctave, 0U);
      first_ = octave;
    }
    const std::size_t at = (octave - first_) * kPerOctave + in;
    if (at >= buckets_.size()) buckets_.resize((octave - first_ + 1) * kPerOctave, 0U);
    ++buckets_[at];
  }

  std::uint64_t count() const { return count_; }
  std::int64_t min_ps() const { return min_ps_; }
  std::int64_t max_ps() const { return max_ps_; }

  /// The value that a share `q` of all does not exceed; -1 when there is none.
  std::int64_t quantile_ps(double q) const {
    if (count_ == 0) return -1;
    if (q >= 1.0) return max_ps_;
    auto rank = static_cast<std::uint64_t>(q * static_cast<double>(count_));
    if (rank >= count_) rank = count_ - 1;
    std::uint64_t below = 0;
    for (std::size_t at = 0; at < buckets_.size(); ++at) {
      below += buckets_[at];
      if (below > rank) {
        const std::int64_t middle = middle_of(at);
        return middle < min_ps_ ? min_ps_ : middle > max_ps_ ? max_ps_ : middle;
      }
    }
    return max_ps_;
  }

 private:
  static constexpr std::uint64_t kPerOctave = 1U << kBitsPerOctave;

  std::int64_t middle_of(std::size_t at) const {
    const auto octave = static_cast<unsigned>(first_ + at / kPerOctave);
    const std::uint64_t in = at % kPerOctave;
    if (octave == 0) return static_cast<std::int64_t>(in);
    const std::uint64_t width = 1ULL << (octave - 1);
    return static_cast<std::int64_t>((kPerOctave + in) * width + width / 2);
  }

  std::vector<std::uint32_t> buckets_;
  unsigned first_ = 0;
  std::uint64_t count_ = 0;
  std::int64_t min_ps_ = 0;
  std::int64_t max_ps_ = 0;
};

}  // namespace emu::wire
