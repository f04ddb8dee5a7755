// SPDX-License-Identifier: Apache-2.0
// The calendar of windows: which nodes have something to do in which window.
//
// Invariant: a window is no longer than the shortest time in which one node
// can affect another, so that inside a window nodes are independent and may be
// visited in any order. There is no global event queue: a node that has work
// in a window has its bit set in that window's bucket, however much it is.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "units.h"

namespace emu {

class Calendar {
 public:
  static constexpr std::uint32_t kBuckets = 256;

  Calendar() = default;
  Calendar(std::uint32_t nodes, Ps window_ps)
      : window_ps_(window_ps),
        end_(window_ps),
        words_((nodes + 63) / 64),
        bits_(static_cast<std::size_t>(words_) * kBuckets),
        any_(kBuckets),
        far_at_(nodes, kNever) {}

  Ps window_ps() const { return window_ps_; }
  Ps start() const { return end_ - window_ps_; }
  Ps end() const { return end_; }

  /// How many windows `at` lies ahead; 0 in the current one.
  std::uint64_t ahead(Ps at) const {
    const Ps after = at - end_;
    if (after < 0) return 0;
    if (after < window_ps_) return 1;
    if (after < 2 * window_ps_) return 2;
    return static_cast<std::uint64_t>((at - start()) / window_ps_);
  }
  /// Number of the current window, which counts up and wraps at kBuckets.
  std::uint32_t number() const { return current_; }

  /// Node has work at `at`, which is not before the current window.
  void wake(std::uint32_t node, Ps at) {
    const std::uint64_t windows = ahead(at);
    if (windows < kBuckets) {
      wake_in(node, windows);
    } else if (at != far_at_[node]) {
      // Not only the earliest: on a long cable each arrival needs its own.
      far_at_[node] = std::min(far_at_[node], at);
      far_.emplace(at, node);
    }
  }
  /// Node has work so many windows ahead: less than kBuckets.
  void wake_in(std::uint32_t node, std::uint64_t ahead) {
    const auto bucket = static_cast<std::uint32_t>((current_ + ahead) % kBuckets);
    bits_[static_cast<std::size_t>(bucket) * words_ + (node >> 6)] |= 1ULL << (node & 63);
    buckets_used_ += any_[bucket] == 0 ? 1U : 0U;
    any_[bucket] = 1;
  }

  /// Calls `visit(node)` for every node of the current window, in node order,
  /// and forgets them. Nodes may wake themselves and others meanwhile. A little
  /// before a node's turn comes it is announced with `soon(node)`, or not at all.
  template <typename Visit, typename Soon>
  void drain(Visit visit, Soon soon) {
    if (any_[current_] == 0) return;
    any_[current_] = 0;
    --buckets_used_;
    std::uint64_t* words = &bits_[static_cast<std::size_t>(current_) * words_];
    for (std::uint32_t w = 0; w < words_; ++w) {
      std::uint64_t bits = std::exchange(words[w], 0);
      while (bits != 0) {
        const auto node = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
        bits &= bits - 1;
        if (bits != 0) soon(w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
        visit(node);
      }
    }
  }

  template <typename Visit>
  void drain(Visit visit) {
    drain(visit, [](std::uint32_t) {});
  }

  /// Begins to hand out the current window by take(), in the place of drain().
  void open() {
    if (any_[current_] == 0) return;
    any_[current_] = 0;
    --buckets_used_;
  }
  /// Nodes of the current window by word: bit i is node word * 64 + i. Forgets them.
  std::uint64_t take(std::uint32_t word) {
    return std::exchange(bits_[static_cast<std::size_t>(current_) * words_ + word], 0);
  }

  void advance() {
    current_ = (current_ + 1) % kBuckets;
    end_ += window_ps_;
    pull_far();
  }

  /// Earliest time at which any node has work, to within its window.
  Ps next_work() const {
    if (any_[current_] != 0) return start();
    if (buckets_used_ != 0) return end_;
    return far_.empty() ? kNever : far_.top().first;
  }

  /// No node has work before the far future.
  bool idle() const { return buckets_used_ == 0; }

  /// Skips idle windows up to the one that holds `at`. Requires that no bucket
  /// is in use.
  void skip_to(Ps at) {
    if (at < end_) return;
    end_ += (at - start()) / window_ps_ * window_ps_;
    pull_far();
  }

 private:
  void pull_far() {
    while (!far_.empty() && far_.top().first < end_ + window_ps_ * (kBuckets - 2)) {
      const auto [at, node] = far_.top();
      far_.pop();
      if (far_at_[node] == at) far_at_[node] = kNever;
      wake(node, at);
    }
  }

  Ps window_ps_ = 1;
  Ps end_ = 1;
  std::uint32_t words_ = 0;
  std::uint32_t current_ = 0;
  std::uint32_t buckets_used_ = 0;
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint8_t> any_;
  using Far = std::pair<Ps, std::uint32_t>;
  std::priority_queue<Far, std::vector<Far>, std::greater<>> far_;
  std::vector<Ps> far_at_;  // by node: its earliest entry in far_
};

}  // namespace emu
