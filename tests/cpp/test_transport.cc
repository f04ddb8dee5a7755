// SPDX-License-Identifier: Apache-2.0
// Go-back-N to the picosecond. On a 400G link a byte takes 20 ps; a frame of f
// bytes is received f + 8 bytes after its start and the next one starts f + 20
// bytes after it. First frame of a WRITE 4174, middle 4158, last 4162.
#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
constexpr Ps kByte = 20;
constexpr Ps kFirstGap = 4194 * kByte;
constexpr Ps kGap = 4178 * kByte;

/// Start of packet `psn` of a message that is sent in one go at 0.
Ps start_of(std::uint32_t psn) { return psn == 0 ? 0 : kFirstGap + (psn - 1) * kGap; }

struct Pair {
  Star star;
  Engine* e = nullptr;

  /// Endpoint 0 sends one message of so many full packets to endpoint 1 at 0.
  Pair& go(int packets, Verb verb = Verb::kWrite) {
    e = &star.build();
    e->add_qp(0, 1, 50'000, 3, verb);
    if (packets > 0) e->post(0, packets * 4096, 0);
    return *this;
  }
  /// Loses what leaves the switch towards endpoint 1 in [from, to).
  void lose(Ps from, Ps to) {
    e->run_until(from, false);
    e->set_black_hole(3, true, {});
    e->run_until(to, false);
    e->set_black_hole(3, false, {});
  }
  /// Start of a frame at the sender until its start at the switch.
  Ps to_switch(std::int64_t frame) const {
    return (frame + 8) * kByte + star.delay + star.chip.pipeline_ps;
  }
  /// The longer first frame holds up the second link: from then on the frames of
  /// the message leave the switch as they left the sender, back to back.
  Ps departs(std::uint32_t psn) const { return to_switch(4174) + start_of(psn); }
  Ps arrives(std::uint32_t psn, std::int64_t frame) const {
    return departs(psn) + (frame + 8) * kByte + star.delay + star.nic_receive;
  }
};
}  // namespace

TEST(a_message_alone_ends_when_its_last_packet_has_arrived) {
  Pair p;
  p.go(10).e->run_until(kMs, false);
  CHECK_EQ(p.star.message(0).first_tx, 0);
  CHECK_EQ(p.star.message(0).end, p.arrives(9, 4162));
  CHECK_EQ(p.star.message(0).acked, p.star.message(0).end + p.star.flight(66));
  CHECK_EQ(p.e->totals().ack_packets, 1U);
  CHECK_EQ(p.e->totals().delivered_payload, 40'960U);
  CHECK_EQ(p.e->unfinished(), 0U);
}

TEST(acks_are_coalesced_and_a_message_end_is_always_acknowledged) {
  for (const int interval : {1, 4, 16}) {
    Pair p;
    p.star.nic.ack_interval = interval;
    p.go(10).e->run_until(kMs, false);
    CHECK_EQ(p.e->totals().ack_packets, static_cast<std::uint64_t>((10 + interval - 1) / interval));
  }
}

TEST(a_gap_is_answered_by_one_nak_and_everything_from_it_is_sent_again) {
  Pair p;
  p.go(10);
  const Ps lost = p.departs(2);
  p.lose(lost, lost + 1);
  p.e->run_until(kMs, false);
  const Ps nak_sent = p.arrives(3, 4158);
  const Ps again = nak_sent + p.star.flight(66);
  CHECK_EQ(p.star.dropped(Drop::kBlackHole), 1U);
  CHECK_EQ(p.e->totals().nak_packets, 1U);
  CHECK_EQ(p.star.message(0).naks, 1U);
  CHECK_EQ(p.e->totals().retransmitted_packets, 8U);
  CHECK_EQ(p.star.message(0).retransmitted_bytes, 8 * 4096);
  CHECK_EQ(p.star.message(0).sent_packets, 18U);
  CHECK_EQ(p.star.message(0).end, again + 7 * kGap + p.star.flight(4162));
  CHECK_EQ(p.e->totals().timeouts, 0U);
  CHECK_EQ(p.e->totals().delivered_payload, 40'960U);  // each byte counts once
}

TEST(a_lost_last_packet_is_found_by_the_timer) {
  Pair p;
  p.go(10);
  const Ps lost = p.departs(9);
  p.lose(lost, lost + 1);
  p.e->run_until(kMs, false);
  // Nothing was acknowledged (interval 16), so all ten go again at 100 us.
  CHECK_EQ(p.star.message(0).timeouts, 1U);
  CHECK_EQ(p.e->totals().retransmitted_packets, 10U);
  CHECK_EQ(p.star.message(0).end, 100 * kUs + p.arrives(9, 4162));
}

TEST(the_timer_runs_from_the_last_acknowledgement_and_resends_from_there) {
  Pair p;
  p.star.nic.ack_interval = 4;
  p.go(10);
  const Ps lost = p.departs(9);
  p.lose(lost, lost + 1);
  p.e->run_until(kMs, false);
  const Ps acked = p.arrives(7, 4158) + p.star.flight(66);
  CHECK_EQ(p.star.message(0).timeouts, 1U);
  CHECK_EQ(p.e->totals().retransmitted_packets, 2U);
  CHECK_EQ(p.star.message(0).end, acked + 100 * kUs + kGap + p.star.flight(4162));
}

TEST(a_lost_ack_costs_a_timeout_and_completes_the_message_once) {
  Pair p;
  p.go(1);
  p.e->run_until(kUs, false);
  p.e->set_black_hole(1, true, {});  // endpoint 1 to the switch
  p.e->run_until(50 * kUs, false);
  p.e->set_black_hole(1, false, {});
  const Ps end = p.star.message(0).end;
  CHECK_EQ(end, p.star.flight(4178));
  CHECK_EQ(p.star.message(0).acked, -1);
  p.e->run_until(kMs, false);
  CHECK_EQ(p.star.message(0).end, end);
  CHECK_EQ(p.star.message(0).acked, 100 * kUs + p.star.flight(4178) + p.star.flight(66));
  CHECK_EQ(p.e->totals().delivered_payload, 4096U);
  CHECK_EQ(p.e->unfinished(), 0U);
}

TEST(a_queue_pair_gives_up_after_its_retries) {
  Pair p;
  p.go(1);
  p.e->set_link(0, false);
  p.e->run_until(10 * kMs, true);
  CHECK(p.star.message(0).failed);
  CHECK_EQ(p.star.message(0).end, -1);
  CHECK_EQ(p.star.message(0).timeouts, 8U);       // 7 retries and the last straw
  CHECK_EQ(p.star.dropped(Drop::kLinkDown), 8U);  // sent once and again seven times
  CHECK_EQ(p.e->totals().failed_qps, 1U);
  CHECK_EQ(p.e->unfinished(), 0U);
  CHECK(p.e->now() >= 800 * kUs && p.e->now() < 803 * kUs);
}

TEST(progress_resets_the_retries) {
  Pair p;
  p.go(1);
  p.e->set_link(0, false);
  p.e->run_until(650 * kUs, false);  // six timeouts
  p.e->set_link(0, true);
  p.e->run_until(750 * kUs, false);
  CHECK(p.star.message(0).end > 0);
  CHECK_EQ(EngineTest::sender(*p.e, 0).retries, 0);
}

TEST(every_message_of_a_failed_queue_pair_fails_and_those_of_others_do_not) {
  Star star(3);
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.add_qp(2, 1, 50'001, 3, Verb::kWrite);
  e.post(0, 4096, 0);
  e.post(0, 4096, 5 * kUs);
  e.post(0, 4096, 50 * kMs);  // long after it has given up
  e.post(1, 4096, 0);
  e.set_link(0, false);
  star.run(100 * kMs);
  CHECK_EQ(e.unfinished(), 0U);
  for (const std::uint32_t m : {0U, 1U, 2U}) CHECK(star.message(m).failed);
  CHECK(!star.message(3).failed);
}

TEST(a_message_posted_to_a_failed_queue_pair_fails_at_once) {
  Pair p;
  p.go(1);
  p.e->set_link(0, false);
  p.e->run_until(2 * kMs, false);
  const auto m = p.e->post(0, 4096, 3 * kMs);
  CHECK(p.star.message(m).failed);
  CHECK_EQ(p.e->unfinished(), 0U);
}

TEST(what_arrives_after_the_sender_gave_up_completes_nothing) {
  Pair p;
  p.go(0);
  p.e->set_storm(1, 3, true);  // the packet waits in the switch
  p.e->post(0, 4096, 10 * kUs);
  p.e->run_until(kMs, false);
  CHECK(p.star.message(0).failed);
  CHECK_EQ(p.e->unfinished(), 0U);
  p.e->set_storm(1, 3, false);
  p.e->run_until(2 * kMs, false);
  CHECK_EQ(p.e->in_flight().first, 0U);
  CHECK_EQ(p.e->unfinished(), 0U);
  CHECK_EQ(p.star.message(0).end, -1);
}

TEST(a_message_after_an_idle_time_has_the_whole_timeout) {
  Pair p;
  p.star.nic.ack_interval = 1'000;
  p.go(1);
  p.e->post(0, 40 * 4096, 99 * kUs);  // in flight when the timer of the first message fires
  p.e->run_until(10 * kMs, false);
  CHECK_EQ(p.e->totals().timeouts, 0U);
  CHECK_EQ(p.e->totals().retransmitted_packets, 0U);
}

TEST(a_late_nak_for_what_was_acknowledged_since_resends_nothing) {
  Pair p;
  p.star.nic.ack_interval = 4;
  p.go(40);
  p.e->run_until(4 * kUs, false);
  CHECK(EngineTest::sender(*p.e, 0).una_psn >= 8);
  EngineTest::control(*p.e, Kind::kNak, 0, 2, 4 * kUs);
  p.e->run_until(kMs, false);
  CHECK_EQ(p.e->totals().retransmitted_packets, 0U);
  CHECK_EQ(p.star.message(0).end, p.arrives(39, 4162));
}

TEST(messages_of_a_queue_pair_end_in_the_order_of_their_posts) {
  Pair p;
  p.go(0);
  for (int i = 0; i < 20; ++i) p.e->post(0, 1 + i * 1'500, i * 100 * kNs);
  const Ps lost = 2 * kUs;
  p.lose(lost, lost + 200 * kNs);
  p.e->run_until(10 * kMs, false);
  for (std::uint32_t m = 1; m < 20; ++m) {
    CHECK(p.star.message(m).end > p.star.message(m - 1).end);
    CHECK(p.star.message(m).acked >= p.star.message(m).end);
  }
}

TEST(a_read_ends_after_request_and_response) {
  Pair p;
  p.go(3, Verb::kRead).e->run_until(kMs, false);
  // Response frames: first and last carry an AETH, 4162 both.
  const Ps asked = p.star.flight(78);
  CHECK_EQ(p.star.message(0).first_tx, asked);
  CHECK_EQ(p.star.message(0).end, asked + 4182 * kByte + kGap + p.star.flight(4162));
  CHECK_EQ(p.star.message(0).acked, p.star.message(0).end);
  CHECK_EQ(p.e->totals().ack_packets, 0U);
}

TEST(a_lost_read_request_is_repeated_after_the_timeout) {
  Pair p;
  p.go(1, Verb::kRead);
  p.e->set_link(0, false);
  p.e->run_until(50 * kUs, false);
  p.e->set_link(0, true);
  p.e->run_until(kMs, false);
  CHECK_EQ(p.star.message(0).timeouts, 1U);
  CHECK_EQ(p.star.message(0).end, 100 * kUs + p.star.flight(78) + p.star.flight(4162));
}

TEST(outstanding_reads_are_all_asked_for_again_by_one_timeout) {
  Pair p;
  p.go(1, Verb::kRead);
  p.e->post(0, 4096, 20 * kUs);
  p.e->post(0, 4096, 40 * kUs);
  p.e->set_link(0, false);
  p.e->run_until(10 * kUs, false);
  p.e->set_link(0, true);  // only the first request was lost
  p.e->run_until(kMs, false);
  CHECK_EQ(p.e->totals().timeouts, 1U);
  CHECK_EQ(p.star.message(0).end, 100 * kUs + p.star.flight(78) + p.star.flight(4162));
  CHECK(p.star.message(2).end < 105 * kUs);
  CHECK_EQ(p.e->totals().retransmitted_packets, 0U);
}

TEST(a_lost_read_response_is_asked_for_again_at_the_gap) {
  Pair p;
  p.go(10, Verb::kRead);
  const Ps asked = p.star.flight(78);
  const Ps lost = asked + p.to_switch(4162) + 4182 * kByte + kGap;  // packet 2
  p.lose(lost, lost + 1);
  p.e->run_until(kMs, false);
  CHECK_EQ(p.star.message(0).naks, 1U);
  CHECK_EQ(p.e->totals().timeouts, 0U);
  CHECK_EQ(p.e->totals().retransmitted_packets, 8U);
  const Ps gap_seen = lost + kGap + 4166 * kByte + p.star.delay + p.star.nic_receive;
  // The answer to the repeated request begins with an AETH of its own.
  CHECK_EQ(p.star.message(0).end,
           gap_seen + p.star.flight(78) + 4 * kByte + 7 * kGap + p.star.flight(4162));
}

TEST(a_read_gives_up_after_its_retries) {
  Pair p;
  p.go(1, Verb::kRead);
  p.e->set_link(0, false);
  p.e->run_until(10 * kMs, true);
  CHECK(p.star.message(0).failed);
  CHECK_EQ(p.star.message(0).timeouts, 8U);
  CHECK_EQ(p.e->unfinished(), 0U);
}

TEST(a_sender_without_any_port_gives_up_too) {
  Pair p;
  p.go(0);
  p.e->set_group(2, {});  // group of endpoint 0's own port
  p.e->post(0, 4096, 0);
  p.e->run_until(10 * kMs, true);
  CHECK(p.star.message(0).failed);
  CHECK_EQ(p.e->unfinished(), 0U);
}

TEST(a_sender_whose_port_comes_back_goes_on) {
  Pair p;
  p.go(0);
  p.e->set_group(2, {});
  p.e->post(0, 4096, 0);
  p.e->run_until(250 * kUs, false);
  p.e->set_group(2, {0});
  p.e->run_until(10 * kMs, true);
  CHECK_EQ(p.star.message(0).end, 250 * kUs + p.star.flight(4178));
}

TEST(two_queue_pairs_of_a_port_share_it_packet_by_packet) {
  Star star(3);
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.add_qp(0, 2, 50'001, 3, Verb::kWrite);
  e.post(0, 10 * 4096, 0);
  e.post(1, 10 * 4096, 0);
  star.run();
  // Twenty packets back to back: the two last ones are the last two.
  const Ps last = 2 * kFirstGap + 16 * kGap;
  CHECK_EQ(star.message(0).end, last + star.flight(4162));
  CHECK_EQ(star.message(1).end, last + 4182 * kByte + star.flight(4162));
}

TEST(a_fixed_rate_spaces_the_packets_at_that_rate) {
  Pair p;
  p.star.nic.fixed_rate_bps = 100 * kGbps;
  p.go(10).e->run_until(kMs, false);
  CHECK_EQ(p.star.message(0).end, 4 * start_of(9) + p.star.flight(4162));
}

TEST(a_notification_slows_the_sender_and_one_per_interval_is_sent) {
  Pair p;
  p.star.nic.congestion_control = true;
  test::dcqcn(p.star.nic).rate_min_bps = 10 * kGbps;
  p.star.nic.retransmit_timeout_ps = 10 * kMs;
  p.star.ecn = {-1, 0, 1.0, 8};  // every packet is marked
  p.go(200).e->run_until(5 * kMs, false);
  CHECK_EQ(p.star.message(0).marked_packets, 200U);
  CHECK(p.star.message(0).cnps >= 4);
  const Ps span = p.star.message(0).end - p.star.message(0).first_tx;
  CHECK(p.e->totals().cnp_packets <= static_cast<std::uint64_t>(span / (4 * kUs)) + 1);
  CHECK(span > 3 * start_of(199));
}

TEST(without_congestion_control_marks_change_nothing) {
  Pair p;
  p.star.ecn = {-1, 0, 1.0, 8};
  p.go(50).e->run_until(kMs, false);
  CHECK_EQ(p.star.message(0).marked_packets, 50U);
  CHECK_EQ(p.e->totals().cnp_packets, 0U);
  CHECK_EQ(p.star.message(0).end, p.arrives(49, 4162));
}

TEST(packets_on_a_long_cable_arrive_one_by_one) {
  // 100 km: far beyond the calendar's buckets of windows.
  Star star;
  star.delay = 500 * kUs;
  star.nic.retransmit_timeout_ps = 100 * kMs;
  star.n = 4;  // two short cables set a short window
  Engine& e = star.engine;
  const auto nic = e.add_nic_profile(star.nic);
  const auto chip = e.add_switch_profile(star.chip);
  const auto ecn = e.add_ecn_profile(star.ecn);
  for (int i = 0; i < 4; ++i) e.add_endpoint(1, nic, star.nic_receive);
  e.add_switch(4, chip);
  for (std::uint32_t i = 0; i < 4; ++i) {
    e.connect(i, 4 + i, star.rate, i < 2 ? star.delay : kNs);
    e.tables().groups.add({4 + i});
  }
  for (std::uint32_t i = 0; i < 4; ++i) e.tables().groups.add({i});
  e.tables().port_group.assign(8, kNotLearned);
  e.tables().switches[0].fib = {0, 1, 2, 3};
  for (std::uint32_t port = 0; port < 8; ++port) {
    e.set_port_pfc(port, kUs);
    e.set_port_ecn(port, ecn);
    if (port >= 4) e.set_headroom(port, 3, 1'000'000);
  }
  e.finish_build();
  for (std::uint32_t i = 0; i < 4; ++i) e.set_endpoint_group(i, static_cast<std::uint32_t>(4 + i));
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 10 * 4096, 0);
  e.post(0, 10 * 4096, 200 * kUs);
  star.run(50 * kMs);
  const Ps last = start_of(9) + star.flight(4162) + 12 * kByte;  // held up by the first frame
  CHECK_EQ(star.message(0).end, last);
  CHECK_EQ(star.message(1).end, 200 * kUs + last);
  CHECK_EQ(e.totals().timeouts, 0U);
}
