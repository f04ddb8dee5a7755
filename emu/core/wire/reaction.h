// SPDX-License-Identifier: Apache-2.0
// How a sender's rate answers a CNP: bytes in the window before against bytes in
// the window after.
//
// The time before is kept in eight bins. While one answer is measured, further CNPs
// belong to it: at most one measurement per window.
#pragma once

#include <array>
#include <cstdint>

namespace emu::wire {

struct RateReaction {
  static constexpr std::int64_t kBins = 8;
  static constexpr std::uint64_t kPacketsMin = 8;  // in the window before

  std::uint64_t measured = 0;  // CNPs with a whole window on both sides
  std::uint64_t before_bytes = 0;
  std::uint64_t after_bytes = 0;

  void on_data(std::int64_t time_ps, std::uint32_t bytes, std::int64_t window_ps) {
    if (measuring_ && time_ps >= until_ps_) close();
    if (measuring_) pending_after_ += bytes;
    advance(time_ps, window_ps);
    bins_[static_cast<std::size_t>(bin_ & (kBins - 1))] += bytes;
    last_bytes_ = bytes;
    if (first_ps_ > time_ps || !begun_) first_ps_ = time_ps;
    begun_ = true;
  }

  void on_cnp(std::int64_t time_ps, std::int64_t window_ps) {
    if (measuring_ && time_ps >= until_ps_) close();
    if (measuring_ || !begun_ || time_ps - first_ps_ < window_ps) return;
    advance(time_ps, window_ps);
    pending_before_ = 0;
    for (const std::uint64_t b : bins_) pending_before_ += b;
    // The bins reach back to the begin of the oldest, which is not quite a window.
    const std::int64_t width_ps = window_ps / kBins;
    const std::int64_t covered_ps = kBins * width_ps - (bin_end_ps_ - time_ps);
    if (covered_ps <= 0) return;  // a clock that went back
    pending_before_ = static_cast<std::uint64_t>(static_cast<double>(pending_before_) *
                                                 static_cast<double>(window_ps) /
                                                 static_cast<double>(covered_ps));
    pending_after_ = 0;
    until_ps_ = time_ps + window_ps;
    // A CNP always follows a packet; a rate of a few packets per window would only
    // show that.
    measuring_ = pending_before_ >= kPacketsMin * last_bytes_;
  }

  /// The capture ends here: a window that reaches beyond is not counted.
  void finish(std::int64_t end_ps) {
    if (measuring_ && end_ps >= until_ps_) close();
    measuring_ = false;
  }

 private:
  void close() {
    ++measured;
    before_bytes += pending_before_;
    after_bytes += pending_after_;
    measuring_ = false;
  }

  void advance(std::int64_t time_ps, std::int64_t window_ps) {
    if (time_ps < bin_end_ps_) return;
    const std::int64_t width_ps = window_ps / kBins;
    const std::int64_t bin = time_ps / width_ps;
    bin_end_ps_ = (bin + 1) * width_ps;
    if (bin <= bin_) return;
    const std::int64_t from = bin - bin_ >= kBins ? bin - kBins + 1 : bin_ + 1;
    for (std::int64_t b = from; b <= bin; ++b) bins_[static_cast<std::size_t>(b & (kBins - 1))] = 0;
    bin_ = bin;
  }

  std::array<std::uint64_t, kBins> bins_{};
  std::int64_t bin_ = INT64_MIN / 2;
  std::int64_t bin_end_ps_ = INT64_MIN;
  std::int64_t first_ps_ = 0;
  std::int64_t until_ps_ = 0;
  std::uint64_t pending_before_ = 0;
  std::uint64_t pending_after_ = 0;
  std::uint32_t last_bytes_ = 0;
  bool begun_ = false;
  bool measuring_ = false;
};

}  // namespace emu::wire
