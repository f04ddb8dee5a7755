// SPDX-License-Identifier: Apache-2.0
// A switch under load: pauses, drops, classes, floods.
#include <numeric>

#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
/// Endpoints 1 … n-1 each send one message to endpoint 0 at the same time.
struct Incast {
  Star star;
  explicit Incast(std::uint32_t endpoints) : star(endpoints) {
    star.chip.mmu.buffer_bytes = 4'000'000;
    star.chip.mmu.alpha_lossless = 0.125;
    star.nic.retransmit_timeout_ps = kMs;
  }
  Engine& go(std::int64_t bytes, std::uint8_t priority = 3) {
    Engine& e = star.build();
    for (std::uint32_t i = 1; i < star.n; ++i) {
      e.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i), priority, Verb::kWrite);
      e.post(i - 1, bytes, 0);
    }
    return e;
  }
  void check_all_done_and_drained() {
    Engine& e = star.engine;
    for (const Message& m : e.messages()) CHECK(m.end > 0 && !m.failed);
    e.run_until(e.now() + 10 * kMs, false);
    CHECK_EQ(e.in_flight().first, 0U);
    CHECK_EQ(e.switches()[0].mmu.pool_used(), 0);
    for (const PriorityGroup& pg : e.groups()) {
      CHECK_EQ(pg.used, 0);
      CHECK_EQ(pg.headroom, 0);
      CHECK(!pg.xoff);
    }
    const Totals& t = e.totals();
    const auto lost =
        std::accumulate(t.drop_packets.begin(), t.drop_packets.end(), std::uint64_t{0});
    CHECK_EQ(t.injected_packets + t.copied_packets,
             t.delivered_packets + t.discarded_packets + lost);
  }
};
std::uint64_t all_drops(const Engine& e) {
  const Totals& t = e.totals();
  return std::accumulate(t.drop_packets.begin(), t.drop_packets.end(), std::uint64_t{0});
}
}  // namespace

TEST(incast_with_pfc_loses_nothing_and_ends_when_the_link_has_carried_it) {
  Incast in(9);
  Engine& e = in.go(400'000);
  in.star.run();
  CHECK(e.totals().pfc_frames > 0);
  CHECK_EQ(all_drops(e), 0U);
  CHECK_EQ(e.totals().retransmitted_packets, 0U);
  // 8 x 98 packets back to back on one link: 8 first, 8 x 96 middle, 8 last.
  const std::int64_t wire = 8 * 4194 + 8 * 96 * 4178 + 8 * (62 + 4 + 400'000 - 97 * 4096 + 20);
  Ps last = 0;
  for (const Message& m : e.messages()) last = std::max(last, m.end);
  const Ps least = serialisation_ps(wire, in.star.rate);
  CHECK(last > least);
  CHECK(last < least + 4 * kUs);  // PFC costs no throughput here
  in.check_all_done_and_drained();
}

TEST(incast_without_pfc_drops_and_go_back_n_repairs) {
  Incast in(9);
  in.star.chip.mmu.lossless = 0;
  in.star.nic.lossless = 0;
  in.star.chip.mmu.alpha_lossy = 0.125;
  Engine& e = in.go(400'000);
  in.star.run(kPsPerSecond);
  CHECK_EQ(e.totals().pfc_frames, 0U);
  CHECK(in.star.dropped(Drop::kEgressLimit) > 0);
  CHECK_EQ(all_drops(e), in.star.dropped(Drop::kEgressLimit));
  CHECK(e.totals().retransmitted_packets > 0);
  CHECK_EQ(e.totals().delivered_payload, 8U * 400'000);
  in.check_all_done_and_drained();
}

TEST(headroom_that_is_too_small_is_reported_as_such) {
  Incast in(9);
  in.star.headroom = 20'000;
  Engine& e = in.go(400'000);
  in.star.run(kPsPerSecond);
  CHECK(in.star.dropped(Drop::kHeadroomExceeded) > 0);
  CHECK_EQ(all_drops(e), in.star.dropped(Drop::kHeadroomExceeded));
  for (const PriorityGroup& pg : e.groups()) CHECK(pg.headroom_max <= 20'000);
  in.check_all_done_and_drained();
}

TEST(no_drop_while_headroom_covers_the_round_trip) {
  // From XOFF until the last byte of the sender: the pause frame waits for one
  // data frame, is sent, flies, is reacted to while one more frame starts;
  // what is in the pipeline and on the cable comes in meanwhile.
  for (const Ps delay : {15 * kNs, 150 * kNs, 1'500 * kNs}) {
    for (const Ps reaction : {Ps{0}, Ps{1'158'400}}) {
      Incast in(5);
      in.star.delay = delay;
      in.star.reaction = reaction;
      in.star.chip.mmu.cell_bytes = 1;
      const Ps frame = serialisation_ps(4178 + 20, in.star.rate);
      const Ps pause = serialisation_ps(64 + 8, in.star.rate);
      const Ps trip = 2 * frame + pause + 2 * delay + reaction + in.star.chip.pipeline_ps;
      in.star.headroom = trip / 20 + 4178;
      in.star.chip.mmu.buffer_bytes = 10'000'000;
      in.star.chip.mmu.alpha_lossless = 0.01;
      Engine& e = in.go(2'000'000);
      in.star.run(kPsPerSecond);
      CHECK(e.totals().pfc_frames > 0);
      CHECK_EQ(all_drops(e), 0U);
      std::int64_t most = 0;
      for (const PriorityGroup& pg : e.groups()) most = std::max(most, pg.headroom_max);
      CHECK(most <= in.star.headroom);
      CHECK(most > in.star.headroom - 5 * 4178);  // and little of it is idle
    }
  }
}

TEST(nothing_leaves_a_sender_while_it_is_paused) {
  Incast in(3);
  Engine& e = in.go(2'000'000);
  e.set_storm(1, 3, true);  // pauses the switch towards 1; its ACKs need that port
  e.set_storm(0, 3, true);  // pauses the switch towards 0
  e.run_until(60 * kUs, false);
  CHECK(e.totals().xoff_episodes >= 2);
  const std::uint64_t sent = e.totals().data_packets;
  e.run_until(700 * kUs, false);
  CHECK_EQ(e.totals().data_packets, sent);
}

TEST(a_pause_is_refreshed_at_half_its_time_for_as_long_as_it_is_needed) {
  Incast in(3);
  in.star.nic.retransmit_timeout_ps = 100 * kMs;
  Engine& e = in.go(2'000'000);
  e.set_storm(0, 3, true);
  e.run_until(100 * kUs, false);
  const std::uint64_t before = in.star.queue(3 + 1, 3).pfc_tx;
  CHECK(before > 0);
  const Ps half = pause_ps(0xFFFF, in.star.rate) / 2;
  e.run_until(100 * kUs + 100 * half, false);
  const std::uint64_t after = in.star.queue(3 + 1, 3).pfc_tx;
  CHECK_NEAR(static_cast<double>(after - before), 100, 1);
  CHECK_EQ(in.star.queue(1, 3).pfc_rx, after);
  e.set_storm(0, 3, false);
  in.star.run();
  in.check_all_done_and_drained();
  CHECK_EQ(e.totals().xoff_episodes, e.totals().xon_frames - 1);  // one XON ended the storm
}

TEST(what_a_pause_without_an_end_stopped_goes_on_with_its_xon) {
  // The senders stay paused, so nothing else reminds the switch of what waits in it.
  Incast in(3);
  in.star.engine.set_pauses_hold(true);
  in.star.nic.retransmit_timeout_ps = 100 * kMs;
  Engine& e = in.go(2'000'000);
  e.set_storm(0, 3, true);
  e.run_until(300 * kUs, false);
  const std::uint64_t sent = in.star.queue(3, 3).tx_packets;
  e.set_storm(0, 3, false);
  e.run_until(310 * kUs, false);
  CHECK(in.star.queue(3, 3).tx_packets > sent + 50);
  in.star.run();
  in.check_all_done_and_drained();
}

TEST(short_quanta_hold_as_well_as_long_ones) {
  for (const std::uint32_t quanta : {100U, 1'000U, 0xFFFFU}) {
    Incast in(9);
    in.star.chip.pfc_quanta = quanta;
    Engine& e = in.go(400'000);
    in.star.run();
    CHECK(e.totals().pfc_frames >= e.totals().xoff_episodes);
    CHECK_EQ(all_drops(e), 0U);
    in.check_all_done_and_drained();
  }
}

TEST(a_larger_xon_offset_means_fewer_and_longer_pauses) {
  std::uint64_t episodes[2];
  int i = 0;
  for (const std::int64_t offset : {0, 100'000}) {
    Incast in(5);
    in.star.chip.mmu.xon_bytes = 1'000;
    in.star.chip.mmu.xon_offset_bytes = offset;
    Engine& e = in.go(2'000'000);
    in.star.run();
    episodes[i++] = e.totals().xoff_episodes;
    CHECK_EQ(all_drops(e), 0U);
  }
  CHECK(episodes[0] > episodes[1]);
  CHECK(episodes[1] > 0);
  CHECK(episodes[1] > 0);
}

TEST(a_notification_passes_a_full_queue) {
  Incast in(5);
  Engine& e = in.go(1'000'000);
  const auto qp = e.add_qp(0, 1, 60'000, 3, Verb::kWrite);  // its CNPs go from 1 to 0
  const auto m = e.post(qp, 4096, 20 * kUs);
  e.run_until(20 * kUs, false);
  CHECK(in.star.queue(5, 3).bytes > 1'000'000);  // more than 20 us of data wait for that port
  EngineTest::control(e, Kind::kCnp, qp, 0, 20 * kUs);
  // Both at the sender's port and at the switch's it waits for one frame at most.
  e.run_until(20 * kUs + in.star.flight(78) + 2 * serialisation_ps(4178, in.star.rate) + 1, false);
  CHECK_EQ(e.messages()[m].cnps, 1U);
}

TEST(a_paused_class_does_not_stop_another) {
  Star star(3);
  Engine& e = star.build();
  e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  e.add_qp(2, 0, 50'001, 0, Verb::kWrite);
  e.set_storm(0, 3, true);
  e.post(0, 400'000, 10 * kUs);
  e.post(1, 400'000, 10 * kUs);
  e.run_until(80 * kUs, false);
  CHECK_EQ(star.message(0).end, -1);
  CHECK(star.message(1).end > 0);
}

TEST(a_pause_for_a_lossy_class_is_counted_and_ignored) {
  Star star(2);
  Engine& e = star.build();
  e.add_qp(1, 0, 50'000, 0, Verb::kWrite);
  e.set_storm(0, 0, true);
  e.post(0, 4096, 10 * kUs);
  e.run_until(80 * kUs, false);
  CHECK_EQ(star.message(0).end, 10 * kUs + star.flight(4178));
  CHECK(star.queue(2, 0).pfc_rx > 0);
  CHECK_EQ(star.queue(2, 0).paused_total(80 * kUs), 0);
}

TEST(two_flows_share_a_link_equally) {
  Star star(3);
  Engine& e = star.build();
  e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  e.add_qp(2, 0, 50'001, 3, Verb::kWrite);
  e.post(0, 400 * 4096, 0);
  e.post(1, 400 * 4096, 0);
  star.run();
  // 800 packets back to back behind the first: by hand, the link is never idle.
  const Ps byte = 20;
  const Ps lead = 4182 * byte + star.delay + star.chip.pipeline_ps;
  const Ps burst = 2 * 4194 * byte + 2 * 398 * 4178 * byte + 4182 * byte;
  const Ps last = lead + burst + 4170 * byte + star.delay + star.nic_receive;
  CHECK_EQ(std::max(star.message(0).end, star.message(1).end), last);
  CHECK_NEAR(static_cast<double>(star.message(0).end - star.message(1).end), 0, 4182 * byte);
}

TEST(dcqcn_brings_an_incast_below_the_pause_threshold) {
  std::uint64_t frames[2];
  for (int on = 0; on < 2; ++on) {
    Incast in(5);
    in.star.nic.congestion_control = on != 0;
    test::dcqcn(in.star.nic).rate_ai_bps = 5'000'000;
    test::dcqcn(in.star.nic).rate_hai_bps = 50'000'000;
    in.star.ecn = {50'000, 100'000, 0.2, 8};
    Engine& e = in.go(4'000'000);
    in.star.run(kPsPerSecond);
    frames[on] = e.totals().pfc_frames;
    CHECK_EQ(e.totals().cnp_packets > 0, on != 0);
    CHECK(e.totals().marked_packets > 0);
    CHECK_EQ(e.unfinished(), 0U);
  }
  CHECK(frames[1] * 2 < frames[0]);
}

TEST(lossy_queues_share_the_pool_by_their_dynamic_threshold) {
  Incast in(17);
  in.star.chip.mmu.alpha_lossy = 1.0;
  in.star.headroom = 0;
  Engine& e = in.go(400'000, 0);
  in.star.run(kPsPerSecond);
  // One queue with alpha 1 settles at half of the pool.
  const std::int64_t pool = e.switches()[0].mmu.pool_bytes();
  CHECK_NEAR(static_cast<double>(in.star.queue(17, 0).bytes_max), static_cast<double>(pool) / 2,
             static_cast<double>(pool) * 0.02);
  CHECK(in.star.dropped(Drop::kEgressLimit) > 0);
  in.check_all_done_and_drained();
}

TEST(a_full_pool_drops_lossy_packets_as_buffer_full) {
  Incast in(17);
  in.star.chip.mmu.buffer_bytes = 400'000;
  in.star.chip.mmu.alpha_lossy = 1'000.0;
  in.star.headroom = 0;
  Engine& e = in.go(400'000, 0);
  in.star.run(kPsPerSecond);
  CHECK(in.star.dropped(Drop::kBufferFull) > 0);
  CHECK(e.switches()[0].mmu.pool_used_max() <= 400'000);
  in.check_all_done_and_drained();
}

TEST(a_slow_receiver_pauses_instead_of_overflowing) {
  Star star(2);
  star.nic.retransmit_timeout_ps = 10 * kMs;
  Engine& e = star.build();
  e.set_receive_rate(0, 100 * kGbps);
  e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  e.post(0, 10'000'000, 0);
  star.run();
  CHECK_EQ(all_drops(e), 0U);
  CHECK(star.queue(0, 3).pfc_tx > 0);
  // 10 MB at 100G take 800 us; up to 1 MB may still be in the receive buffer.
  const double took = static_cast<double>(star.message(0).end) / kUs;
  CHECK(took > 800 * 0.88 && took < 830);
}

TEST(a_slow_receiver_without_pfc_overflows) {
  Star star(2);
  star.nic.lossless = 0;
  Engine& e = star.build();
  e.set_receive_rate(0, 100 * kGbps);
  e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  e.post(0, 10'000'000, 0);
  star.run(kPsPerSecond);
  CHECK(star.dropped(Drop::kReceiverOverflow) > 0);
}

TEST(a_receiver_that_is_quick_again_resumes_its_sender) {
  Star star(2);
  star.nic.retransmit_timeout_ps = 10 * kMs;
  Engine& e = star.build();
  e.set_receive_rate(0, kGbps);
  e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  e.post(0, 10'000'000, 0);
  e.run_until(500 * kUs, false);
  CHECK_EQ(star.message(0).end, -1);
  e.set_receive_rate(0, 0);
  e.run_until(900 * kUs, false);
  CHECK(star.message(0).end > 500 * kUs);
  CHECK_EQ(all_drops(e), 0U);
}

TEST(a_slow_receiver_with_two_ports_pauses_both_links) {
  Star star(2);
  Engine e{1};
  const auto nic = e.add_nic_profile(star.nic);
  const auto chip = e.add_switch_profile(star.chip);
  const auto none = e.add_ecn_profile(star.ecn);
  e.add_endpoint(2, nic, star.nic_receive);  // ports 0 and 1
  e.add_endpoint(1, nic, star.nic_receive);  // port 2
  e.add_switch(3, chip);                     // ports 3, 4, 5
  for (std::uint32_t i = 0; i < 3; ++i) e.connect(i, 3 + i, star.rate, star.delay);
  for (std::uint32_t port = 0; port < 6; ++port) {
    e.set_port_pfc(port, star.reaction);
    e.set_port_ecn(port, none);
    if (port >= 3) e.set_headroom(port, 3, star.headroom);
  }
  const auto to_slow = e.tables().groups.add({3, 4});
  const auto to_sender = e.tables().groups.add({5});
  const auto from_slow = e.tables().groups.add({0, 1});
  const auto from_sender = e.tables().groups.add({2});
  e.tables().port_group.assign(6, kNotLearned);
  e.tables().switches[0].fib = {to_slow, to_sender};
  e.finish_build();
  e.set_endpoint_group(0, from_slow);
  e.set_endpoint_group(1, from_sender);
  e.set_receive_rate(0, 100 * kGbps);
  for (std::uint32_t i = 0; i < 8; ++i) {  // enough of them that both ports get some
    e.add_qp(1, 0, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
    e.post(i, 1'000'000, 0);
  }
  e.run_until(kNever / 2, true);
  const auto queue = [&](std::uint32_t port) -> const EgressQueue& {
    return e.queues()[port * kPriorities + 3];
  };
  for (const std::uint32_t port : {0U, 1U}) {
    CHECK(queue(3 + port).tx_packets > 100);
    CHECK(queue(port).pfc_tx > 0);
    // One buffer behind both: the pauses are those of both links alike, though
    // the last ones may still be on their way.
    CHECK_EQ(queue(port).pfc_tx, queue(1 - port).pfc_tx);
    CHECK(queue(3 + port).pfc_rx + 1 >= queue(port).pfc_tx);
    CHECK(queue(3 + port).paused_total(e.now()) > 10 * kUs);
  }
  CHECK_EQ(all_drops(e), 0U);
  CHECK_EQ(e.unfinished(), 0U);
}

TEST(a_link_that_blinks_loses_what_was_on_it_and_goes_on) {
  // Down for 20 ns around the first frame of a flow, while the switch is busy
  // with another: go-back-N sends again what was lost, and all is accounted for.
  for (Ps down = kUs + 5 * kNs; down < kUs + 100 * kNs; down += 10 * kNs) {
    Star star(3);
    Engine& e = star.build();
    e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
    e.add_qp(2, 0, 50'001, 3, Verb::kWrite);
    e.post(0, 40'000, kUs);
    e.post(1, 400'000, 0);
    e.run_until(down, true);
    e.set_link(1, false);
    e.run_until(down + 20 * kNs, true);
    e.set_link(1, true);
    e.run_until(kNever / 2, true);
    CHECK_EQ(e.unfinished(), 0U);
    const Totals& t = e.totals();
    CHECK_EQ(t.injected_packets, t.delivered_packets + all_drops(e) + e.in_flight().first);
  }
}

TEST(a_dead_link_loses_what_is_on_it_and_what_is_sent_into_it) {
  Star star(2);
  star.delay = 2 * kUs;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 100 * 4096, 0);
  const Ps cut = 5 * kUs;
  e.run_until(cut, false);
  e.set_link(0, false);
  // On the cable: frames whose last bit left before the cut and is not there yet.
  const std::uint64_t lost = star.dropped(Drop::kLinkDown);
  const double flying = static_cast<double>(2 * kUs) / (4178 * 20);
  CHECK_NEAR(static_cast<double>(lost), flying, 2);
  e.run_until(20 * kUs, false);
  CHECK_EQ(star.dropped(Drop::kLinkDown),
           100 - (e.totals().data_packets - lost - (star.dropped(Drop::kLinkDown) - lost)));
  CHECK_EQ(e.totals().delivered_packets + star.dropped(Drop::kLinkDown) + e.in_flight().first,
           e.totals().injected_packets);
}

TEST(a_detected_port_flushes_its_queue_and_gives_the_buffer_back) {
  Incast in(5);
  Engine& e = in.go(400'000);
  e.run_until(10 * kUs, false);
  CHECK(in.star.queue(5, 3).bytes > 0);
  e.set_link(5, false);
  e.port_detected(5, false);
  CHECK_EQ(in.star.queue(5, 3).bytes, 0);
  CHECK_EQ(e.switches()[0].mmu.pool_used(), 0);
  e.run_until(50 * kUs, false);
  e.set_link(5, true);
  e.port_detected(5, true);
  e.port_detected(0, true);
  in.star.run();
  in.check_all_done_and_drained();
}

TEST(a_lossy_link_loses_its_share) {
  Star star(2);
  star.nic.ack_interval = 1'000'000;
  star.nic.retransmit_timeout_ps = kMs;
  Engine& e = star.build();
  for (const std::uint32_t port : {0U, e.ports()[0].peer}) e.set_loss(port, 0.02);
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4'000 * 4096, 0);
  star.run(kPsPerSecond);
  CHECK(star.message(0).end > 0);
  const double share = static_cast<double>(star.dropped(Drop::kLinkError)) /
                       static_cast<double>(e.totals().data_packets + e.totals().nak_packets);
  CHECK_NEAR(share, 0.02, 0.005);
}

TEST(a_black_hole_takes_only_what_it_is_set_for) {
  Star star(3);
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.add_qp(0, 2, 50'001, 3, Verb::kWrite);
  e.set_black_hole(0, true, {1});
  e.post(0, 4096, 0);
  e.post(1, 4096, 0);
  e.run_until(50 * kUs, false);
  CHECK_EQ(star.message(0).end, -1);
  CHECK(star.message(1).end > 0);
  CHECK_EQ(star.dropped(Drop::kBlackHole), 1U);
}

TEST(a_silent_host_neither_sends_nor_answers_and_then_goes_on) {
  Star star(2);
  star.nic.retry_count = 100;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.add_qp(1, 0, 50'001, 3, Verb::kWrite);
  e.set_silent(1, true);
  e.post(0, 4096, 0);
  e.post(1, 4096, 0);
  e.run_until(50 * kUs, false);
  CHECK_EQ(star.dropped(Drop::kHostSilent), 1U);
  CHECK_EQ(star.message(1).first_tx, -1);
  e.set_silent(1, false);
  star.run(10 * kMs);
  CHECK_EQ(star.message(0).end, 100 * kUs + star.flight(4178));
  CHECK_EQ(star.message(1).first_tx, 50 * kUs);
}

namespace {
/// The star as a bridge: every port a learning port, all others its flood list.
void bridge(Star& star, bool known) {
  Engine& e = star.engine;
  SwitchTables& table = e.tables().switches[0];
  table.bridged = true;
  for (std::uint32_t i = 0; i < star.n; ++i) {
    e.tables().port_group[star.n + i] = static_cast<std::int32_t>(i);
    if (!known) table.fib[i] = kRouteFlood;
    for (std::uint32_t j = 0; j < star.n; ++j) {
      if (i != j)
        table.flood[static_cast<std::int32_t>(i)].push_back(static_cast<std::uint16_t>(j));
    }
  }
}
}  // namespace

TEST(an_unknown_address_is_flooded_until_it_has_been_learned) {
  Star star(4);
  Engine& e = star.build();
  bridge(star, false);
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 2 * 4096, 0);  // 0 is learned from it, 1 from its ACK
  e.post(0, 2 * 4096, 50 * kUs);
  e.run_until(kMs, false);
  CHECK_EQ(e.totals().flooded_packets, 2U);
  CHECK_EQ(e.totals().copied_packets, 4U);     // three copies each, one is the original
  CHECK_EQ(e.totals().discarded_packets, 4U);  // at 2 and 3
  CHECK(star.message(1).end > 0);
  CHECK_EQ(e.in_flight().first, 0U);
  CHECK_EQ(e.switches()[0].mmu.pool_used(), 0);
  CHECK_EQ(e.totals().injected_packets + e.totals().copied_packets,
           e.totals().delivered_packets + e.totals().discarded_packets);
}

TEST(a_paused_port_holds_the_buffer_of_a_flooded_packet) {
  Star star(4);
  Engine& e = star.build();
  bridge(star, false);
  e.set_storm(2, 3, true);
  e.set_storm(3, 3, true);
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 10 * kUs);
  e.run_until(60 * kUs, false);
  CHECK(star.message(0).end > 0);
  CHECK_EQ(e.in_flight().first, 2U);
  // Copies share one charge of the buffer until the last has left.
  CHECK_EQ(e.switches()[0].mmu.pool_used(), (4178 + 253) / 254 * 254);
  e.set_storm(2, 3, false);
  e.run_until(70 * kUs, false);
  CHECK_EQ(e.switches()[0].mmu.pool_used(), (4178 + 253) / 254 * 254);
  e.set_storm(3, 3, false);
  e.run_until(100 * kUs, false);
  CHECK_EQ(e.switches()[0].mmu.pool_used(), 0);
}

TEST(an_aged_address_floods_although_it_is_in_the_table) {
  Star star(3);
  Engine& e = star.build();
  bridge(star, true);
  e.tables().mac_age_ps = 100 * kUs;
  e.tables().switches[0].ageing = true;
  e.tables().switches[0].seen_us.assign(3, 0);
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 50 * kUs);
  e.run_until(60 * kUs, false);
  CHECK_EQ(e.totals().flooded_packets, 0U);  // and 1 was seen again by its ACK, 0 by its data
  e.post(0, 4096, 140 * kUs);
  e.run_until(150 * kUs, false);
  CHECK_EQ(e.totals().flooded_packets, 0U);
  e.post(0, 4096, 260 * kUs);
  e.run_until(300 * kUs, false);
  CHECK_EQ(e.totals().flooded_packets, 1U);
}

TEST(a_full_table_learns_nothing_more) {
  Star star(3);
  Engine& e = star.build();
  bridge(star, false);
  e.tables().mac_table_max = 1;
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  for (int i = 0; i < 5; ++i) e.post(0, 4096, i * 20 * kUs);
  e.run_until(kMs, false);
  CHECK_EQ(e.tables().switches[0].macs, 1U);
  CHECK_EQ(e.totals().flooded_packets, 5U);  // 1 stays unknown; 0 took the only entry
}

TEST(forgotten_addresses_flood_again) {
  Star star(3);
  Engine& e = star.build();
  bridge(star, false);
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 0);
  e.run_until(20 * kUs, false);
  e.flush_macs(0, {1});
  e.post(0, 4096, 30 * kUs);
  e.run_until(60 * kUs, false);
  CHECK_EQ(e.totals().flooded_packets, 2U);
}

TEST(a_bridge_never_sends_a_frame_back_where_it_came_from) {
  Star star(3);
  Engine& e = star.build();
  bridge(star, true);
  e.set_fib(0, {1}, 0);  // 1 was last seen where 0 is
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 0);
  e.run_until(20 * kUs, false);
  CHECK_EQ(star.dropped(Drop::kSamePort), 1U);
  CHECK_EQ(e.in_flight().first, 0U);
}

TEST(a_blocked_port_drops_what_arrives) {
  Star star(2);
  Engine& e = star.build();
  e.tables().port_group[2] = kPortBlocked;
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 0);
  e.run_until(20 * kUs, false);
  CHECK_EQ(star.dropped(Drop::kStpBlocked), 1U);
}

TEST(a_route_to_nowhere_drops_as_no_route) {
  Star star(2);
  Engine& e = star.build();
  e.set_fib(0, {1}, kRouteDrop);
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 0);
  e.run_until(20 * kUs, false);
  e.set_fib(0, {1}, 1);
  e.set_group(1, {});
  e.run_until(120 * kUs, false);
  CHECK_EQ(star.dropped(Drop::kNoRoute), 2U);
}

TEST(a_pause_that_a_port_forgets_ends_now_and_not_in_the_past) {
  Incast in(3);
  Engine& e = in.go(2'000'000);
  e.set_storm(0, 3, true);
  e.run_until(60 * kUs, false);
  CHECK(in.star.queue(1, 3).paused_until > 60 * kUs);
  const auto qp = e.add_qp(1, 2, 60'000, 3, Verb::kWrite);
  const auto m = e.post(qp, 4096, 60 * kUs);
  e.run_until(70 * kUs, false);
  CHECK_EQ(in.star.message(m).first_tx, -1);
  e.port_detected(1, true);
  e.run_until(80 * kUs, false);
  CHECK(in.star.message(m).first_tx >= 70 * kUs);
}

TEST(arp_broadcasts_reach_everybody_else) {
  Star star(4);
  star.engine.set_arp({100 * kUs, 64, 0});
  Engine& e = star.build();
  bridge(star, true);
  e.run_until(kMs, false);
  const std::uint64_t asked = e.totals().arp_packets;
  CHECK_NEAR(static_cast<double>(asked), 4 * 10, 4);
  CHECK_EQ(e.totals().delivered_packets, 3 * asked);
  CHECK_EQ(e.totals().flooded_packets, asked);
}

TEST(results_do_not_depend_on_where_a_run_is_split) {
  const auto ends = [](Ps step) {
    Incast in(7);
    in.star.nic.congestion_control = true;
    in.star.ecn = {50'000, 200'000, 0.2, 8};
    Engine& e = in.go(300'000);
    for (Ps t = step; t < 2 * kMs; t += step) {
      e.run_until(t, false);
      e.sample();
    }
    e.run_until(2 * kMs, false);
    std::vector<std::int64_t> out;
    for (const Message& m : e.messages()) {
      out.insert(out.end(), {m.first_tx, m.end, m.acked, m.marked_packets, m.cnps});
    }
    out.push_back(static_cast<std::int64_t>(e.totals().packet_hops));
    out.push_back(static_cast<std::int64_t>(e.totals().pfc_frames));
    return out;
  };
  const auto whole = ends(5 * kMs);
  for (const Ps step : {777'777, 1'000'003, 50'000'000}) CHECK(ends(step) == whole);
}

TEST(one_direction_of_a_link_can_lose_what_the_other_carries) {
  Star star(2);
  star.nic.retransmit_timeout_ps = 20 * kUs;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.set_loss(2, 1.0);  // the switch's port to 0: what 0 sends still arrives
  e.post(0, 4096, 0);
  e.run_until(15 * kUs, false);
  CHECK(star.message(0).end > 0);
  CHECK_EQ(star.message(0).acked, -1);
  CHECK_EQ(star.dropped(Drop::kLinkError), 1U);  // its acknowledgement
}

TEST(a_slow_link_takes_as_long_as_its_rate_says_and_recovers) {
  for (const bool cut_through : {false, true}) {
    Star star(2);
    star.chip.cut_through = cut_through;
    Engine& e = star.build();
    e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
    const Bps half = star.rate / 2;
    const auto took = [&](std::uint32_t message) {
      star.run();
      return star.message(message).end - star.message(message).post;
    };
    e.post(0, 409'600, e.now());
    const Ps healthy = took(0);
    e.set_rate(0, half);  // from 0 to the switch, and back
    e.post(0, 409'600, e.now());
    const Ps slow = took(1);
    e.set_rate(0, star.rate);
    e.post(0, 409'600, e.now());
    CHECK_EQ(took(2), healthy);
    // 100 frames one after the other, and their headers, take twice as long.
    const Ps frame = serialisation_ps(4096, star.rate);
    CHECK(slow - healthy > 99 * frame);
    CHECK(slow - healthy < 105 * frame);
  }
}

TEST(a_switch_that_forgot_its_ecn_profile_marks_nothing_until_it_has_it_again) {
  std::uint64_t marked[3];
  for (int i = 0; i < 3; ++i) {
    Incast in(5);
    in.star.nic.ecn_capable = true;
    in.star.ecn = {20'000, 40'000, 1.0, 8};
    Engine& e = in.go(400'000);
    if (i > 0) e.set_marking(0, false);
    if (i > 1) e.set_marking(0, true);
    in.star.run();
    marked[i] = e.totals().marked_packets;
  }
  CHECK(marked[0] > 0);
  CHECK_EQ(marked[1], 0U);
  CHECK_EQ(marked[2], marked[0]);
}
