// SPDX-License-Identifier: Apache-2.0
// The traffic manager over a network of the test's own: a switch that forwards
// by destination address after a time of its choice, and a clock that jumps.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "emu/core/wire/bytes.h"
#include "emu/lab/native/traffic_manager.h"
#include "star.h"

namespace emu::test {

struct JumpingClock : lab::Clock {
  std::int64_t now = 1'000;
  std::int64_t oversleep_ns = 0;  // every sleep lasts longer by this
  std::int64_t now_ns() override { return now; }
  void sleep_until(std::int64_t at, bool) override { now = std::max(now, at) + oversleep_ns; }
};

/// Ports as in Star: NIC i has port i, the switch port n + i.
struct FakeSwitch : lab::Network {
  using Bytes = std::vector<std::uint8_t>;
  FakeSwitch(JumpingClock& c, std::uint32_t endpoints) : clock(c), n(endpoints) {}

  void to_node(std::uint32_t port, const std::uint8_t* frame, std::size_t size) override {
    Bytes bytes(frame, frame + size);
    if (port < n) {
      delivered[port].push_back(std::move(bytes));
      return;
    }
    ++injected;
    if (swallow && swallow(injected)) return;
    bytes[22] = static_cast<std::uint8_t>(bytes[22] - 1);  // TTL, as a router does
    lab::set_ecn(bytes.data() + 14, bytes[15] & 3);        // and the checksum
    const std::uint32_t out = n + bytes[33] - 1;           // last byte of the destination
    const std::int64_t at = clock.now + (slow && slow(injected) ? slow_ns : delay_ns);
    if (flood) {
      for (std::uint32_t p = n; p < 2 * n; ++p) {
        if (p != port && p != out) back.emplace(at, std::make_pair(p, bytes));
      }
    }
    back.emplace(at, std::make_pair(out, std::move(bytes)));
  }
  void from_host(std::uint32_t port, const std::uint8_t* frame, std::size_t size) override {
    host_frames[port].emplace_back(frame, frame + size);
    back.emplace(clock.now, std::make_pair(port, host_frames[port].back()));
  }
  void flush() override {}
  void receive(const Receiver& receiver) override {
    while (!back.empty() && back.begin()->first <= clock.now) {
      const auto [port, bytes] = back.begin()->second;
      back.erase(back.begin());
      receiver(port, bytes.data(), bytes.size());
    }
  }
  void set_carrier(std::uint32_t port, bool up) override {
    const auto [at, first] = link_up.try_emplace(port, true);
    if (at->second != up) carrier.emplace_back(port, up);
    at->second = up;
  }

  JumpingClock& clock;
  std::uint32_t n;
  std::int64_t delay_ns = 100'000;
  std::int64_t slow_ns = 0;
  std::function<bool(std::uint64_t)> slow;
  std::function<bool(std::uint64_t)> swallow;
  bool flood = false;
  std::uint64_t injected = 0;
  std::multimap<std::int64_t, std::pair<std::uint32_t, Bytes>> back;
  std::map<std::uint32_t, std::vector<Bytes>> delivered;
  std::map<std::uint32_t, std::vector<Bytes>> host_frames;
  std::map<std::uint32_t, bool> link_up;
  std::vector<std::pair<std::uint32_t, bool>> carrier;
};

inline FramePlan star_frames(const Star& star) {
  FramePlan plan;
  for (std::uint8_t i = 0; i <= star.n; ++i) plan.node_mac.push_back({2, 0, 0, 0, 0, i});
  plan.node_tier.assign(star.n, 0);
  plan.node_tier.push_back(1);
  for (std::uint32_t i = 0; i < star.n; ++i) plan.endpoint_ip.push_back(0xC6120001 + i);
  const auto qps = static_cast<std::uint32_t>(star.engine.queue_pairs().size());
  for (std::uint32_t q = 0; q < qps; ++q) {
    plan.src_qpn.push_back(1'000 + q);
    plan.dst_qpn.push_back(2'000 + q);
    plan.udp_sport.push_back(static_cast<std::uint16_t>(50'000 + q));
  }
  for (std::uint8_t p = 0; p < kPriorities; ++p) plan.dscp[p] = static_cast<std::uint8_t>(p * 8);
  return plan;
}

/// A star whose switch is outside. Post traffic first, then build the rig.
struct LabRig {
  JumpingClock clock;
  FakeSwitch network;
  lab::Params params;
  lab::TrafficManager manager;

  explicit LabRig(Star& star, std::int64_t hold_ns = 0, double dilation = 10'000)
      : network(clock, star.n),
        params(make(star, hold_ns, dilation)),
        manager(star.engine, star_frames(star), network, clock, params) {}

  void run(Ps until = kMs) {
    while (manager.run(until, true, 1'000'000'000)) {
    }
  }

 private:
  static lab::Params make(const Star& star, std::int64_t hold_ns, double dilation) {
    lab::Params p;
    p.dilation = dilation;
    p.hold_ns = hold_ns;
    p.next_hop.assign(star.n, {2, 0, 0, 0, 0, 0xFE});
    return p;
  }
};

}  // namespace emu::test
