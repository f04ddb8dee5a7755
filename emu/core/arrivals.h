// SPDX-License-Identifier: Apache-2.0
// What a switch's wires bring in one window, in canonical order.
//
// Invariant: by time, then port; of one port pause frames before packets, and
// either in the order of the wire. Arrivals are kept in short lists by coarse
// time: a list holds about one, so that finding its place costs next to nothing.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "packet.h"
#include "ring.h"
#include "units.h"

namespace emu {

struct Arrival {
  Ps at = 0;
  Packet* packet = nullptr;  // null: the next pause frame of its port
  Arrival* next = nullptr;   // in its list
  std::uint32_t port = 0;
};

class Arrivals {
 public:
  /// Starts a window of [base, base + window_ps) that brings at most `most`.
  void begin(Ps base, Ps window_ps, std::size_t most) {
    base_ = base;
    const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(window_ps - 1)));
    shift_ = std::max(0, bits - kListBits);
    if (most > arrivals_.size()) arrivals_.resize(std::bit_ceil(most));
    last_ = arrivals_.data();
  }
  /// Adds what a wire brings before `limit`; returns how many. Ports in order,
  /// and of each its pause frames before its packets.
  template <typename Frame>
  std::uint32_t take(std::uint32_t port, Ring<Frame>& wire, Ps limit) {
    const Ps base = base_;
    const int shift = shift_;
    const std::uint32_t size = wire.size();
    Arrival* own = last_;
    std::uint32_t n = 0;
    for (; n < size; ++n, ++own) {
      Frame& frame = wire[n];
      const Ps at = frame.at;
      if (at >= limit) break;
      const auto list = static_cast<std::uint32_t>((at - base) >> shift);
      own->at = at;
      own->port = port;
      if constexpr (std::is_same_v<Frame, Packet>) {
        own->packet = &frame;
      } else {
        own->packet = nullptr;
      }
      Arrival** link = &heads_[list];
      used_[list >> 6] |= 1ULL << (list & 63);
      // Among equal times the new one is the last.
      while (*link != nullptr && (*link)->at <= at) link = &(*link)->next;
      own->next = *link;
      *link = own;
    }
    last_ = own;
    return n;
  }

  /// Calls `visit(arrival)` for each in order, and forgets them.
  template <typename Visit>
  void drain(Visit visit) {
    for (std::uint32_t w = 0; w < used_.size(); ++w) {
      for (std::uint64_t bits = used_[w]; bits != 0; bits &= bits - 1) {
        const auto list = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
        const Arrival* arrival = heads_[list];
        heads_[list] = nullptr;
        for (; arrival != nullptr; arrival = arrival->next) visit(*arrival);
      }
      used_[w] = 0;
    }
  }

 private:
  static constexpr int kListBits = 9;

  Ps base_ = 0;
  int shift_ = 0;
  Arrival* last_ = nullptr;  // the first one that is free
  std::vector<Arrival> arrivals_;
  std::array<Arrival*, 1U << kListBits> heads_{};
  std::array<std::uint64_t, (1U << kListBits) / 64> used_{};  // bit by list: it may hold some
};

}  // namespace emu
