// SPDX-License-Identifier: Apache-2.0
// What a switch's wires bring in one window, by the port that it will leave by.
//
// Invariant: a port's list is in canonical order: by time, then by ingress port, and
// of one ingress port in the order of the wire. Wires bring runs of packets that are
// in order already, so a packet's place is next to that of the one before.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "packet.h"
#include "units.h"

namespace emu {

/// A packet that has come in and is still where it came in.
struct Comer {
  Ps at = 0;
  Packet* packet = nullptr;
  Comer* next = nullptr;    // of those that leave by the same port
  std::uint32_t group = 0;  // priority group that it came in by: port * 8 + priority
  std::uint32_t size = 0;   // buffer that it takes

  /// Does it come before one that comes by another wire?
  bool before(Ps other_at, std::uint32_t other_group) const {
    return at < other_at || (at == other_at && group < other_group);
  }
};

class ByPort {
 public:
  struct List {
    Comer* first = nullptr;
    Comer* last = nullptr;
    std::uint32_t priorities = 0;  // bit p: priority p is among them
  };

  /// Starts a window at a switch with so many ports that brings at most `most` packets.
  void begin(std::uint32_t ports, std::size_t most) {
    if (ports > lists_.size()) lists_.resize(ports);
    if (most > comers_.size()) comers_.resize(std::bit_ceil(most));
    end_ = comers_.data();
  }
  /// Adds one; `before` is the one before it of the same wire if that leaves by the
  /// same port.
  [[gnu::always_inline]] Comer* add(List& list, Comer* before, Packet* packet, std::uint32_t group,
                                    std::uint32_t size) {
    Comer* own = end_++;
    own->at = packet->at;
    own->packet = packet;
    own->group = group;
    own->size = size;
    if (list.last != nullptr && !list.last->before(own->at, group)) [[unlikely]] {
      Comer** link = before == nullptr ? &list.first : &before->next;
      while ((*link)->before(own->at, group)) link = &(*link)->next;
      own->next = *link;
      *link = own;
      return own;
    }
    own->next = nullptr;
    (list.last == nullptr ? list.first : list.last->next) = own;
    list.last = own;
    return own;
  }
  List& list(std::uint32_t port) {
    used_[port >> 6] |= 1ULL << (port & 63);
    return lists_[port];
  }
  /// Ports 64 * w and up that have a list, as bits; forgets which.
  std::uint64_t take_used(std::uint32_t w) { return std::exchange(used_[w], 0); }
  /// The list of a port; forgets it.
  List take(std::uint32_t port) { return std::exchange(lists_[port], List{}); }

  std::uint32_t size() const { return static_cast<std::uint32_t>(end_ - comers_.data()); }
  Comer* begin() { return comers_.data(); }
  Comer* end() { return end_; }

 private:
  Comer* end_ = nullptr;
  std::vector<Comer> comers_;
  std::vector<List> lists_;                                       // by port
  std::array<std::uint64_t, IngressTag::kPortsMax / 64> used_{};  // bit by port
};

}  // namespace emu
