// SPDX-License-Identifier: Apache-2.0
// A lane: the nodes that one thread visits, and what it needs for that alone.
//
// Everything that happens to a packet happens in a lane: link.h, buffer.h,
// pipeline.h and the files named below hold its functions.
//
// Invariant: while a window is visited a lane writes to the rows of its own nodes
// and to itself. What it has for nodes of other lanes lies in itself, where they
// look for it in a later window.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "arrivals.h"
#include "by_port.h"
#include "counters.h"
#include "fifo.h"
#include "inbox.h"
#include "outbox.h"
#include "shared.h"
#include "window.h"

namespace emu {

class Lane : private Shared {
 public:
  /// Of so many slots in all lanes it has those from `first` to `end`.
  Lane(std::uint16_t number, std::uint32_t slots, std::uint32_t first, std::uint32_t end,
       Ps window_ps)
      : number_(number), first_slot_(first), end_slot_(end), calendar_(slots, window_ps) {
    inboxes_.resize(slots);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

 private:
  friend class Engine;
  friend class Results;
  friend class NextHops;
  friend class Train;
  friend struct EngineTest;

  std::uint16_t number_;
  std::uint32_t first_slot_;
  std::uint32_t end_slot_;
  std::vector<Lane*> all_;  // by number, itself among them
  bool alone_ = true;       // there is no other
  Calendar calendar_;       // whom it has woken
  PacketPool pool_;
  Inboxes inboxes_;  // what its nodes have put on wires
  Totals totals_;
  std::uint64_t ended_ = 0;  // messages that count as unfinished no more
  std::vector<Event> events_;
  std::vector<std::uint32_t> failures_;  // queue pairs that have given up in this window
  Outbox out_;
  std::vector<Copy> copies_;  // scratch of receive_outside
  Arrivals arrivals_;         // scratch of process_switch: what comes in the window
  ByPort by_port_;            // the same in a calm one
  PacketFifo far_;            // scratch of a train: what no box is far enough ahead for
  std::vector<Packet*> due_;  // scratch of process_endpoint: what comes in the window

  // lane.cc
  void see(const Shared& shared) { static_cast<Shared&>(*this) = shared; }
  void meet(Lane& other);
  bool own(std::uint32_t node) const { return nodes_[node].lane == number_; }
  void begin_window();
  void visit(Ps limit, bool partial);
  void process(std::uint32_t slot, Ps limit, bool partial);
  void prefetch(std::uint32_t slot);
  /// What other lanes have put on wires to a node for this window.
  template <typename Visit>
  void for_each_other_box(std::uint32_t node, Visit visit) const {
    for (Lane* from : all_) {
      if (from != this) visit(from->inboxes_.box(nodes_[node].slot, calendar_.number()), *from);
    }
  }
  /// The same one by one: of lanes from `lane` on, which it moves up; null after the last.
  PacketFifo* next_other_box(std::uint32_t node, std::uint32_t& lane) const {
    if (alone_) [[likely]]
      return nullptr;
    if (lane == number_) ++lane;
    if (lane >= all_.size()) return nullptr;
    return &all_[lane++]->inboxes_.box(nodes_[node].slot, calendar_.number());
  }
  void empty_other_boxes(std::uint32_t node, Ps limit);
  void wake(std::uint32_t node, Ps at) { calendar_.wake(nodes_[node].slot, at); }
  void arm(Endpoint& endpoint, Ps at, TimerKind kind, std::uint32_t id, std::uint32_t slot = 0);
  Bps line_rate(const Endpoint& ep) const { return ports_[ep.first_port].rate.bps; }

  // link.cc: what both kinds of node do with a port
  void transmit(Port& port, const Packet& packet, Ps start);
  void transmit_closely(Port& port, Packet packet, Ps start);
  void put_on_wire(Port& port, const Packet& packet, Ps at);
  void put_on_long_wire(const Port& port, Packet packet, Ps at);
  bool survives(Port& port, Packet& packet, Ps start);
  bool passes(Port& port, const Packet& packet);
  bool codeword_fails(Port& port, std::uint32_t number, const Packet& packet);
  void tell(const Sighting& sighting);
  void show(const Port& port, const Packet& packet, Ps start, bool arrives);
  void show_pfc(const Port& port, std::uint8_t priority, std::uint32_t quanta, Ps start);
  void send_pfc(std::uint32_t port, std::uint8_t priority, std::uint32_t quanta, Ps now);
  void expect_pause(const Port& port, const PfcFrame& frame);
  void take_pfc(std::uint32_t port);
  void send_classless(std::uint32_t port, const Storm& storm, Ps now);
  void obey_pfc(std::uint32_t port, const PfcFrame& frame);
  void note_wire_loss(std::uint32_t port, const Packet& packet);
  void count_drop(std::uint32_t port, const Packet& packet, Drop reason);
  void record(Ps at, EventKind kind, std::uint32_t node, std::uint32_t port, std::uint32_t detail);

  // switch.cc and buffer.cc: departures and buffer
  Ps process_switch(Switch& sw, Ps limit);
  template <typename Visit>
  void for_each_pause_wire(const Switch& sw, Visit visit);
  bool pauses_come(const Switch& sw, Ps limit);
  std::uint32_t collect(Switch& sw, PacketFifo& box, Ps limit);
  std::uint32_t pass_in_order(Switch& sw, PacketFifo& box, Ps limit);
  void admit(Switch& sw, std::uint32_t out, const Packet& packet, Ps now);
  void depart(Switch& sw, Port& port, EgressQueue& queue, std::uint32_t priority, Ps start);
  void depart_by_choice(Switch& sw, Port& port, const Choice& choice);
  void count_headers(EgressQueue& queue, const Packet& packet);
  void release(Switch& sw, std::uint16_t ingress, std::uint32_t bytes, Ps now);
  bool egress_accepts(Switch& sw, std::uint32_t out, std::uint32_t priority, std::int64_t size,
                      Ps now);
  bool take_buffer(Switch& sw, std::int64_t size, const Packet& packet, Ps now);
  void pause_at_limit(Switch& sw, std::uint32_t group, Ps now);
  bool take_scarce(Switch& sw, std::int64_t size, const Packet& packet, Ps now);
  void enqueue(Switch& sw, std::uint32_t index, const Packet& packet);
  void give_back(Switch& sw, std::uint16_t ingress, std::int64_t size, Ps now);
  Ps settle(Switch& sw, std::uint32_t index, Ps until);
  Ps settle_all(Switch& sw, Ps until);
  void settle_in_order(Switch& sw, Ps until);
  void note_due(Switch& sw, std::uint32_t index);
  void take_pause(Switch& sw, std::uint32_t index, Ps at);
  void note_watermarks(Switch& sw);
  void go_xoff(Switch& sw, std::uint32_t group, Ps now);
  void resume_groups(Switch& sw, Ps now);
  void resume_group(Switch& sw, PriorityGroup& pg, Ps now);
  void refresh_xoff(Switch& sw, Ps until);

  // calm.cc: windows in which no packet can meet a limit
  bool collect_calm(Switch& sw, PacketFifo& box, Ps limit);
  Ps pass_calm(Switch& sw, Ps limit);
  Ps pass(Switch& sw, std::uint32_t index, const ByPort::List& list, Ps limit);
  Ps pass_closely(Switch& sw, std::uint32_t index, const Comer* comer, Ps limit);

  // pipeline.cc: where a packet goes
  std::uint32_t look_up(const Switch& sw, const Packet& packet) const;
  void receive(Switch& sw, std::uint32_t index, std::uint32_t out, Packet& packet, Ps now);
  void receive_closely(Switch& sw, std::uint32_t index, Packet& packet, Ps now);
  void forward(Switch& sw, Packet& packet, std::uint32_t in_port, Ps now);
  void flood(Switch& sw, const Packet& packet, std::uint16_t ingress, std::int32_t key, Ps now);
  bool replicate(Switch& sw, const Packet& packet, std::uint16_t ingress, std::vector<Copy>& copies,
                 Ps now);
  void learn(Switch& sw, const Packet& packet, std::int32_t group, Ps now);
  void encapsulate(Switch& sw, Packet& packet, std::uint16_t vtep);
  void decapsulate(Packet& packet);
  std::uint32_t pick_port(Switch& sw, std::uint16_t group, const Packet& packet, Ps now);
  std::uint32_t pick_by_policy(Switch& sw, std::uint16_t group, const Packet& packet, Ps now);

  // outside.cc: pipelines of another kind
  void receive_outside(Switch& sw, std::uint32_t in_port, Packet& packet, Ps now);
  void admit_copies(Switch& sw, const Packet& packet, std::vector<Copy>& copies, Ps now);

  // nic.cc and nic_timers.cc: an endpoint's ports
  Ps process_endpoint(Endpoint& ep, Ps limit);
  std::size_t collect(const Endpoint& ep, PacketFifo& box, Ps limit);
  std::uint32_t pausing_port(const Endpoint& ep, Ps limit) const;
  Ps settle_endpoint(Endpoint& ep, Ps until);
  Ps settle_nic(Endpoint& ep, std::uint32_t index, Ps until);
  void send_turn(Endpoint& ep, Port& port, NicPort& nic, std::uint32_t qp, Ps start, Ps until);
  void wake_paced(Endpoint& ep, const Port& port, NicPort& nic, Ps now);
  void send_queued(Port& port, EgressQueue* queues, Ps until);
  void fire(Endpoint& ep, const Timer& timer);
  void send_control(Endpoint& ep, Kind kind, std::uint32_t qp, std::uint32_t psn, Ps now,
                    std::uint8_t flags = 0);
  void send_arp(Endpoint& ep, Ps now);
  void make_ready(Endpoint& ep, std::uint32_t qp, Ps now);
  void push_ready(NicPort& nic, std::uint32_t qp);
  void push_by_due(NicPort& nic, std::uint32_t qp);
  void pace(Endpoint& ep, std::uint32_t qp);
  bool catch_up(std::uint32_t qp, Bps line, Ps now);
  const Cc::Params& cc_params(std::uint32_t qp) const {
    return nic_profiles_[endpoints_[qps_[qp].src].profile].cc;
  }
  /// Tells a queue pair's congestion control something that may change its rate:
  /// what is left of its gap passes at a lower one; a higher one holds from the
  /// next packet on, because the gap's end has been promised to the port.
  template <typename Tell>
  void steer(std::uint32_t qp, Ps now, Tell tell) {
    const Pacing& pace = pacing(cc_[qp]);
    SendQp& send = send_[qp];
    const Bps before = pace.rate;
    with_cc(cc_[qp], cc_params(qp), tell);
    if (send.due > now && pace.rate > 0 && pace.rate < before) {
      send.due = now + rest_of_gap(send.due - now, before, pace.rate);
    }
  }
  std::uint32_t port_for(const Endpoint& ep, std::uint32_t entropy) const;
  void send_storm(Endpoint& ep, std::uint8_t priority, Ps at);
  void occupy_receiver(Endpoint& ep, std::uint32_t port, const Packet& packet, Ps now,
                       bool& overflow);

  // transport.cc: reliable connection
  void deliver(Endpoint& ep, const Packet& packet, Ps now);
  void on_data(Endpoint& ep, const Packet& packet, Ps now);
  void answer(Endpoint& ep, Kind kind, std::uint32_t qp, std::uint32_t psn, Ps now,
              std::uint8_t flags = 0);
  void on_ack(Endpoint& ep, const Packet& packet, Ps now);
  void on_nak(Endpoint& ep, const Packet& packet, Ps now);
  void on_cnp(Endpoint& ep, const Packet& packet, Ps now);
  void on_read_request(Endpoint& ep, const Packet& packet, Ps now);
  void start_message(Endpoint& ep, std::uint32_t message, Ps now);
  void on_retransmit_timer(Endpoint& ep, std::uint32_t qp, Ps now);
  void on_read_timer(Endpoint& ep, std::uint32_t qp, Ps now);
  void acknowledge(SendQp& send, std::uint32_t una, Ps now);
  void rewind(SendQp& send, std::uint32_t psn);
  void send_data(Endpoint& ep, Port& port, std::uint32_t qp, Ps start);

  // alone.cc: a queue pair that has its port for itself
  std::uint32_t middle_packets(const SendQp& send) const;
  void send_train(Endpoint& ep, Port& port, std::uint32_t qp, std::uint32_t most, Ps start,
                  Ps until);

  // any_order.cc: packets that overtake each other
  void place(Endpoint& ep, const Packet& packet, Ps now);
  void keep_early(Endpoint& ep, const Packet& packet, Ps now);
  void ask_again(Endpoint& ep, const Packet& packet, Ps now);
  bool place_in_order(std::uint32_t qp, const NicParams& nic, bool write, Ps now);
  void hear_of_arrivals(Endpoint& ep, std::uint32_t qp, std::uint32_t expected, Ps now);
  void hear_echoes(const NicParams& nic, std::uint32_t qp, std::uint32_t expected, Ps now);
  void judge_losses(std::uint32_t qp, const NicParams& nic, Ps now);
  void repeat_missing(std::uint32_t qp);
  void repeat(std::uint32_t qp, std::uint32_t psn);
  bool next_repeated(std::uint32_t qp, std::uint32_t& psn);
  void open_window(std::uint32_t qp, const NicParams& nic);
  std::uint32_t spread(std::uint32_t qp, const NicParams& nic, Ps now);
  void fail(std::uint32_t qp, std::uint32_t node, Ps now);
};

}  // namespace emu
