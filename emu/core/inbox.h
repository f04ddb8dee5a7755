// SPDX-License-Identifier: Apache-2.0
// What is on the wires, by the node that it reaches and by window.
//
// Invariant: a packet stands in its receiver's box of the window in which the
// receiver acts on it (packet.at), with the port by which it comes in
// packet.ingress. Boxes are not sorted, but packets of one port are in order.
// What comes later than any box waits apart until its window is the current one.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <tuple>
#include <vector>

#include "fifo.h"
#include "large.h"
#include "packet.h"
#include "units.h"

namespace emu {

class Inboxes {
 public:
  static constexpr std::uint32_t kWindows = 8;  // boxes of a node: this many windows

  void resize(std::uint32_t nodes) { boxes_.resize(std::size_t{nodes} * kWindows); }
  /// Box of a node for the window with this number.
  PacketFifo& box(std::uint32_t node, std::uint32_t window) {
    return boxes_[std::size_t{node} * kWindows + window % kWindows];
  }
  /// A packet for a window that has no box yet.
  void keep(std::uint32_t node, const Packet& packet) { later_.push({packet, node}); }
  /// Puts what waited for the window that ends at `end` into its boxes.
  void sort_in(PacketPool& pool, std::uint32_t window, Ps end) {
    while (!later_.empty() && later_.top().packet.at < end) [[unlikely]] {
      box(later_.top().node, window).push(pool, later_.top().packet);
      later_.pop();
    }
  }

  /// Calls `visit(node, packet)` for all, in no order but that of each port.
  template <typename Visit>
  void for_each(Visit visit) const;
  /// Takes out what comes to a node and `lost(packet)` says so: in order of windows.
  template <typename Lost>
  void remove(PacketPool& pool, std::uint32_t node, std::uint32_t window, Lost lost);

 private:
  struct Later {
    Packet packet;
    std::uint32_t node;
    bool operator>(const Later& other) const {
      return std::tie(packet.at, node, packet.ingress) >
             std::tie(other.packet.at, other.node, other.packet.ingress);
    }
  };
  using Waiting = std::priority_queue<Later, std::vector<Later>, std::greater<>>;

  LargeVector<PacketFifo> boxes_;  // node * kWindows + number of the window
  Waiting later_;
};

template <typename Visit>
void Inboxes::for_each(Visit visit) const {
  for (std::size_t i = 0; i < boxes_.size(); ++i) {
    for (const Packet& packet : boxes_[i]) visit(static_cast<std::uint32_t>(i / kWindows), packet);
  }
  for (Waiting left = later_; !left.empty(); left.pop()) visit(left.top().node, left.top().packet);
}

template <typename Lost>
void Inboxes::remove(PacketPool& pool, std::uint32_t node, std::uint32_t window, Lost lost) {
  for (std::uint32_t ahead = 0; ahead < kWindows; ++ahead) {
    box(node, window + ahead).filter(pool, [&](const Packet& packet) { return !lost(packet); });
  }
  Waiting kept;
  for (; !later_.empty(); later_.pop()) {
    if (later_.top().node != node || !lost(later_.top().packet)) kept.push(later_.top());
  }
  later_ = std::move(kept);
}

}  // namespace emu
