// SPDX-License-Identifier: Apache-2.0
// What the engine asks, and what comes back from the real pipelines.
#include "emu/lab/native/traffic_manager.h"

#include <algorithm>
#include <cmath>

#include "emu/core/wire/bytes.h"
#include "emu/core/wire/icrc.h"
#include "emu/core/wire/pfc.h"

namespace emu::lab {

namespace {
// Packet::route once a frame belongs to the packet: Packet::entropy then says which.
constexpr std::uint16_t kFramed = 0xFFF0;  // a frame's number: the packet waits in a queue
constexpr std::uint16_t kFlying = 0xFFF1;  // a flight's number: it is on a wire or in a pipeline
constexpr std::size_t kBuckets = 1 << 16;
constexpr std::size_t kExamplesMax = 1000;
/// Copies of a flooded packet may trail behind the first for so long.
constexpr std::int64_t kCopiesNs = 50'000'000;

std::uint64_t with_node(std::uint64_t key, std::uint32_t node) {
  return key ^ mix64(0x10ab'0000'0000ULL + node);
}
bool is_roce(const std::uint8_t* frame, std::size_t n, const Identity& id) {
  const std::size_t udp = id.inner_at + wire::Ipv4::kBytes;
  return id.ip && n >= udp + wire::Udp::kBytes + wire::Bth::kBytes + wire::kIcrcBytes &&
         frame[id.inner_at] == 0x45 && frame[id.inner_at + 9] == wire::kProtoUdp &&
         wire::load_be16(frame + udp + 2) == wire::kPortRoce;
}
}  // namespace

TrafficManager::TrafficManager(Engine& engine, FramePlan plan, Network& network, Clock& clock,
                               Params params)
    : engine_(engine),
      encoder_(engine, std::move(plan)),
      network_(network),
      clock_(clock),
      params_(std::move(params)),
      buckets_(kBuckets, kNobody) {
  const auto& dscp = encoder_.plan().dscp;
  for (std::uint8_t p = 0; p < kPriorities; ++p) priority_of_dscp_[dscp[p] & 0x3F] = p;
  suspect_.assign(engine.ports().size(), 0);
  Ps link = kNever;
  Ps pipeline = kNever;
  for (const Port& port : engine.ports()) {
    const Port& peer = engine.ports()[port.peer];
    link = std::min(link, port.rate.time_of(kMinFrameBytes) + arrival(peer, port.flight_ps));
    if (engine.nodes()[peer.node].is_switch) {
      pipeline = std::min(pipeline, engine.receive_ps(peer.node));
    }
  }
  step_ =
      std::max<Ps>(link, static_cast<Ps>(1e8 / params_.dilation));  // at least 100 us of wall time
  step_max_ = std::max(step_, pipeline / 4);
  engine_.set_outside(this);
}

TrafficManager::~TrafficManager() { engine_.set_outside(nullptr); }

std::uint32_t TrafficManager::new_frame(const std::uint8_t* bytes, std::size_t n) {
  if (free_frames_.empty()) {
    frames_.emplace_back();
    free_frames_.push_back(static_cast<std::uint32_t>(frames_.size() - 1));
  }
  const std::uint32_t frame = free_frames_.back();
  free_frames_.pop_back();
  frames_[frame].assign(bytes, bytes + n);
  return frame;
}

void TrafficManager::free_frame(std::uint32_t frame) {
  if (frame != kNobody) free_frames_.push_back(frame);
}

std::uint32_t TrafficManager::new_flight() {
  if (free_flights_.empty()) {
    flights_.emplace_back();
    free_flights_.push_back(static_cast<std::uint32_t>(flights_.size() - 1));
  }
  const std::uint32_t number = free_flights_.back();
  free_flights_.pop_back();
  Flight& flight = flights_[number];
  auto out = std::move(flight.out);
  out.clear();
  flight = Flight{};
  flight.out = std::move(out);
  flight.order = ++order_;
  return number;
}

void TrafficManager::free_flight(std::uint32_t number) {
  Flight& flight = flights_[number];
  unlink_flight(number);
  free_frame(flight.frame);
  for (const auto& [port, frame] : flight.out) free_frame(frame);
  flight.frame = kNobody;
  flight.out.clear();
  flight.state = State::kFree;
  flight.order = 0;
  free_flights_.push_back(number);
}

/// Newest last, so that equal packets are matched in the order of their sending.
void TrafficManager::link_flight(std::uint32_t number, std::uint32_t node) {
  Flight& flight = flights_[number];
  flight.key = with_node(flight.identity, node);
  flight.next = kNobody;
  std::uint32_t* at = &buckets_[flight.key % kBuckets];
  while (*at != kNobody) at = &flights_[*at].next;
  *at = number;
}

void TrafficManager::unlink_flight(std::uint32_t number) {
  Flight& flight = flights_[number];
  std::uint32_t* at = &buckets_[flight.key % kBuckets];
  while (*at != kNobody && *at != number) at = &flights_[*at].next;
  if (*at == number) *at = flight.next;
  flight.next = kNobody;
}

/// The oldest that has no answer yet, else the newest: a further copy of it.
std::uint32_t TrafficManager::find_flight(std::uint64_t key) const {
  std::uint32_t newest = kNobody;
  for (std::uint32_t at = buckets_[key % kBuckets]; at != kNobody; at = flights_[at].next) {
    const Flight& flight = flights_[at];
    if (flight.key != key) continue;
    if (flight.state == State::kWaiting || flight.state == State::kLate) return at;
    newest = at;
  }
  return newest;
}

/// The frame of a packet that one of the engine's NICs sends.
void TrafficManager::frame_own(std::uint32_t port, Packet& packet, Ps start) {
  encoder_.encode(Sighting{start, packet, port, true, false}, Payload::kPattern, scratch_);
  std::uint8_t* const bytes = scratch_.data.data();
  const NodeRef& node = engine_.nodes()[engine_.ports()[port].node];
  if (packet.dst != kBroadcast && !params_.next_hop.empty()) {
    std::copy_n(params_.next_hop[node.index].begin(), 6, bytes);
  }
  number_packet(bytes, scratch_.length);
  packet.entropy = new_frame(bytes, scratch_.length);
  packet.route = kFramed;
}

/// Gives a RoCE packet an IP identification of its own, so that a packet that is
/// sent again is told from its lost first copy.
void TrafficManager::number_packet(std::uint8_t* frame, std::size_t n) {
  const Identity id = identify(frame, n);
  if (!is_roce(frame, n, id)) return;
  std::uint8_t* const ip = frame + id.inner_at;
  const std::size_t covered = wire::load_be16(ip + 2) - wire::kIcrcBytes;
  wire::store_be16(ip + 4, ++ip_id_);
  set_ecn(ip, ip[1] & 3);  // repairs the checksum
  wire::icrc_store(ip + covered, wire::icrc(ip, covered));
}

/// Writes into the frame what a queue marked on the packet.
void TrafficManager::mark(const Packet& packet, Bytes& frame) const {
  if ((packet.flags & (kCe | kOuterCe)) == 0) return;
  const Identity id = identify(frame.data(), frame.size());
  if (!id.ip) return;
  const bool marked = (packet.flags & (id.encapsulated ? kOuterCe : kCe)) != 0;
  if (marked && (id.outer_tos & 3) != wire::kCongestionExperienced) {
    set_ecn(frame.data() + id.outer_at, wire::kCongestionExperienced);
  }
}

/// Takes from the frame what the pipeline decided.
void TrafficManager::read_headers(Packet& packet, std::uint32_t number) const {
  const Bytes& frame = frames_[number];
  packet.bytes = static_cast<std::uint16_t>(
      std::max<std::size_t>(kMinFrameBytes, frame.size() + wire::kFcsBytes));
  packet.entropy = number;
  packet.route = kFramed;
  const Identity id = identify(frame.data(), frame.size());
  packet.flags &= static_cast<std::uint8_t>(~(kEct | kCe | kOuterEct | kOuterCe | kEncap));
  if (!id.ip) return;
  const auto flags = [](std::uint8_t tos, std::uint8_t ect, std::uint8_t ce) {
    const std::uint8_t ecn = tos & 3;
    return static_cast<std::uint8_t>((ecn != wire::kNotEct ? ect : 0) |
                                     (ecn == wire::kCongestionExperienced ? ce : 0));
  };
  packet.flags |= flags(id.inner_tos, kEct, kCe);
  if (id.encapsulated) {
    packet.flags |= kEncap;
    packet.flags |= flags(id.outer_tos, kOuterEct, kOuterCe);
  }
  if (packet.kind >= Kind::kArp) return;  // its class is given
  const std::uint8_t outer = priority_of_dscp_[id.outer_tos >> 2];
  const std::uint8_t inner = priority_of_dscp_[id.inner_tos >> 2];
  packet.priority = static_cast<std::uint8_t>(id.encapsulated ? (inner << 4) | outer : outer);
}

void TrafficManager::sent(std::uint32_t port, Packet& packet, Ps start) {
  const Port& here = engine_.ports()[port];
  const Port& peer = engine_.ports()[here.peer];
  const bool from_nic = !is_switch(port);
  const bool own = packet.route != kFramed;  // a NIC's packet that no frame belongs to yet
  if (own) frame_own(port, packet, start);
  const std::uint32_t frame = packet.entropy;
  if (!from_nic) mark(packet, frames_[frame]);
  const std::uint32_t number = new_flight();
  Flight& flight = flights_[number];
  packet.entropy = number;
  packet.route = kFlying;
  flight.packet = packet;
  flight.frame = frame;
  flight.in_port = here.peer;
  flight.at = packet.at;
  flight.due = arrival(peer, packet.at);
  flight.own = packet.kind < Kind::kArp;
  if (tap_ != nullptr) {
    tap_->link_frame(port, start, flight.due, frames_[frame].data(), frames_[frame].size());
  }
  due_.push({flight.due, flight.order, number});
  if (!is_switch(here.peer)) {
    flight.state = State::kDelivery;
    return;
  }
  flight.state = State::kWaiting;
  flight.identity = identify(frames_[frame].data(), frames_[frame].size()).key;
  inside_.emplace(flight.at, number);
  if (own) {
    network_.from_host(port, frames_[frame].data(), frames_[frame].size());
    link_flight(number, here.node);
  } else {
    flight.crossed = true;
    link_flight(number, peer.node);
  }
}

/// MAC control frames end at the next MAC: switches never see them, hosts do.
void TrafficManager::pfc_sent(std::uint32_t port, const PfcFrame& frame, Ps start) {
  const Port& here = engine_.ports()[port];
  const Port& peer = engine_.ports()[here.peer];
  const bool to_nic = !is_switch(here.peer);
  if (is_switch(port) && !to_nic && tap_ == nullptr) return;
  Packet body{};
  body.priority = frame.priority;
  body.psn = frame.quanta;
  body.bytes = kPfcFrameBytes;
  encoder_.encode(Sighting{start, body, port, true, true}, Payload::kPattern, scratch_);
  const Ps due = frame.at - here.pfc_flight_ps + arrival(peer, here.flight_ps);
  if (tap_ != nullptr) tap_->link_frame(port, start, due, scratch_.data.data(), scratch_.length);
  if (!is_switch(port)) network_.from_host(port, scratch_.data.data(), scratch_.length);
  if (!to_nic) return;
  const std::uint32_t number = new_flight();
  Flight& flight = flights_[number];
  flight.state = State::kDelivery;
  flight.frame = new_frame(scratch_.data.data(), scratch_.length);
  flight.in_port = here.peer;
  flight.due = due;
  due_.push({due, flight.order, number});
}

Verdict TrafficManager::forward(std::uint32_t, const Packet& packet, Ps,
                                std::vector<Copy>& copies) {
  Flight& flight = flights_[packet.entropy];
  const std::int64_t wall = clock_.now_ns();
  if (flight.state != State::kAnswered) {
    flight.state = State::kLate;
    flight.packet = packet;
    leaving_.emplace_back(wall + params_.lost_ns, packet.entropy);
    return Verdict::kPending;
  }
  if (flight.own) {
    ++lateness_.in_time;
    if (flight.held) ++lateness_.held;
  }
  for (const auto& [port, frame] : flight.out) {
    Packet copy = packet;
    read_headers(copy, frame);
    copies.emplace_back(port, copy);
  }
  flight.out.clear();
  flight.packet = packet;
  flight.state = State::kGone;
  leaving_.emplace_back(wall + kCopiesNs, packet.entropy);
  return Verdict::kForwarded;
}

void TrafficManager::dropped(std::uint32_t, const Packet& packet, Drop reason) {
  if (packet.entropy == kNone) return;
  if (packet.route == kFramed) {
    free_frame(packet.entropy);
  } else if (packet.route == kFlying && reason == Drop::kLinkDown) {
    if (tap_ != nullptr) {
      const Flight& flight = flights_[packet.entropy];
      tap_->recalled(flight.in_port, flight.due);
    }
    free_flight(packet.entropy);  // on the wire when it died
  }
}

void TrafficManager::received(std::uint32_t port, const std::uint8_t* frame, std::size_t n) {
  if (n < wire::Ethernet::kBytes) return;
  if (wire::load_be16(frame + 12) == wire::kEtherMacControl) return;  // ends at the MAC
  const Identity id = identify(frame, n);
  if (is_switch(port)) {
    from_switch(port, frame, n, id);
  } else {
    from_host(port, frame, n, id);
  }
}

void TrafficManager::from_host(std::uint32_t port, const std::uint8_t* frame, std::size_t n,
                               const Identity& id) {
  const Port& here = engine_.ports()[port];
  const std::uint32_t number = find_flight(with_node(id.key, here.node));
  if (number != kNobody && !flights_[number].crossed) {
    Flight& flight = flights_[number];
    flight.crossed = true;
    frames_[flight.frame].assign(frame, frame + n);
    unlink_flight(number);
    link_flight(number, engine_.ports()[flight.in_port].node);
    if (flight.arrived) inject(number);
    return;
  }
  if (!here.link_up) return;
  ++counters_.foreign_frames;
  Packet packet{};
  packet.entropy = new_frame(frame, n);
  packet.route = kFramed;
  packet.dst = kBroadcast;
  packet.bytes =
      static_cast<std::uint16_t>(std::max<std::size_t>(kMinFrameBytes, n + wire::kFcsBytes));
  packet.set_current_priority(params_.foreign_priority);
  engine_.inject(port, packet);
}

void TrafficManager::from_switch(std::uint32_t port, const std::uint8_t* frame, std::size_t n,
                                 const Identity& id) {
  const std::uint32_t number = find_flight(with_node(id.key, engine_.ports()[port].node));
  if (number == kNobody || !flights_[number].injected) {
    carry_control(port, frame, n);
    return;
  }
  ++counters_.frames_out;
  Flight& flight = flights_[number];
  suspect_[flight.in_port] = 0;
  const std::uint32_t own = new_frame(frame, n);
  if (flight.state == State::kWaiting || flight.state == State::kAnswered) {
    if (flight.state == State::kWaiting && flight.own) {
      lateness_.turnaround.add(clock_.now_ns() - flight.inside_ns);
    }
    flight.state = State::kAnswered;
    flight.out.emplace_back(port, own);
  } else {
    late_answer(flight, port, own);
  }
}

/// The engine has gone on without it: the packet joins its queue now.
void TrafficManager::late_answer(Flight& flight, std::uint32_t port, std::uint32_t frame) {
  const bool again = flight.state == State::kGone;
  Packet packet = flight.packet;
  packet.entropy = kNone;
  if (flight.own && again) ++lateness_.late_copies;
  if (flight.own && !again) {
    lateness_.turnaround.add(clock_.now_ns() - flight.inside_ns);
    const Ps by = engine_.now() - flight.at;
    ++lateness_.late;
    lateness_.late_ps += by;
    lateness_.amount.add(by);
    lateness_.late_ps_max = std::max(lateness_.late_ps_max, by);
    if (lateness_.examples.size() < kExamplesMax) {
      lateness_.examples.push_back({flight.at, by, flight.in_port, packet.qp, packet.psn,
                                    static_cast<std::uint8_t>(packet.kind)});
    }
  }
  flight.state = State::kGone;
  Packet copy = packet;
  read_headers(copy, frame);
  std::vector<Copy> copies{{port, copy}};
  engine_.admit_outside(flight.in_port, packet, copies, again);
}

/// What no packet of ours explains was made by the switch itself: routing
/// protocols, discovery, answers to ARP. These are not part of the fabric's
/// time, so they cross at once.
void TrafficManager::carry_control(std::uint32_t port, const std::uint8_t* frame, std::size_t n) {
  const Port& here = engine_.ports()[port];
  if (!here.link_up) return;
  ++counters_.control_frames;
  network_.to_node(here.peer, frame, n);
}

void TrafficManager::inject(std::uint32_t number) {
  Flight& flight = flights_[number];
  const Bytes& frame = frames_[flight.frame];
  flight.injected = true;
  flight.inside_ns = clock_.now_ns();
  if (flight.own) {
    ++lateness_.packets;
    lateness_.injection.add(flight.inside_ns - wall_of(flight.due));
  }
  ++counters_.frames_in;
  network_.to_node(flight.in_port, frame.data(), frame.size());
  free_frame(flight.frame);
  flight.frame = kNobody;
}

void TrafficManager::deliver(std::uint32_t number) {
  const Flight& flight = flights_[number];
  const Bytes& frame = frames_[flight.frame];
  ++counters_.delivered_frames;
  const Identity id = identify(frame.data(), frame.size());
  if (is_roce(frame.data(), frame.size(), id)) {
    const std::uint8_t* const ip = frame.data() + id.inner_at;
    const std::size_t n = wire::load_be16(ip + 2);
    const bool whole = n >= wire::kIcrcBytes && id.inner_at + n <= frame.size();
    if (!whole ||
        wire::icrc_load(ip + n - wire::kIcrcBytes) != wire::icrc(ip, n - wire::kIcrcBytes)) {
      ++counters_.bad_icrc;
    }
  }
  network_.to_node(flight.in_port, frame.data(), frame.size());
  free_flight(number);
}

/// The pipeline gave nothing back.
void TrafficManager::give_up(std::uint32_t number) {
  Flight& flight = flights_[number];
  Packet packet = flight.packet;
  packet.entropy = kNone;
  if (flight.own) {
    ++lateness_.lost;
    swallowed_.emplace_back(flight.in_port, flight.at);
    suspect_[flight.in_port] = 1;
  } else {
    ++counters_.consumed_frames;
  }
  engine_.drop_outside(flight.in_port, packet, flight.own);
  free_flight(number);
}

}  // namespace emu::lab
