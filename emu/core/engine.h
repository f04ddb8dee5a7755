// SPDX-License-Identifier: Apache-2.0
// The engine: what can be done with a simulated fabric, and the loop over windows.
//
// Time advances in windows in which no node can affect another. Each node
// takes what its wires bring in the window, in canonical order (time, then
// port, PFC before data), and starts the packets whose turn comes. Departures
// are computed lazily: a port is brought up to date when something looks at it.
//
// Invariant: results do not depend on the order in which the nodes of a window
// are visited.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "results.h"
#include "routing/registry.h"

namespace emu {

class Engine : public Results {
 public:
  explicit Engine(std::uint64_t seed) { seed_ = seed; }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Construction, in this order; then finish_build().
  std::uint32_t add_switch_profile(const SwitchProfile& profile);
  std::uint32_t add_nic_profile(const NicParams& profile);
  std::uint32_t add_ecn_profile(const EcnProfile& profile);
  /// What NICs of a profile do with packets that come too early; before add_qp().
  void set_receiver(std::uint32_t nic_profile, Receiver receiver, std::uint32_t reorder_packets,
                    std::uint32_t loss_after, bool sender_waits);
  /// Entropy values that NICs of a profile give to their packets; before add_qp().
  void set_entropy(std::uint32_t nic_profile, const EntropyParams& params);
  void add_endpoint(std::uint32_t ports, std::uint32_t profile, Ps receive_ps);
  void add_switch(std::uint32_t ports, std::uint32_t profile);
  /// Connects two ports, numbered node by node in the order of addition.
  void connect(std::uint32_t a, std::uint32_t b, Bps rate_bps, Ps delay_ps);
  void set_port_pfc(std::uint32_t port, Ps reaction_ps);
  void set_port_ecn(std::uint32_t port, std::uint32_t profile);
  void set_headroom(std::uint32_t port, std::uint8_t priority, std::int64_t bytes);
  void set_arp(const ArpPlan& plan) { arp_ = plan; }
  /// Frames and link times other than RoCEv2's; before connect().
  void set_framing(const Framing& framing) { framing_ = framing; }
  void set_time_grain(Ps grain_ps) { framing_.grain_ps = grain_ps; }
  /// A pause lasts until XON, however long its quanta; nobody repeats it.
  void set_pauses_hold(bool hold) { pauses_hold_ = hold; }
  /// A paced queue pair that falls due goes before one that has just sent.
  void set_turns_by_due(bool on) { turns_by_due_ = on; }
  /// A message counts as unfinished until its sender knows of its end.
  void set_done_when_acked(bool on) { done_when_acked_ = on; }
  /// Switches hash these words with MurmurHash3 instead of the queue pair's
  /// entropy: per queue pair 3 words towards the destination and 3 back.
  void set_hash_words(std::vector<std::uint32_t> words);
  using Results::tables;
  ForwardingTables& tables() { return tables_; }
  /// How a switch picks one of several next hops: a policy of routing/registry.h.
  void set_routing(std::uint32_t sw, const std::string& policy, const RoutingParams& params);
  /// The path of each queue pair, for switches with pinned routing.
  void set_pins(std::vector<std::uint32_t> pins) { pins_ = std::move(pins); }
  /// The slots of a switch whose policy is `controller`.
  Controlled& controlled(std::uint32_t sw) {
    return std::get<Controlled>(switches_.at(sw).routing);
  }
  /// Switches publish the grades of their queues every interval; others know
  /// them `lag` intervals later.
  void set_remote_state(Ps interval_ps, std::uint32_t lag, std::int64_t quantum_bytes);
  /// Windows are visited by so many threads; results do not depend on it. Whoever
  /// wants to be told of every departure or pause, or to forward packets, needs one.
  void set_threads(std::uint32_t threads);
  void finish_build();

  // Traffic.
  std::uint32_t add_qp(std::uint32_t src, std::uint32_t dst, std::uint16_t udp_sport,
                       std::uint8_t priority, Verb verb);
  /// Numbers messages in the order of the calls.
  std::uint32_t post(std::uint32_t qp, std::int64_t bytes, Ps at);
  /// The queue pair will be given this many messages while the engine runs; they
  /// count as unfinished from now on.
  void expect(std::uint32_t qp, std::uint32_t messages);
  /// Takes out the messages to which nothing can happen any more; the memory of
  /// their records goes to those that are posted later.
  void retire(std::vector<Message>& out);

  // What happens to the fabric, applied by the caller at now().
  void set_group(std::uint32_t group, const std::vector<std::uint32_t>& ports);
  void set_endpoint_group(std::uint32_t endpoint, std::uint32_t group);
  void rehash_endpoint(std::uint32_t endpoint);
  void set_fib(std::uint32_t sw, const std::vector<std::uint16_t>& routes, std::uint16_t value);
  void flush_macs(std::uint32_t sw, const std::vector<std::uint16_t>& groups);
  void set_link(std::uint32_t port, bool up);
  void port_detected(std::uint32_t port, bool up);
  void set_loss(std::uint32_t port, double loss);
  void set_codeword_loss(std::uint32_t port, std::uint32_t codeword_bytes, double loss);
  void set_frame_limit(std::uint32_t port, std::uint16_t bytes);
  void set_rate(std::uint32_t port, Bps rate_bps);
  void set_lossless(std::uint32_t sw, std::optional<std::uint8_t> priorities);
  void set_hash_seed(std::uint32_t sw, std::uint64_t seed);
  void set_marking(std::uint32_t sw, bool on);
  void set_black_hole(std::uint32_t port, bool on, const std::vector<std::uint16_t>& routes);
  void set_receive_rate(std::uint32_t endpoint, Bps rate_bps);
  void set_storm(std::uint32_t endpoint, std::uint8_t priority, bool on, const Storm& storm = {});
  void set_silent(std::uint32_t endpoint, bool on);
  void broadcast(std::uint32_t endpoint);
  void sample(bool queues = true);
  /// Brings the counters of all switches' ports up to now(). Changes no result.
  void settle_switches();
  void watch(Observer& observer, const std::vector<std::uint32_t>& ports);
  void unwatch();
  /// Tells `recorder` of samples, with `departures` of every packet that leaves a
  /// port, with `pauses` of pauses, from now on; null: nobody.
  void set_recorder(Recorder* recorder, bool departures, bool pauses);
  /// Deepest level of a queue (port * 8 + priority) since the last call.
  std::int64_t take_watermark(std::uint32_t queue);

  // Pipelines of another kind: after finish_build(), before the first packet.
  /// All packets are forwarded by `outside`, which outlives the engine's last run.
  void set_outside(Outside* outside);
  /// A late answer of the outside to forward(): the copies join their queues at
  /// now(). `again`: others of the same packet have been forwarded before.
  void admit_outside(std::uint32_t in_port, const Packet& packet, std::vector<Copy>& copies,
                     bool again = false);
  /// The pipeline gave nothing back for a packet it was given: it is lost, or it
  /// was meant for the switch itself.
  void drop_outside(std::uint32_t in_port, const Packet& packet, bool lost);
  /// A frame of another program, sent by the NIC out of its `port` from now() on.
  void inject(std::uint32_t port, Packet packet);
  /// Fabric time at or after which something happens next, to within a window.
  Ps next_work() const;

  /// Runs until fabric time `until`, or until nothing is left to happen, or
  /// until every posted message has ended when `stop_when_done`.
  void run_until(Ps until, bool stop_when_done);
  /// Asked some times a second: true ends run_until() at once, wherever it is.
  void set_interrupted(std::function<bool()> interrupted) { interrupted_ = std::move(interrupted); }

 private:
  friend struct EngineTest;

  void set_arrival(Port& port) const;
  void note_routes(Switch& sw) const;

  // windows.cc
  void make_lanes();
  Shared shared();
  Lane& lane_of(std::uint32_t node);
  void run_windows(Ps until, bool stop_when_done);
  void visit(Ps limit, bool partial);
  void collect();
  void exchange(Lane& from);
  void settle_failure(Lane& lane, std::uint32_t qp);
  std::uint64_t hops() const;
  bool idle() const;

  // watchdog.cc and deadlock.cc: what stands still
  void watch_queues();
  Ps next_watchdog_poll() const;
  void poll_watchdogs();
  void begin_storm(std::uint32_t queue, WatchdogAction action);
  void end_storm(std::uint32_t queue);
  bool holds_from(std::uint32_t queue, std::uint32_t port, std::uint32_t priority) const;
  void look_for_deadlocks();

  // routing.cc
  void prepare_remote_state();
  void note_remote_grade(std::uint32_t group);
  void publish_grades(Ps idle_until);

  // any_order.cc
  void prepare_any_order(const NicParams& nic);
};

}  // namespace emu
