// SPDX-License-Identifier: Apache-2.0
// What happened when, over the whole capture, in at most kBins bins.
//
// Nobody knows in advance how long a capture is: bins begin at 1 us and are merged
// in pairs, twice as wide, whenever the time runs out of them.
#pragma once

#include <cstdint>
#include <vector>

namespace emu::wire {

struct TimelineBin {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t goodput_bytes = 0;
  std::uint64_t marked = 0;  // data packets with CE
  std::uint64_t data_packets = 0;
  std::uint64_t cnps = 0;
  std::uint64_t naks = 0;
  std::uint64_t repeated = 0;
  std::uint64_t pause_frames = 0;
  std::uint64_t rtts = 0;
  std::int64_t rtt_sum_ps = 0;

  void add(const TimelineBin& other) {
    packets += other.packets;
    bytes += other.bytes;
    goodput_bytes += other.goodput_bytes;
    marked += other.marked;
    data_packets += other.data_packets;
    cnps += other.cnps;
    naks += other.naks;
    repeated += other.repeated;
    pause_frames += other.pause_frames;
    rtts += other.rtts;
    rtt_sum_ps += other.rtt_sum_ps;
  }
};

class Timeline {
 public:
  static constexpr std::size_t kBins = 1024;

  std::int64_t start_ps() const { return start_ps_; }
  std::int64_t width_ps() const { return width_ps_; }
  /// Up to the last bin that was touched.
  const std::vector<TimelineBin>& bins() const { return bins_; }

  /// The bin of a moment; one before the first packet counts into the first bin.
  TimelineBin& at(std::int64_t time_ps) {
    if (time_ps >= from_ps_ && time_ps < to_ps_) return bins_[now_];
    if (bins_.empty()) start_ps_ = time_ps;
    std::int64_t bin = time_ps < start_ps_ ? 0 : (time_ps - start_ps_) / width_ps_;
    while (bin >= static_cast<std::int64_t>(kBins)) {
      widen();
      bin = (time_ps - start_ps_) / width_ps_;
    }
    if (bins_.size() <= static_cast<std::size_t>(bin)) {
      bins_.resize(static_cast<std::size_t>(bin) + 1);
    }
    now_ = static_cast<std::size_t>(bin);
    from_ps_ = start_ps_ + bin * width_ps_;
    to_ps_ = from_ps_ + width_ps_;
    return bins_[now_];
  }

 private:
  void widen() {
    for (std::size_t i = 0; i < bins_.size(); i += 2) {
      TimelineBin merged = bins_[i];
      if (i + 1 < bins_.size()) merged.add(bins_[i + 1]);
      bins_[i / 2] = merged;
    }
    bins_.resize((bins_.size() + 1) / 2);
    width_ps_ *= 2;
  }

  std::int64_t start_ps_ = 0;
  std::int64_t width_ps_ = 1'000'000;
  std::vector<TimelineBin> bins_;
  // The bin of the latest call: most of the time the next is in it too.
  std::size_t now_ = 0;
  std::int64_t from_ps_ = 0;
  std::int64_t to_ps_ = 0;
};

}  // namespace emu::wire
