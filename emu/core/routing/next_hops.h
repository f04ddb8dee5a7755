// SPDX-License-Identifier: Apache-2.0
// What a switch knows of the equal next hops of a packet, for its policy.
//
// Invariant: queue_bytes() and sent_bytes() are exact at now(), because the port
// is settled first; so no choice depends on who looked at a port before.
#pragma once

#include <cstdint>

#include "../buffer.h"

namespace emu {

class NextHops {
 public:
  NextHops(Lane& lane, Switch& sw, std::uint16_t group, const Packet& packet, Ps now)
      : lane_(lane),
        switch_(sw),
        ports_(lane.ports_.data()),
        queues_(lane.queues_.data() + packet.current_priority()),
        members_(lane.tables_->groups.members(group)),
        packet_(packet),
        now_(now),
        group_(group) {}

  std::uint32_t size() const { return members_.count; }
  std::uint32_t group() const { return group_; }
  Ps now() const { return now_; }
  /// Port among those of the lane.
  std::uint32_t member(std::uint32_t i) const { return members_.ports[i]; }
  /// Port among those of the switch.
  std::uint32_t port_index(std::uint32_t i) const { return members_.ports[i] - switch_.first_port; }
  /// The member that ECMP would take.
  std::uint32_t hashed() const { return hashed(packet_.entropy); }
  std::uint32_t hashed(std::uint32_t entropy) const {
    return hash_member(entropy, switch_.table->hash_seed, members_.count);
  }
  /// The path that was chosen for the packet's queue pair.
  std::uint32_t pin(const Packet& packet) const {
    return packet.qp < lane_.pins_.size() ? lane_.pins_[packet.qp] : 0;
  }
  /// False: the switch knows that the link is down. True before it has noticed.
  bool alive(std::uint32_t i) const { return !port(i).known_down; }
  /// Bytes that wait for the port in the packet's class.
  std::int64_t queue_bytes(std::uint32_t i, const Packet& /*packet*/) const {
    if (port(i).backlog != 0) lane_.settle(switch_, port_index(i), now_);
    return queue(i).bytes;
  }
  /// The same or more, for less.
  std::int64_t queue_bytes_bound(std::uint32_t i, const Packet& /*packet*/) const {
    return queue(i).bytes;
  }
  /// Bytes of link time that the class has taken so far.
  std::uint64_t sent_bytes(std::uint32_t i, const Packet& /*packet*/) const {
    if (port(i).backlog != 0) lane_.settle(switch_, port_index(i), now_);
    return queue(i).tx_bytes;
  }
  /// Time that the port takes to send `bytes`.
  Ps time_of(std::uint32_t i, std::int64_t bytes) const { return port(i).rate.time_of(bytes); }
  /// Grade of what waits behind the next hop, on the way to the packet's
  /// destination, as far as it is known here.
  std::uint32_t remote_grade(std::uint32_t i, const Packet& packet) const {
    return lane_.remote_->grade(members_.ports[i], packet.route);
  }

 private:
  const Port& port(std::uint32_t i) const { return ports_[members_.ports[i]]; }
  const EgressQueue& queue(std::uint32_t i) const {
    return queues_[std::size_t{members_.ports[i]} * kPriorities];
  }

  Lane& lane_;
  Switch& switch_;
  const Port* ports_;
  const EgressQueue* queues_;  // of the packet's class
  Groups::Members members_;
  const Packet& packet_;
  Ps now_;
  std::uint32_t group_;
};

}  // namespace emu
