// SPDX-License-Identifier: Apache-2.0
// The smallest fabric that has everything: endpoints on one switch, one queue
// pair after the other. Ports: endpoint i has port i, the switch port n + i.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "emu/core/engine.h"

namespace emu {

/// Reaches into the engine where no public call shows what a test needs.
struct EngineTest {
  static void encapsulate(Engine& e, Packet& packet, std::uint16_t vtep) {
    e.lane_of(0).encapsulate(e.switches_[0], packet, vtep);
  }
  static void decapsulate(Engine& e, Packet& packet) { e.lane_of(0).decapsulate(packet); }
  static std::uint32_t entropy(const Engine& e, std::uint32_t qp) { return e.qps_[qp].entropy; }
  static bool has_crew(const Engine& e) { return e.crew_ != nullptr; }
  static const SendQp& sender(const Engine& e, std::uint32_t qp) { return e.send_[qp]; }
  static const RecvQp& receiver(const Engine& e, std::uint32_t qp) { return e.recv_[qp]; }
  template <typename Algorithm = Dcqcn>
  static const typename Algorithm::State& cc(const Engine& e, std::uint32_t qp) {
    return std::get<typename Algorithm::State>(e.cc_[qp]);
  }
  static void control(Engine& e, Kind kind, std::uint32_t qp, std::uint32_t psn, Ps now) {
    Endpoint& ep = e.endpoints_[e.qps_[qp].dst];
    Lane& lane = e.lane_of(ep.node);
    lane.send_control(ep, kind, qp, psn, now);
    lane.wake(ep.node, now);
  }
};

namespace test {

inline constexpr Ps kNs = 1'000;
inline constexpr Ps kUs = 1'000'000;
inline constexpr Ps kMs = 1'000'000'000;
inline constexpr Bps kGbps = 1'000'000'000;

/// Last round-trip time that TIMELY measured for a queue pair.
inline Ps measured_rtt(const Engine& e, std::uint32_t qp) {
  return EngineTest::cc<Timely>(e, qp).rtt_ps;
}

/// The parameters that a NIC has unless told otherwise.
inline Dcqcn::Params& dcqcn(NicParams& nic) { return std::get<Dcqcn::Params>(nic.cc); }

struct Star {
  std::uint32_t n = 2;
  Bps rate = 400 * kGbps;
  Ps delay = 15 * kNs;
  Ps nic_receive = 600 * kNs;
  NicParams nic;
  SwitchProfile chip;
  EcnProfile ecn{std::int64_t{1} << 60, (std::int64_t{1} << 60) + 1, 1.0, 0};
  std::int64_t headroom = 200'000;
  Ps reaction = 1'158'400;
  Engine engine{1};

  explicit Star(std::uint32_t endpoints = 2) : n(endpoints) {
    nic.mtu = 4096;
    nic.ack_interval = 16;
    nic.retransmit_timeout_ps = 100 * kUs;
    nic.retry_count = 7;
    nic.lossless = 8;
    nic.rx_buffer_bytes = 2'000'000;
    nic.rx_xoff_bytes = 1'000'000;
    nic.rx_xon_bytes = 500'000;
    nic.cnp_interval_ps = 4 * kUs;
    dcqcn(nic).alpha_timer_ps = kUs;
    dcqcn(nic).rate_reduce_interval_ps = 4 * kUs;
    dcqcn(nic).increase_timer_ps = 300 * kUs;
    dcqcn(nic).rate_min_bps = kGbps / 1000;
    chip.mmu.cell_bytes = 254;
    chip.mmu.buffer_bytes = 64'000'000;
    chip.mmu.xon_bytes = 9'144;
    chip.mmu.xon_offset_bytes = 9'144;
    chip.mmu.lossless = 8;
    chip.scheduler.strict = 0b1100'0000;
    chip.scheduler.quantum_bytes.fill(51'200);
    chip.pipeline_ps = 500 * kNs;
  }

  /// To be called once, after the parameters have been set.
  Engine& build() {
    Engine& e = engine;
    const auto nic_profile = e.add_nic_profile(nic);
    const auto chip_profile = e.add_switch_profile(chip);
    const auto marking = e.add_ecn_profile(ecn);
    const auto none =
        e.add_ecn_profile({std::int64_t{1} << 60, (std::int64_t{1} << 60) + 1, 1.0, 0});
    for (std::uint32_t i = 0; i < n; ++i) e.add_endpoint(1, nic_profile, nic_receive);
    e.add_switch(n, chip_profile);
    std::vector<std::uint16_t> fib;
    for (std::uint32_t i = 0; i < n; ++i) {
      e.connect(i, n + i, rate, delay);
      fib.push_back(e.tables().groups.add({n + i}));
    }
    std::vector<std::uint16_t> own;
    for (std::uint32_t i = 0; i < n; ++i) own.push_back(e.tables().groups.add({i}));
    e.tables().port_group.assign(2 * std::size_t{n}, kNotLearned);
    e.tables().decrement_ttl = true;
    e.tables().switches[0].fib = fib;
    e.tables().switches[0].hash_seed = 77;
    prepare_ports(marking, none);
    e.finish_build();
    for (std::uint32_t i = 0; i < n; ++i) e.set_endpoint_group(i, own[i]);
    return e;
  }

  void run(Ps until = kNever / 2) { engine.run_until(until, true); }
  const Message& message(std::uint32_t m) const { return engine.messages()[m]; }
  std::uint64_t dropped(Drop reason) const {
    return engine.totals().drop_packets[static_cast<std::size_t>(reason)];
  }
  const EgressQueue& queue(std::uint32_t port, int priority) const {
    return engine.queues()[port * kPriorities + static_cast<std::uint32_t>(priority)];
  }

  /// From the start of a lone frame at the sender until the receiver has it.
  Ps flight(std::int64_t frame) const {
    return 2 * (serialisation_ps(frame + kPreambleBytes, rate) + delay) + chip.pipeline_ps +
           nic_receive;
  }

 private:
  void prepare_ports(std::uint32_t marking, std::uint32_t none) {
    // The reaction lists are sized by connect() or by finish_build(), so every
    // port is named once, like the Python backend does.
    for (std::uint32_t port = 0; port < 2 * n; ++port) {
      engine.set_port_pfc(port, reaction);
      engine.set_port_ecn(port, port < n ? none : marking);
      if (port >= n) engine.set_headroom(port, 3, headroom);
    }
  }
};

}  // namespace test
}  // namespace emu
