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
#include <vector>

#include "fifo.h"
#include "packet.h"
#include "units.h"

namespace emu {

struct Arrival {
  std::uint64_t key = 0;     // the order: time in the window, port, pauses first
  Packet* packet = nullptr;  // null: the next pause frame of its port
  Arrival* next = nullptr;   // in its list
  std::uint32_t out = 0;     // what the caller noted: where the packet will go

  std::uint32_t port() const { return static_cast<std::uint32_t>(key >> 1) & 0xFFFU; }
};

class Arrivals {
 public:
  /// Starts a window of [base, base + window_ps) that brings at most `most`.
  void begin(Ps base, Ps window_ps, std::size_t most) {
    base_ = base;
    const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(window_ps - 1)));
    shift_ = std::max(0, bits - kListBits) + kTimeShift;
    if (most > arrivals_.size()) arrivals_.resize(std::bit_ceil(most));
    last_ = arrivals_.data();
  }
  /// Adds one that comes in the window. Those of one port come in their order.
  void add(Ps at, std::uint32_t port, Packet* packet, std::uint32_t out) {
    last_ = put(last_, at, base_, shift_, port, packet, out);
  }
  /// Adds the packets of a box that come before `limit`, each with what `note(packet)`
  /// says of it; returns how many. The port is that in packet.ingress.
  template <typename Note>
  [[gnu::always_inline]] std::uint32_t add_all(PacketFifo& box, Ps limit, Note note) {
    const Ps base = base_;
    const int shift = shift_;
    Arrival* own = last_;
    for (Packet& packet : box) {
      if (packet.at >= limit) [[unlikely]]
        continue;
      own = put(own, packet.at, base, shift, packet.ingress, &packet, note(packet));
    }
    const auto count = static_cast<std::uint32_t>(own - last_);
    last_ = own;
    return count;
  }

  /// Calls `visit(arrival, at)` for each in order, and forgets them.
  template <typename Visit>
  void drain(Visit visit) {
    const Ps base = base_;
    for (std::uint32_t w = 0; w < used_.size(); ++w) {
      for (std::uint64_t bits = used_[w]; bits != 0; bits &= bits - 1) {
        const auto list = w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
        const Arrival* arrival = heads_[list];
        heads_[list] = nullptr;
        for (; arrival != nullptr; arrival = arrival->next) {
          visit(*arrival, base + static_cast<Ps>(arrival->key >> kTimeShift));
        }
      }
      used_[w] = 0;
    }
  }

 private:
  [[gnu::always_inline]] Arrival* put(Arrival* own, Ps at, Ps base, int shift, std::uint32_t port,
                                      Packet* packet, std::uint32_t out) {
    const std::uint64_t key = static_cast<std::uint64_t>(at - base) << kTimeShift |
                              std::uint64_t{port} << 1 | (packet != nullptr ? 1 : 0);
    const std::uint64_t list = key >> shift;
    Arrival** link = &heads_[list];
    used_[list >> 6] |= 1ULL << (list & 63);
    Arrival* other = *link;
    while (other != nullptr && other->key <= key) {
      link = &other->next;
      other = *link;
    }
    own->key = key;
    own->packet = packet;
    own->next = other;
    own->out = out;
    *link = own;
    return own + 1;
  }

  static constexpr int kListBits = 9;
  static constexpr int kTimeShift = 13;  // below: 12 bits for the port, one for the kind

  Ps base_ = 0;
  int shift_ = 0;
  Arrival* last_ = nullptr;  // the first one that is free
  std::vector<Arrival> arrivals_;
  std::array<Arrival*, 1U << kListBits> heads_{};
  std::array<std::uint64_t, (1U << kListBits) / 64> used_{};  // bit by list: it may hold some
};

}  // namespace emu
