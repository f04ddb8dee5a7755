// SPDX-License-Identifier: Apache-2.0
// Where a stream of PSNs stands, and which of them are missing.
//
// PSNs are extended to 64 bits around the next one expected, so a wrap is nothing
// special. Invariants: missing ranges are disjoint, ascending and below next; there
// are at most kRangesMax of them, and when one more opens the oldest is given up
// and counted as forgotten.
#pragma once

#include <cstdint>
#include <vector>

#include "bth.h"

namespace emu::wire {

class PsnSpace {
 public:
  static constexpr std::size_t kRangesMax = 64;
  /// A jump further than this is a queue pair set up anew, not a million lost packets.
  static constexpr std::int64_t kJumpMax = 1 << 20;

  enum class Verdict : std::uint8_t {
    kInOrder,   // the one expected (or the first ever)
    kAhead,     // some before it are missing
    kFills,     // it was missing until now
    kRepeated,  // it has been seen before
    kRestarted  // far from everything: the stream begins anew
  };

  struct Missing {
    std::int64_t from;
    std::int64_t to;  // exclusive
    std::int64_t since_ps;
    std::uint64_t number;  // of the packet that showed the gap
    bool refused;          // a NAK asked for it
  };

  bool begun() const { return begun_; }
  std::int64_t next() const { return next_; }
  const std::vector<Missing>& missing() const { return missing_; }
  std::uint64_t gaps() const { return gaps_; }
  std::uint64_t gap_psns() const { return gap_psns_; }
  std::uint64_t restarts() const { return restarts_; }
  std::uint64_t forgotten() const { return forgotten_; }

  std::int64_t extend(std::uint32_t psn) const {
    return next_ + psn_diff(psn, static_cast<std::uint32_t>(next_) & kPsnMask);
  }

  /// The next PSN is not known (behind a READ whose responses cannot be counted):
  /// whatever comes ahead is in order.
  void loosen() { loose_ = true; }

  /// Takes a packet that uses `span` PSNs from `psn`. `filled` is set when it was
  /// missing: the range that it was part of, as it was.
  Verdict take(std::uint32_t psn, std::int64_t span, std::int64_t time_ps, std::uint64_t number,
               std::int64_t& extended, Missing& filled) {
    if (!begun_) {
      begun_ = true;
      next_ = std::int64_t{psn} + kBase;
    }
    extended = extend(psn);
    const std::int64_t ahead = extended - next_;
    if (ahead == 0 || (loose_ && ahead > 0 && ahead <= kJumpMax)) {
      loose_ = false;
      next_ = extended + span;
      return Verdict::kInOrder;
    }
    if (ahead > kJumpMax || ahead < -kJumpMax) {
      missing_.clear();
      ++restarts_;
      loose_ = false;
      next_ = extended + span;
      return Verdict::kRestarted;
    }
    if (ahead > 0) {
      if (missing_.size() == kRangesMax) {
        missing_.erase(missing_.begin());
        ++forgotten_;
      }
      missing_.push_back({next_, extended, time_ps, number, false});
      ++gaps_;
      gap_psns_ += static_cast<std::uint64_t>(ahead);
      next_ = extended + span;
      return Verdict::kAhead;
    }
    if (extended + span > next_) next_ = extended + span;
    if (missing_.empty()) return Verdict::kRepeated;
    return fill(extended, extended + span, filled) ? Verdict::kFills : Verdict::kRepeated;
  }

  /// Is any PSN from `from` to `to` missing?
  bool any_missing(std::int64_t from, std::int64_t to) const {
    for (const Missing& m : missing_) {
      if (m.from <= to && m.to > from) return true;
    }
    return false;
  }

  /// A NAK asked for this PSN: what fills its gap from now on was sent again.
  void refuse(std::int64_t psn) {
    for (Missing& m : missing_) {
      if (m.from <= psn && psn < m.to) m.refused = true;
    }
  }

 private:
  // Extended PSNs stay positive however far a stream reaches back.
  static constexpr std::int64_t kBase = std::int64_t{1} << 40;

  bool fill(std::int64_t from, std::int64_t to, Missing& filled) {
    bool any = false;
    for (std::size_t i = 0; i < missing_.size();) {
      const Missing m = missing_[i];
      if (m.to <= from || m.from >= to) {
        ++i;
        continue;
      }
      any = true;
      filled = m;
      const auto at = missing_.begin() + static_cast<std::ptrdiff_t>(i);
      const bool before = m.from < from;
      const bool behind = m.to > to;
      if (before && behind) {
        at->to = from;
        // One range becomes two; at the limit the upper part is given up.
        if (missing_.size() < kRangesMax) {
          missing_.insert(at + 1, Missing{to, m.to, m.since_ps, m.number, m.refused});
        } else {
          ++forgotten_;
        }
        return true;
      }
      if (before) {
        at->to = from;
        ++i;
      } else if (behind) {
        at->from = to;
        ++i;
      } else {
        missing_.erase(at);
      }
    }
    return any;
  }

  bool begun_ = false;
  bool loose_ = false;
  std::int64_t next_ = 0;
  std::vector<Missing> missing_;
  std::uint64_t gaps_ = 0;
  std::uint64_t gap_psns_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace emu::wire
