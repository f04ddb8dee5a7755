// SPDX-License-Identifier: Apache-2.0
// A train: packets that one port sends one after the other, while nothing else
// happens to it.
//
// Invariant: what is on the wires, in the port and in the totals after end() is what
// Lane::transmit() would have left there packet by packet. For ports with a whole
// number of picoseconds per byte, whose packets all arrive (not port.impaired).
#pragma once

#include "link.h"

namespace emu {

class Train {
 public:
  Train(Lane& lane, Port& port, Ps free) : free_(free), lane_(lane), port_(port) {
    gap_ps_ = lane.framing_.gap_bytes * Ps{port.rate.ps_per_byte};
  }
  /// Sends a packet at `start`, not before free(). The caller may change what is on the
  /// wire, but neither length nor time.
  [[gnu::always_inline]] Packet& send(const Packet& packet, Ps start) {
    const Ps bytes = packet.bytes;
    ++packets_;
    bytes_ += packet.bytes;
    free_ = start + gap_ps_ + bytes * Ps{port_.rate.ps_per_byte};
    const Ps at = start + port_.arrival_ps + bytes * Ps{port_.arrival_ps_per_byte};
    if (at >= box_until_) [[unlikely]]
      open_box(at);
    Packet& on_wire = box_->push_slot(lane_.pool_);
    on_wire = packet;
    on_wire.at = at;
    on_wire.ingress = port_.peer_index;
    return on_wire;
  }
  /// When the next packet can start.
  Ps free() const { return free_; }
  std::uint64_t packets() const { return packets_; }
  /// Frames alone.
  std::uint64_t bytes() const { return bytes_; }
  /// Frames and gaps.
  std::uint64_t wire_bytes() const {
    return bytes_ + packets_ * static_cast<std::uint64_t>(lane_.framing_.gap_bytes);
  }
  /// It has sent some, and no more follows.
  void end() {
    port_.next_free = free_;
    lane_.totals_.packet_hops += packets_;
    lane_.totals_.wire_bytes += static_cast<std::int64_t>(wire_bytes());
    while (!lane_.far_.empty()) [[unlikely]] {
      lane_.put_on_long_wire(port_, lane_.far_.front(), lane_.far_.front().at);
      lane_.far_.pop(lane_.pool_);
    }
  }

 private:
  /// The box for what the peer acts on at `at`; far_ if no box is so far ahead.
  [[gnu::always_inline]] void open_box(Ps at) {
    const Calendar& calendar = lane_.calendar_;
    const std::uint64_t ahead = calendar.ahead(at);
    if (ahead >= Inboxes::kWindows) [[unlikely]] {
      box_ = &lane_.far_;
      box_until_ = kNever;
      return;
    }
    const auto window = static_cast<std::uint32_t>(calendar.number() + ahead);
    box_ = &lane_.inboxes_.box(port_.peer_slot, window);
    if (box_->empty()) lane_.calendar_.wake_in(port_.peer_slot, ahead);
    box_until_ = calendar.end() + static_cast<Ps>(ahead) * calendar.window_ps();
  }

  PacketFifo* box_ = nullptr;
  Ps box_until_ = 0;
  Ps gap_ps_ = 0;
  Ps free_;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
  Lane& lane_;
  Port& port_;
};

}  // namespace emu
