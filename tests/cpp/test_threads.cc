// SPDX-License-Identifier: Apache-2.0
// One run by several threads: who visits which node, and that nothing shows it.
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "emu/core/crew.h"
#include "emu/core/partition.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
constexpr std::uint32_t kHosts = 16;
constexpr std::uint32_t kLeaves = 4;
constexpr std::uint32_t kSpines = 2;
constexpr std::uint32_t kBelow = kHosts / kLeaves;

/// Four leaves with four hosts each, two spines. Ports: hosts, leaves (hosts, then
/// spines), spines (leaves).
struct LeafSpine {
  Star parts{2};  // parameters only
  bool sprays = false;
  Engine engine{7};

  static std::uint32_t leaf_port(std::uint32_t leaf, std::uint32_t i) {
    return kHosts + leaf * (kBelow + kSpines) + i;
  }
  static std::uint32_t spine_port(std::uint32_t spine, std::uint32_t leaf) {
    return kHosts + kLeaves * (kBelow + kSpines) + spine * kLeaves + leaf;
  }

  Engine& build(std::uint32_t threads) {
    Engine& e = engine;
    e.set_threads(threads);
    const auto nic = e.add_nic_profile(parts.nic);
    const auto chip = e.add_switch_profile(parts.chip);
    const auto marking = e.add_ecn_profile(parts.ecn);
    if (sprays) {
      e.set_receiver(nic, Receiver::kSelective, 64, 32, false);
      e.set_entropy(nic, {EntropyMode::kFeedback, 64, 8, 50 * kUs});
    }
    for (std::uint32_t i = 0; i < kHosts; ++i) e.add_endpoint(1, nic, parts.nic_receive);
    for (std::uint32_t i = 0; i < kLeaves; ++i) e.add_switch(kBelow + kSpines, chip);
    for (std::uint32_t i = 0; i < kSpines; ++i) e.add_switch(kLeaves, chip);
    for (std::uint32_t i = 0; i < kHosts; ++i) {
      e.connect(i, leaf_port(i / kBelow, i % kBelow), parts.rate, parts.delay);
    }
    for (std::uint32_t l = 0; l < kLeaves; ++l) {
      for (std::uint32_t s = 0; s < kSpines; ++s) {
        e.connect(leaf_port(l, kBelow + s), spine_port(s, l), parts.rate, parts.delay);
      }
    }
    route();
    const std::uint32_t ports = spine_port(kSpines, 0);
    for (std::uint32_t port = 0; port < ports; ++port) {
      e.set_port_pfc(port, parts.reaction);
      e.set_port_ecn(port, marking);
      if (port >= kHosts) e.set_headroom(port, 3, parts.headroom);
    }
    std::vector<std::uint16_t> own;
    for (std::uint32_t i = 0; i < kHosts; ++i) own.push_back(e.tables().groups.add({i}));
    e.finish_build();
    for (std::uint32_t i = 0; i < kHosts; ++i) e.set_endpoint_group(i, own[i]);
    return e;
  }

 private:
  void route() {
    ForwardingTables& tables = engine.tables();
    tables.port_group.assign(spine_port(kSpines, 0), kNotLearned);
    tables.decrement_ttl = true;
    for (std::uint32_t l = 0; l < kLeaves; ++l) {
      SwitchTables& table = tables.switches[l];
      table.hash_seed = 100 + l;
      const auto up = tables.groups.add({leaf_port(l, kBelow), leaf_port(l, kBelow + 1)});
      for (std::uint32_t i = 0; i < kHosts; ++i) {
        const bool here = i / kBelow == l;
        table.fib.push_back(here ? tables.groups.add({leaf_port(l, i % kBelow)}) : up);
      }
      if (sprays) engine.set_routing(l, "spray", RoutingParams({"digit"}, {1}));
    }
    for (std::uint32_t s = 0; s < kSpines; ++s) {
      for (std::uint32_t i = 0; i < kHosts; ++i) {
        tables.switches[kLeaves + s].fib.push_back(tables.groups.add({spine_port(s, i / kBelow)}));
      }
    }
  }
};

/// Everything that a run leaves behind.
std::vector<std::int64_t> outcome(const Engine& e) {
  std::vector<std::int64_t> out{e.now(), static_cast<std::int64_t>(e.unfinished())};
  const auto add = [&](auto... values) { (out.push_back(static_cast<std::int64_t>(values)), ...); };
  for (const Message& m : e.messages()) {
    add(m.first_tx, m.end, m.acked, m.retransmitted_bytes, m.sent_packets, m.marked_packets, m.cnps,
        m.timeouts, m.naks, m.failed);
  }
  for (const EgressQueue& q : e.queues()) {
    add(q.tx_packets, q.tx_bytes, q.marked, q.pfc_tx, q.pfc_rx, q.paused_total(e.now()),
        q.bytes_max);
  }
  for (const PriorityGroup& g : e.groups()) add(g.used_max, g.headroom_max);
  for (const DropCounts& d : e.drops()) {
    for (const auto n : d.packets) add(n);
  }
  for (const Event& v : e.events()) add(v.at, v.kind, v.node, v.port, v.detail);
  const Totals t = e.totals();
  add(t.injected_packets, t.delivered_packets, t.packet_hops, t.ack_packets, t.nak_packets,
      t.cnp_packets, t.marked_packets, t.pfc_frames, t.xon_frames, t.timeouts, t.failed_qps,
      t.wire_bytes, e.in_flight().first, e.in_flight().second);
  return out;
}

/// Each host writes to, or reads from, the same host of the next leaf, and three more
/// leaves' hosts crowd host 0.
void load(Engine& e, std::int64_t bytes) {
  for (std::uint32_t i = 0; i < kHosts; ++i) {
    const auto sport = static_cast<std::uint16_t>(50'000 + 11 * i);
    e.post(e.add_qp(i, (i + kBelow) % kHosts, sport, 3, i % 3 == 0 ? Verb::kRead : Verb::kWrite),
           bytes, e.now() + i * kNs);
    if (i < kBelow) continue;
    e.post(e.add_qp(i, 0, static_cast<std::uint16_t>(51'000 + i), 3, Verb::kWrite), bytes / 4,
           e.now() + 3 * kUs);
  }
}

std::vector<std::int64_t> crowded(std::uint32_t threads) {
  LeafSpine fabric;
  fabric.parts.nic.congestion_control = true;
  fabric.parts.ecn = {50'000, 400'000, 0.1, 8};
  fabric.parts.chip.mmu.buffer_bytes = 1'200'000;
  fabric.parts.headroom = 150'000;
  Engine& e = fabric.build(threads);
  load(e, 500'000);
  for (Ps at = 10 * kUs; at < 2 * kMs && e.unfinished() != 0; at += 7'777'777) {
    e.run_until(at, true);
    e.sample();
  }
  CHECK_EQ(e.unfinished(), 0U);
  CHECK(e.totals().pfc_frames > 0 && e.totals().marked_packets > 0);
  return outcome(e);
}

std::vector<std::int64_t> sprayed(std::uint32_t threads) {
  LeafSpine fabric;
  fabric.sprays = true;
  Engine& e = fabric.build(threads);
  e.set_loss(LeafSpine::leaf_port(1, kBelow), 0.01);
  load(e, 500'000);
  e.run_until(5 * kMs, true);
  CHECK_EQ(e.unfinished(), 0U);
  CHECK(e.totals().retransmitted_packets > 0);
  return outcome(e);
}

/// A dead uplink that nobody notices, a small MTU behind another, retries that run out.
std::vector<std::int64_t> broken(std::uint32_t threads) {
  LeafSpine fabric;
  fabric.parts.nic.retransmit_timeout_ps = 30 * kUs;
  fabric.parts.nic.retry_count = 2;
  Engine& e = fabric.build(threads);
  load(e, 300'000);
  e.run_until(6 * kUs + 123, true);
  e.set_link(LeafSpine::leaf_port(0, kBelow), false);
  e.set_frame_limit(LeafSpine::leaf_port(2, kBelow + 1), 1'500);
  e.run_until(2 * kMs, true);
  CHECK(e.totals().failed_qps > 0);
  const auto of = [&](Drop reason) {
    return e.totals().drop_packets[static_cast<std::size_t>(reason)];
  };
  CHECK(of(Drop::kLinkDown) > 0 && of(Drop::kMtuExceeded) > 0);
  return outcome(e);
}
}  // namespace

TEST(no_result_depends_on_how_many_threads_there_are) {
  for (const auto run : {&crowded, &sprayed, &broken}) {
    const auto alone = run(1);
    for (const std::uint32_t threads : {2U, 3U, 4U, 9U}) CHECK(run(threads) == alone);
  }
}

TEST(threads_take_part_where_there_is_work) {
  LeafSpine fabric;
  Engine& e = fabric.build(2);
  e.post(e.add_qp(0, 5, 50'000, 3, Verb::kWrite), 100'000, 0);
  e.run_until(kMs, true);
  CHECK(!EngineTest::has_crew(e));  // one packet at a time is not worth it
  load(e, 500'000);
  e.run_until(5 * kMs, true);
  CHECK(EngineTest::has_crew(e));
}

TEST(a_host_goes_with_its_leaf_and_lanes_get_equal_shares_of_every_tier) {
  LeafSpine fabric;
  Engine& e = fabric.build(1);
  const auto lane = deal_nodes(e.nodes(), e.ports(), 2);
  for (std::uint32_t i = 0; i < kHosts; ++i) CHECK_EQ(lane[i], lane[kHosts + i / kBelow]);
  const std::vector<std::uint16_t> switches(lane.begin() + kHosts, lane.end());
  CHECK(switches == std::vector<std::uint16_t>({0, 0, 1, 1, 0, 1}));
  for (const auto l : deal_nodes(e.nodes(), e.ports(), 1)) CHECK_EQ(l, 0);
}

TEST(a_crew_does_each_piece_once_per_member_and_hands_on_what_is_thrown) {
  Crew crew(4);
  std::vector<int> done(4);
  auto count = [&](std::uint32_t member) { ++done[member]; };
  for (int i = 0; i < 1'000; ++i) crew.run(count);
  CHECK(done == std::vector<int>(4, 1'000));
  auto raise = [](std::uint32_t member) {
    if (member == 2) throw std::runtime_error("two");
  };
  bool thrown = false;
  try {
    crew.run(raise);
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  CHECK(thrown);
  crew.run(count);
  CHECK(done == std::vector<int>(4, 1'001));
}

TEST(who_forwards_packets_needs_an_engine_of_one_thread) {
  LeafSpine fabric;
  Engine& e = fabric.build(2);
  bool refused = false;
  try {
    e.set_outside(nullptr);
  } catch (const std::logic_error&) {
    refused = true;
  }
  CHECK(refused);
}
