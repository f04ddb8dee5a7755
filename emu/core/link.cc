// SPDX-License-Identifier: Apache-2.0
// What both kinds of node do with a port: losses, and pause frames.
#include "link.h"

#include <algorithm>
#include <stdexcept>

#include "engine.h"

namespace emu {

void Lane::count_drop(std::uint32_t port, const Packet& packet, Drop reason) {
  if (!own(ports_[port].node)) {
    out_.drops.push_back({port, packet, reason});
    return;
  }
  const auto r = static_cast<std::size_t>(reason);
  DropCounts& here = drops_[port];
  if (here.packets[r] == 0) {
    record(now_, EventKind::kFirstDrop, ports_[port].node, port, static_cast<std::uint32_t>(r));
  }
  ++here.packets[r];
  here.bytes[r] += packet.bytes;
  if (reason == Drop::kEgressLimit) ++here.queue_packets[packet.current_priority()];
  if (reason == Drop::kHeadroomExceeded || reason == Drop::kBufferFull) {
    ++here.group_packets[IngressTag::priority(packet.ingress)];
  }
  ++totals_.drop_packets[r];
  totals_.drop_bytes[r] += packet.bytes;
  if (outside_ != nullptr) outside_->dropped(port, packet, reason);
}

void Lane::record(Ps at, EventKind kind, std::uint32_t node, std::uint32_t port,
                  std::uint32_t detail) {
  events_.push_back({at, kind, node, port, detail});
}

void Lane::tell(const Sighting& sighting) {
  alone_ ? observer_->see(sighting, calendar_.start()) : out_.sightings.push_back(sighting);
}

/// Tells the observer what leaves the port at `start` and, unless it is lost on
/// the way, what reaches the peer.
void Lane::show(const Port& port, const Packet& packet, Ps start, bool arrives) {
  Sighting sighting{start, packet, ports_[port.peer].peer, true, false};
  if ((port.watched & kWatchedHere) != 0) tell(sighting);
  if (!arrives || (port.watched & kWatchedThere) == 0) return;
  const Ps whole = port.rate.time_of(packet.bytes + framing_.preamble_bytes);
  sighting.at = start + whole + port.flight_ps - receive_ps_[port.peer_node];
  sighting.port = port.peer;
  sighting.outbound = false;
  tell(sighting);
}

void Lane::show_pfc(const Port& port, std::uint8_t priority, std::uint32_t quanta, Ps start) {
  Sighting sighting{start, Packet{}, ports_[port.peer].peer, true, true};
  sighting.packet.priority = priority;
  sighting.packet.psn = quanta;
  sighting.packet.bytes = static_cast<std::uint16_t>(framing_.pfc_bytes);
  if ((port.watched & kWatchedHere) != 0) tell(sighting);
  if (!port.link_up || (port.watched & kWatchedThere) == 0) return;
  const Ps sent = start + port.rate.time_of(framing_.pfc_bytes + framing_.preamble_bytes);
  sighting.at = sent + port.flight_ps - receive_ps_[port.peer_node];
  sighting.packet.at = sent + port.pfc_flight_ps;
  sighting.port = port.peer;
  sighting.outbound = false;
  tell(sighting);
}

/// Shows the frames of these ports, in both directions, to the observer, until
/// unwatch(). Calls add up.
void Engine::watch(Observer& observer, const std::vector<std::uint32_t>& ports) {
  if (observer_ != nullptr && observer_ != &observer) {
    throw std::logic_error("an engine has one observer");
  }
  observer_ = &observer;
  for (const std::uint32_t number : ports) {
    Port& here = ports_.at(number);
    Port& there = ports_[here.peer];
    here.watched |= kWatchedHere;
    there.watched |= kWatchedThere;
    here.note_impairment();
    there.note_impairment();
  }
}

void Engine::unwatch() {
  observer_ = nullptr;
  for (Port& port : ports_) {
    port.watched &= kRecorded;
    port.note_impairment();
  }
}

void Engine::set_recorder(Recorder* recorder, bool departures, bool pauses) {
  if (recorder != nullptr && recorder_ != nullptr && recorder_ != recorder) {
    throw std::logic_error("an engine has one recorder");
  }
  if (recorder != nullptr && (departures || pauses) && threads_ > 1) {
    throw std::logic_error("who records departures or pauses needs an engine of one thread");
  }
  recorder_ = recorder;
  for (Port& port : ports_) {
    port.watched &= static_cast<std::uint8_t>(~kRecorded);
    if (recorder != nullptr && departures) port.watched |= kRecorded;
    port.note_impairment();
  }
}

/// Sends a packet, which acts on the peer at packet.at, on a link that has a
/// fault or that somebody is told of.
void Lane::transmit_closely(Port& port, Packet packet, Ps start) {
  if (survives(port, packet, start)) put_on_wire(port, packet, packet.at);
}

/// The same where the packet comes later than any window that has a box.
void Lane::put_on_long_wire(const Port& port, Packet packet, Ps at) {
  packet.at = at;
  packet.ingress = port.peer_index;
  inboxes_.keep(port.peer_slot, packet);
  calendar_.wake(port.peer_slot, at);
}

/// What becomes of a packet on a link that has a fault or that somebody is told
/// of; counts it if it is lost.
bool Lane::survives(Port& port, Packet& packet, Ps start) {
  const bool arrives = passes(port, packet);
  if (!arrives) note_wire_loss(ports_[port.peer].peer, packet);
  // What a black hole takes never left the switch.
  if (port.watched != 0 && (arrives || !port.black_hole)) show(port, packet, start, arrives);
  if ((port.watched & kRecorded) != 0) {
    recorder_->departs(ports_[port.peer].peer, packet, start, arrives);
  }
  if (port.outside && arrives) outside_->sent(ports_[port.peer].peer, packet, start);
  return arrives;
}

void Lane::note_wire_loss(std::uint32_t number, const Packet& packet) {
  ++drops_[number].wire_packets;
  drops_[number].wire_bytes += packet.bytes;
}

/// Is one of the codewords bad that a frame lies in? It begins anywhere in its
/// first one.
bool Lane::codeword_fails(Port& port, std::uint32_t number, const Packet& packet) {
  const CodewordLoss& fec = codeword_loss_[number];
  const std::uint64_t seed = seed_ ^ 0xfec;
  const auto start = static_cast<std::uint32_t>(
      (std::uint64_t{draw32(seed, number, port.loss_draws++)} * fec.bytes) >> 32);
  const std::uint32_t length = packet.bytes + static_cast<std::uint32_t>(framing_.preamble_bytes);
  const std::size_t words = (start + length - 1) / fec.bytes;  // beyond the first
  const std::uint64_t lost = fec.lost_q32[std::min(words, fec.lost_q32.size() - 1)];
  return draw32(seed, number, port.loss_draws++) < lost;
}

/// Decides the fate of a packet on an impaired link; counts it if it is lost.
bool Lane::passes(Port& port, const Packet& packet) {
  const std::uint32_t number = ports_[port.peer].peer;
  if (!port.link_up) {
    count_drop(number, packet, Drop::kLinkDown);
    return false;
  }
  if (port.black_hole) {
    const auto& routes = hole_routes_[number];
    if (routes.empty() || std::find(routes.begin(), routes.end(), packet.dst) != routes.end()) {
      count_drop(number, packet, Drop::kBlackHole);
      return false;
    }
  }
  const auto lost = static_cast<std::uint8_t>(port.lost | port.to->lost);
  if ((lost >> packet.current_priority() & 1) != 0) {
    count_drop((port.lost >> packet.current_priority() & 1) != 0 ? number : port.peer, packet,
               Drop::kPfcWatchdog);
    return false;
  }
  if (port.peer_takes_bytes != 0 && packet.bytes > port.peer_takes_bytes) {
    count_drop(port.peer, packet, Drop::kMtuExceeded);
    return false;
  }
  if (port.uncorrected && codeword_fails(port, number, packet)) {
    count_drop(number, packet, Drop::kLinkError);
    return false;
  }
  if (port.loss_q32 != 0 && draw32(seed_ ^ 0x10ad, number, port.loss_draws++) < port.loss_q32) {
    count_drop(number, packet, Drop::kLinkError);
    return false;
  }
  return true;
}

/// Sends a PFC frame as soon as the frame on the wire has ended: MAC control
/// frames do not queue (IEEE 802.1Q §36).
void Lane::send_pfc(std::uint32_t number, std::uint8_t priority, std::uint32_t quanta, Ps now) {
  Port& port = ports_[number];
  const Ps start = std::max(port.next_free, now);
  port.next_free = start + port.rate.time_of(framing_.pfc_bytes + framing_.gap_bytes);
  ++totals_.packet_hops;
  totals_.wire_bytes += framing_.pfc_bytes + framing_.gap_bytes;
  if (quanta != 0) {
    ++totals_.pfc_frames;
    ++queues_[number * kPriorities + priority].pfc_tx;
  } else {
    ++totals_.xon_frames;
  }
  if (port.watched != 0) show_pfc(port, priority, quanta, start);
  if (recorder_ != nullptr) recorder_->pauses(number, priority, quanta, now);
  if (!port.link_up) return;
  const Ps at =
      start + port.rate.time_of(framing_.pfc_bytes + framing_.preamble_bytes) + port.pfc_flight_ps;
  const PfcFrame frame{at, priority, static_cast<std::uint16_t>(quanta)};
  if (port.outside) outside_->pfc_sent(number, frame, start);
  own(port.peer_node) ? expect_pause(*port.to, frame) : out_.pauses.push_back({port.peer, frame});
  calendar_.wake(port.peer_slot, at);
}

/// A pause frame is on the way to a port.
void Lane::expect_pause(const Port& port, const PfcFrame& frame) {
  pfc_wires_[ports_[port.peer].peer].push(frame);
  pfc_coming_[port.wire_word] |= 1ULL << (port.index & 63);
}

/// Obeys the next pause frame that is on the way to a port.
void Lane::take_pfc(std::uint32_t number) {
  Ring<PfcFrame>& wire = pfc_wires_[number];
  obey_pfc(number, wire.front());
  wire.pop();
  const Port& port = ports_[number];
  if (wire.empty()) pfc_coming_[port.wire_word] &= ~(1ULL << (port.index & 63));
}

/// Sends a pause that no class of the peer obeys: it takes link time, and that is all.
void Lane::send_classless(std::uint32_t number, const Storm& storm, Ps now) {
  Port& port = ports_[number];
  const Ps start = std::max(port.next_free, now);
  port.next_free = start + port.rate.time_of(framing_.pfc_bytes + framing_.gap_bytes);
  ++totals_.packet_hops;
  totals_.wire_bytes += framing_.pfc_bytes + framing_.gap_bytes;
  if (port.watched == 0) return;
  const bool whole = storm.frame == StormFrame::kPause;
  show_pfc(port, whole ? kPauseOfLink : kPauseOfNobody, storm.quanta, start);
}

void Lane::obey_pfc(std::uint32_t number, const PfcFrame& frame) {
  Port& port = ports_[number];
  const NodeRef& node = nodes_[port.node];
  EgressQueue& queue = queues_[number * kPriorities + frame.priority];
  if (frame.quanta != 0) ++queue.pfc_rx;
  const std::uint8_t lossless = node.is_switch
                                    ? switches_[node.index].mmu.params().lossless
                                    : nic_profiles_[endpoints_[node.index].profile].lossless;
  if ((lossless >> frame.priority & 1) == 0 || !queue.obeys_pauses) return;
  if (frame.quanta != 0 && queue.paused_until <= frame.at) {
    record(frame.at, EventKind::kPfcStart, port.node, number, frame.priority);
  }
  if (frame.quanta == 0 && queue.paused_until > frame.at) {
    ++drops_[number].pauses_ended[frame.priority];
  }
  if (recorder_ != nullptr) {
    const Port& sender = ports_[port.peer];
    const Ps flight = sender.rate.time_of(framing_.pfc_bytes + framing_.preamble_bytes);
    recorder_->obeys(number, frame, frame.at - sender.pfc_flight_ps - flight);
  }
  const bool holds = pauses_hold_ && frame.quanta != 0;
  queue.pause(frame.at, holds ? kNever : frame.at + pause_ps(frame.quanta, port.rate.bps));
  port.paused |= static_cast<PrioritySet>(1U << frame.priority);
}

}  // namespace emu
