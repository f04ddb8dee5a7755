// SPDX-License-Identifier: Apache-2.0
// Real switches inside the simulator's engine, in dilated real time.
//
// The engine keeps the buffers, queues, ECN, PFC, wires and NICs. This class
// stands for its forwarding pipelines: when a packet's last bit reaches a
// switch (fabric time t), the frame goes into the switch's real interface (wall
// time t * D); the real pipeline forwards, encapsulates, floods; what comes out
// is known by its identity, and the engine queues it at exactly t + the
// pipeline latency, whenever it came, provided it came by then. What did not is
// late: it joins its queue when it comes, and is counted.
//
// Invariant: a frame in the engine's queues is the frame that the real pipeline
// gave back, byte for byte, but for the ECN field that a queue marks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "emu/core/engine.h"
#include "emu/core/frames.h"
#include "emu/lab/native/identity.h"
#include "emu/lab/native/lateness.h"
#include "emu/lab/native/network.h"
#include "emu/lab/native/tap.h"

namespace emu::lab {

struct Params {
  double dilation = 10'000;            // wall time per fabric time
  std::int64_t hold_ns = 0;            // longest wait of the clock for one packet; 0: none
  std::int64_t lost_ns = 250'000'000;  // a packet that did not come back for so long is lost
  std::int64_t idle_ns = 1'000'000;    // longest sleep
  Ps sample_ps = 0;                    // interval of queue samples; 0: none
  std::uint8_t foreign_priority = 0;
  std::vector<wire::Mac> next_hop;  // by endpoint: destination when routed
};

struct Counters {
  std::uint64_t frames_in = 0;       // given to pipelines
  std::uint64_t frames_out = 0;      // came out of them and were known
  std::uint64_t control_frames = 0;  // made by switches themselves: carried across at once
  std::uint64_t foreign_frames = 0;  // sent by other programs on hosts
  std::uint64_t delivered_frames = 0;
  std::uint64_t bad_icrc = 0;         // of frames at their receiver
  std::uint64_t consumed_frames = 0;  // foreign, for a switch itself or dropped by it
  std::uint64_t loops = 0;            // turns of run()
};

class TrafficManager : public Outside {
 public:
  TrafficManager(Engine& engine, FramePlan plan, Network& network, Clock& clock, Params params);
  ~TrafficManager() override;
  TrafficManager(const TrafficManager&) = delete;
  TrafficManager& operator=(const TrafficManager&) = delete;

  /// Called once the engine stands at `at`; the earliest first.
  void schedule(Ps at, std::function<void()> action);
  /// Shows every frame of a link's port, in both directions, with its fabric time.
  void set_tap(Tap* tap) { tap_ = tap; }

  /// Runs in real time until fabric time `until`, until every message has ended
  /// (if `stop_when_done`), or for `wall_ns`. True when it is to be called again.
  bool run(Ps until, bool stop_when_done, std::int64_t wall_ns);

  const Lateness& lateness() const { return lateness_; }
  const Counters& counters() const { return counters_; }
  /// Ingress port of each packet that a switch swallowed, and when it should have gone on. What
  /// waits in front of a link that dies is not swallowed: it went on before.
  const std::vector<std::pair<std::uint32_t, Ps>>& swallowed() const { return swallowed_; }
  Ps now() const { return engine_.now(); }

  // What the engine asks (Outside).
  void sent(std::uint32_t port, Packet& packet, Ps start) override;
  void pfc_sent(std::uint32_t port, const PfcFrame& frame, Ps start) override;
  Verdict forward(std::uint32_t in_port, const Packet& packet, Ps now,
                  std::vector<Copy>& copies) override;
  void dropped(std::uint32_t port, const Packet& packet, Drop reason) override;

 private:
  static constexpr std::uint32_t kNobody = 0xFFFFFFFF;
  using Bytes = std::vector<std::uint8_t>;

  enum class State : std::uint8_t {
    kFree,
    kDelivery,  // on its last link: goes to a host, through no pipeline
    kWaiting,   // on its way into the pipeline or in it
    kAnswered,  // came back; the engine has not asked yet
    kLate,      // the engine asked in vain
    kGone,      // queued; copies may follow
  };
  /// One packet on its way over a link and through the pipeline behind it.
  struct Flight {
    Packet packet;
    State state = State::kFree;
    bool crossed = false;   // out of its host's interface, or never had to
    bool arrived = false;   // its last bit is at the switch
    bool injected = false;  // given to the pipeline
    bool held = false;      // the clock waited for it
    bool own = false;       // of the engine's traffic
    std::uint32_t in_port = 0;
    std::uint32_t frame = kNobody;
    std::uint32_t next = kNobody;  // same bucket of the table
    std::uint64_t key = 0;         // with the node
    std::uint64_t identity = 0;
    std::uint64_t order = 0;
    Ps due = 0;  // its last bit arrives
    Ps at = 0;   // it leaves the pipeline
    std::int64_t inside_ns = 0;
    std::int64_t held_since_ns = 0;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> out;  // port, frame
  };
  struct Due {
    Ps at;
    std::uint64_t order;
    std::uint32_t flight;
    bool operator>(const Due& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };
  struct Action {
    Ps at;
    std::uint64_t order;
    std::function<void()> call;
    bool operator>(const Action& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };

  std::uint32_t new_frame(const std::uint8_t* bytes, std::size_t n);
  void free_frame(std::uint32_t frame);
  std::uint32_t new_flight();
  void free_flight(std::uint32_t flight);
  void link_flight(std::uint32_t flight, std::uint32_t node);
  void unlink_flight(std::uint32_t flight);
  std::uint32_t find_flight(std::uint64_t key) const;

  void frame_own(std::uint32_t port, Packet& packet, Ps start);
  void number_packet(std::uint8_t* frame, std::size_t n);
  void mark(const Packet& packet, Bytes& frame) const;
  void read_headers(Packet& packet, std::uint32_t frame) const;
  void received(std::uint32_t port, const std::uint8_t* frame, std::size_t n);
  void from_host(std::uint32_t port, const std::uint8_t* frame, std::size_t n, const Identity& id);
  void from_switch(std::uint32_t port, const std::uint8_t* frame, std::size_t n,
                   const Identity& id);
  void late_answer(Flight& flight, std::uint32_t port, std::uint32_t frame);
  void carry_control(std::uint32_t port, const std::uint8_t* frame, std::size_t n);
  void inject(std::uint32_t flight);
  void deliver(std::uint32_t flight);
  void flush_due();
  void expire();
  void give_up(std::uint32_t flight);
  void act();
  Ps hold_back(Ps target);
  Ps next_moment();
  void follow_carrier();
  std::int64_t wall_of(Ps at) const;
  bool is_switch(std::uint32_t port) const {
    return engine_.nodes()[engine_.ports()[port].node].is_switch;
  }
  /// When the last bit of what `peer` acts on at `at` arrives there.
  Ps arrival(const Port& peer, Ps at) const { return at - engine_.receive_ps(peer.node); }

  Engine& engine_;
  FrameEncoder encoder_;
  Network& network_;
  Clock& clock_;
  Params params_;
  Tap* tap_ = nullptr;
  Frame scratch_;
  std::array<std::uint8_t, 64> priority_of_dscp_{};
  std::vector<Bytes> frames_;
  std::vector<std::uint32_t> free_frames_;
  std::deque<Flight> flights_;  // keeps its elements where they are
  std::vector<std::uint32_t> free_flights_;
  std::vector<std::uint32_t> buckets_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::priority_queue<Action, std::vector<Action>, std::greater<>> actions_;
  std::deque<std::pair<std::int64_t, std::uint32_t>> leaving_;  // flights to forget, by wall time
  using Waiting = std::pair<Ps, std::uint32_t>;
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> inside_;  // by Flight::at
  std::vector<std::uint8_t> suspect_;  // by ingress port: what went in there did not come back
  std::uint64_t order_ = 0;
  std::uint16_t ip_id_ = 0;
  Ps step_ = 1;      // a turn of run() goes this far while packets are under way
  Ps step_max_ = 1;  // and no farther
  Ps next_sample_ = 0;
  Ps base_ps_ = 0;            // fabric time ...
  std::int64_t base_ns_ = 0;  // ... at this wall time
  bool started_ = false;
  Lateness lateness_;
  Counters counters_;
  std::vector<std::pair<std::uint32_t, Ps>> swallowed_;
};

}  // namespace emu::lab
