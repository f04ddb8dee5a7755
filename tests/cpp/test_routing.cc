// SPDX-License-Identifier: Apache-2.0
// Routing policies on next hops of which everything is known, and what senders
// and receivers do with packets that overtake each other.
#include <algorithm>
#include <string>
#include <vector>

#include "check.h"
#include "emu/core/routing/registry.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
/// Next hops whose queues and loads the test sets.
struct FakeHops {
  std::vector<std::int64_t> queues;
  std::vector<bool> up = std::vector<bool>(queues.size(), true);
  std::vector<std::uint64_t> sent = std::vector<std::uint64_t>(queues.size());
  std::vector<std::uint32_t> far = std::vector<std::uint32_t>(queues.size());
  Ps at = 0;
  std::uint32_t path = 0;

  std::uint32_t size() const { return static_cast<std::uint32_t>(queues.size()); }
  std::uint32_t group() const { return 5; }
  Ps now() const { return at; }
  std::uint32_t port_index(std::uint32_t i) const { return 10 + i; }
  std::uint32_t hashed() const { return 0; }
  std::uint32_t hashed(std::uint32_t entropy) const { return entropy % size(); }
  bool alive(std::uint32_t i) const { return up[i]; }
  std::int64_t queue_bytes(std::uint32_t i, const Packet&) const { return queues[i]; }
  std::int64_t queue_bytes_bound(std::uint32_t i, const Packet&) const { return queues[i] + 500; }
  std::uint64_t sent_bytes(std::uint32_t i, const Packet&) const { return sent[i]; }
  Ps time_of(std::uint32_t, std::int64_t bytes) const { return bytes * 20; }
  std::uint32_t remote_grade(std::uint32_t i, const Packet&) const { return far[i]; }
  std::uint32_t pin(const Packet&) const { return path; }
};

Adaptive adaptive(bool remote = false) {
  return Adaptive(RoutingParams({"quantum_bytes", "seed", "remote"}, {1'000, 3, remote ? 1 : 0}));
}

Flowlet flowlet() {
  return Flowlet(RoutingParams({"gap_ps", "load_interval_ps", "quantum_bytes", "load_weight",
                                "queue_weight", "slots", "seed"},
                               {1'000, 100, 1'000, 1, 1, 64, 3}));
}
}  // namespace

TEST(grades_rise_by_one_per_doubling_and_end_at_seven) {
  CHECK_EQ(queue_grade(999, 1'000), 0U);
  CHECK_EQ(queue_grade(1'000, 1'000), 1U);
  CHECK_EQ(queue_grade(1'999, 1'000), 1U);
  CHECK_EQ(queue_grade(2'000, 1'000), 2U);
  CHECK_EQ(queue_grade(std::int64_t{1} << 40, 1'000), 7U);
  CHECK_EQ(load_grade(50, 100), 4U);
  CHECK_EQ(load_grade(500, 100), 7U);
}

TEST(adaptive_takes_the_best_grade_and_spreads_over_equals) {
  Adaptive policy = adaptive();
  FakeHops hops{{5'000, 100, 5'000, 200}};
  std::vector<int> taken(4);
  for (int i = 0; i < 1'000; ++i) ++taken[policy.pick(hops, Packet{})];
  CHECK_EQ(taken[0] + taken[2], 0);
  CHECK(taken[1] > 200 && taken[3] > 200);
  hops.up = {true, false, true, false};
  for (int i = 0; i < 100; ++i) CHECK_EQ(policy.pick(hops, Packet{}) % 2, 0U);
}

TEST(remote_grades_count_only_for_the_global_variant) {
  FakeHops hops{{0, 0, 0, 0}};
  hops.far = {7, 7, 0, 7};
  Adaptive global = adaptive(true);
  Adaptive local = adaptive();
  int other = 0;
  for (int i = 0; i < 100; ++i) {
    CHECK_EQ(global.pick(hops, Packet{}), 2U);
    other += local.pick(hops, Packet{}) != 2 ? 1 : 0;
  }
  CHECK(other > 50);
}

TEST(a_flowlet_stays_until_the_gap_and_then_takes_the_better_port) {
  Flowlet policy = flowlet();
  FakeHops hops{{9'000, 0, 9'000, 9'000}};
  Packet packet{};
  packet.entropy = 12345;
  hops.at = 10;
  CHECK_EQ(policy.pick(hops, packet), 1U);
  hops.queues = {9'000, 9'000, 0, 9'000};
  for (int i = 0; i < 20; ++i) {  // never silent for long
    hops.at += 1'000;
    CHECK_EQ(policy.pick(hops, packet), 1U);
  }
  hops.at += 1'001;
  CHECK_EQ(policy.pick(hops, packet), 2U);
  hops.up[2] = false;  // for a dead port nobody waits
  hops.queues[3] = 0;
  hops.at += 1;
  CHECK_EQ(policy.pick(hops, packet), 3U);
}

TEST(flowlets_prefer_the_port_that_carried_less) {
  Flowlet policy = flowlet();
  FakeHops hops{{0, 0}};
  Packet packet{};
  hops.at = 1'000;
  policy.pick(hops, packet);
  hops.at = 1'001'000;
  hops.sent = {50'000, 5'000};  // all of the time and a tenth of it
  for (std::uint32_t flow = 0; flow < 50; ++flow) {
    packet.entropy = flow * 7'919;
    CHECK_EQ(policy.pick(hops, packet), 1U);
  }
}

TEST(values_in_turn_visit_members_in_turn_and_tiers_read_their_own_digit) {
  Spray leaf(RoutingParams({"digit"}, {1}));
  Spray spine(RoutingParams({"digit"}, {4}));
  const FakeHops hops{{0, 0, 0, 0}};
  std::vector<int> paths(16);
  for (std::uint32_t value = 0; value < 160; ++value) {
    Packet packet{};
    packet.entropy = with_value(0xABCD0000, value);
    ++paths[leaf.pick(hops, packet) * 4 + spine.pick(hops, packet)];
  }
  for (const int n : paths) CHECK_EQ(n, 10);
}

TEST(a_pin_is_a_port_whatever_else_is_in_the_group) {
  Pinned policy(RoutingParams({"digit", "uplink", "uplink", "uplink"}, {1, 10, 11, 12}));
  FakeHops hops{{0, 0, 0}};
  hops.path = 2;
  CHECK_EQ(policy.pick(hops, Packet{}), 2U);
  hops.up[2] = false;
  CHECK_EQ(policy.pick(hops, Packet{}), 0U);
}

TEST(every_policy_is_made_by_its_name) {
  CHECK_EQ(routing_names().size(), std::variant_size_v<Routing>);
  bool refused = false;
  try {
    make_routing("shortest", {});
  } catch (const std::invalid_argument& error) {
    refused = std::string(error.what()).find("shortest") != std::string::npos;
  }
  CHECK(refused);
}

TEST(feedback_uses_again_what_came_through_and_freezes_after_a_loss) {
  const EntropyParams params{EntropyMode::kFeedback, 1'000, 4, 100};
  EntropySource source;
  const std::uint32_t fresh = source.next(params, 1, 9, 0);
  CHECK(fresh < 1'000);
  source.came_through(params, 77);
  source.came_through(params, 78);
  CHECK_EQ(source.next(params, 1, 9, 0), 77U);
  CHECK_EQ(source.next(params, 1, 9, 0), 78U);
  source.lost(params, 50);
  for (int i = 0; i < 10; ++i) {  // old good ones, nothing new
    const std::uint32_t value = source.next(params, 1, 9, 149);
    CHECK(value == 77 || value == 78);
  }
  for (std::uint16_t v = 1; v <= 9; ++v) source.came_through(params, v);
  for (std::uint32_t v = 6; v <= 9; ++v) CHECK_EQ(source.next(params, 1, 9, 150), v);
}

TEST(counted_values_go_round) {
  const EntropyParams params{EntropyMode::kCounter, 3, 0, 0};
  EntropySource source;
  for (std::uint32_t i = 0; i < 9; ++i) CHECK_EQ(source.next(params, 1, 4, 0), (4 + i) % 3);
}

namespace {
/// A message over a lossy link to a receiver of the given kind.
void over_loss(Star& star, Receiver receiver, double loss) {
  star.nic.ack_interval = 4;
  star.nic.receiver = receiver;
  star.nic.reorder_packets = receiver == Receiver::kGoBackN ? 0 : 64;
  star.nic.loss_after = 8;
  star.build();
  star.engine.add_qp(0, 1, 0xC001, 3, Verb::kWrite);
  star.engine.set_loss(0, loss);
  star.engine.post(0, 4'096 * 2'000 + 5, 0);
  star.engine.post(0, 17, 0);
  star.run();
}
}  // namespace

TEST(selective_repeat_sends_each_lost_packet_once_more) {
  Star star(2);
  over_loss(star, Receiver::kSelective, 0.01);
  CHECK(star.message(0).end > 0 && star.message(1).end >= star.message(0).end);
  std::uint64_t lost = star.engine.drops()[0].packets[static_cast<std::size_t>(Drop::kLinkError)];
  CHECK(lost > 5);
  // Losing an ACK may cost a packet that had arrived.
  CHECK(star.engine.totals().retransmitted_packets >= lost);
  CHECK(star.engine.totals().retransmitted_packets <= lost + 2);
  CHECK_EQ(star.engine.totals().delivered_payload, 4'096U * 2'000 + 5 + 17);
}

TEST(an_in_order_receiver_asks_once_per_gap_and_gets_everything_from_it) {
  Star star(2);
  over_loss(star, Receiver::kInOrder, 0.002);
  CHECK(star.message(1).end > 0);
  CHECK(star.message(0).naks > 0);
  CHECK(star.engine.totals().retransmitted_packets > 2 * star.message(0).naks);
  CHECK_EQ(star.engine.totals().delivered_payload, 4'096U * 2'000 + 5 + 17);
  CHECK_EQ(star.engine.any_order()[0].placement.held, 0U);
}

TEST(reads_are_repaired_like_writes) {
  for (const int kind : {0, 1, 2}) {
    Star star(2);
    star.nic.receiver = kind == 2 ? Receiver::kSelective : Receiver::kInOrder;
    star.nic.sender_waits = kind == 1;
    star.nic.reorder_packets = 64;
    star.nic.loss_after = 8;
    star.build();
    star.engine.add_qp(0, 1, 0xC001, 3, Verb::kRead);
    star.engine.set_loss(0, 0.005);
    star.engine.post(0, 4'096 * 1'000, 0);
    star.engine.post(0, 4'096 * 3, kUs);
    star.run();
    CHECK(star.message(1).end >= star.message(0).end && star.message(0).end > 0);
    CHECK_EQ(star.engine.totals().delivered_payload, 4'096U * 1'003);
  }
}

TEST(a_lost_tail_is_repeated_after_the_timeout) {
  Star star(2);
  star.nic.receiver = Receiver::kSelective;
  star.nic.reorder_packets = 64;
  star.nic.loss_after = 8;
  star.build();
  star.engine.add_qp(0, 1, 0xC001, 3, Verb::kWrite);
  star.engine.set_loss(0, 1.0);
  star.engine.post(0, 4'096 * 3, 0);
  star.run(10 * kUs);
  star.engine.set_loss(0, 0.0);
  star.run();
  CHECK(star.message(0).end > star.nic.retransmit_timeout_ps);
  CHECK_EQ(star.engine.totals().retransmitted_packets, 3U);
}
