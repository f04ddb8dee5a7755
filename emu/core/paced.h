// SPDX-License-Identifier: Apache-2.0
// The queue pairs of one NIC port that wait for their pacing gap.
//
// Invariant: the first in order of (time, queue pair) stands apart from the
// heap. A port mostly paces one queue pair, which then costs no heap operation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "units.h"

namespace emu {

class PacedQueue {
 public:
  using Entry = std::pair<Ps, std::uint32_t>;

  bool empty() const { return first_.first == kNever; }
  const Entry& top() const { return first_; }
  void push(Ps at, std::uint32_t qp) {
    Entry entry{at, qp};
    if (entry < first_) std::swap(entry, first_);
    if (entry.first == kNever) return;  // it was empty
    rest_.push_back(entry);
    std::push_heap(rest_.begin(), rest_.end(), std::greater<>());
  }
  void pop() {
    first_ = kNone;
    if (rest_.empty()) return;
    std::pop_heap(rest_.begin(), rest_.end(), std::greater<>());
    first_ = rest_.back();
    rest_.pop_back();
  }
  void clear() {
    first_ = kNone;
    rest_.clear();
  }

 private:
  static constexpr Entry kNone{kNever, 0};
  Entry first_ = kNone;
  std::vector<Entry> rest_;
};

}  // namespace emu
