// SPDX-License-Identifier: Apache-2.0
// TIMELY against numbers worked out by hand from algorithm 1 of the paper, and
// what it measures against the times of the fabric.
#include "check.h"
#include "emu/core/cc/timely.h"
#include "star.h"

using namespace emu;

namespace {
constexpr Ps kUs = 1'000'000;
constexpr Bps kGbps = 1'000'000'000;
constexpr Bps kLine = 10 * kGbps;

Timely::Params paper() {
  Timely::Params p;
  p.alpha = 0.875;
  p.beta = 0.8;
  p.rtt_low_ps = 50 * kUs;
  p.rtt_high_ps = 500 * kUs;
  p.rtt_min_ps = 20 * kUs;
  p.rate_ai_bps = 10'000'000;
  p.rate_min_bps = 100'000'000;
  return p;
}

struct Sender {
  Timely::Params p = paper();
  Timely::State s;
  explicit Sender(Bps rate = 2 * kGbps) {
    Timely::start(s, kLine);
    s.rate = rate;
  }
  Bps sample(Ps rtt_ps) {
    Timely::sample(s, p, kLine, rtt_ps);
    return s.rate;
  }
};
}  // namespace

TEST(timely_starts_at_line_rate_and_learns_nothing_from_one_sample) {
  Timely::State s;
  Timely::start(s, kLine);
  CHECK_EQ(s.rate, kLine);
  CHECK(s.limited);
  Timely::sample(s, paper(), kLine, 900 * kUs);
  CHECK_EQ(s.rate, kLine);
}

TEST(timely_adds_one_step_below_the_low_threshold_whatever_the_gradient) {
  Sender t;
  t.sample(20 * kUs);
  CHECK_EQ(t.sample(49 * kUs), 2 * kGbps + 10'000'000);  // it rises fast, but is low
}

TEST(timely_cuts_above_the_high_threshold_by_the_share_above_it) {
  Sender t;
  t.sample(1000 * kUs);
  // 1 - 0.8 * (1 - 500/1000) = 0.6, though the RTT falls.
  CHECK_EQ(t.sample(1000 * kUs - 1), static_cast<Bps>(2e9 * (1 - 0.8 * (1 - 500e6 / (1e9 - 1)))));
  t.sample(625 * kUs);  // 1 - 0.8 * 0.2 = 0.84
  CHECK(t.s.rate > 1'007'900'000 && t.s.rate < 1'008'100'000);
}

TEST(timely_cuts_by_the_smoothed_gradient_between_the_thresholds) {
  Sender t;
  t.sample(100 * kUs);
  // difference 0.875 * 16 = 14 us, gradient 14/20 = 0.7, factor 1 - 0.56 = 0.44
  CHECK_EQ(t.sample(116 * kUs), 880'000'000);
  // difference 0.125 * 14 = 1.75 us, gradient 0.0875, factor 0.93
  CHECK_EQ(t.sample(116 * kUs), 818'400'000);
  CHECK_EQ(t.s.falling, 0);
}

TEST(timely_never_falls_below_its_smallest_rate_nor_rises_above_the_line) {
  Sender t;
  t.sample(100 * kUs);
  CHECK_EQ(t.sample(400 * kUs), 100'000'000);  // the factor would be negative
  Sender high(kLine - 1);
  high.sample(20 * kUs);
  CHECK_EQ(high.sample(20 * kUs), kLine);
}

TEST(timely_hurries_after_five_samples_that_do_not_rise) {
  Sender t;
  t.sample(200 * kUs);
  for (Bps i = 1; i <= 4; ++i) CHECK_EQ(t.sample(200 * kUs - i), 2 * kGbps + i * 10'000'000);
  CHECK_EQ(t.sample(200 * kUs - 5), 2 * kGbps + 90'000'000);
  CHECK_EQ(t.sample(200 * kUs - 6), 2 * kGbps + 140'000'000);
  t.sample(300 * kUs);
  CHECK_EQ(t.s.falling, 0);
}

TEST(timely_times_no_packet_that_was_sent_twice_and_no_late_ack) {
  Sender t;
  const auto send = [&](std::uint32_t psn, Ps end, bool asks, bool again) {
    Timely::on_send(t.s, t.p, kLine, {4158, psn, end, asks, again});
  };
  send(3, 10, false, false);
  CHECK_EQ(t.s.timed, 0U);
  send(4, 20, true, false);
  send(9, 30, true, false);  // one at a time
  CHECK_EQ(t.s.timed, 5U);
  Timely::on_ack(t.s, t.p, kLine, 4, 100);
  CHECK_EQ(t.s.rtt_ps, 0);
  Timely::on_ack(t.s, t.p, kLine, 5, 120);
  CHECK_EQ(t.s.rtt_ps, 100);
  send(14, 200, true, false);
  Timely::on_ack(t.s, t.p, kLine, 20, 1000);  // its own was lost or merged: no sample
  CHECK_EQ(t.s.rtt_ps, 100);
  send(24, 2000, true, false);
  send(22, 3000, false, true);
  CHECK_EQ(t.s.timed, 0U);
}

TEST(timely_measures_the_round_trip_of_an_empty_fabric) {
  test::Star star;
  star.nic.congestion_control = true;
  star.nic.ecn_capable = false;
  star.nic.cc = paper();
  Engine& e = star.build();
  const auto qp = e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(qp, 4096, 0);
  e.run_until(test::kMs, true);
  e.run_until(test::kMs, false);
  const auto& rate = e.ports()[0].rate;
  // There: flight to the switch, its pipeline, the frame with RETH and immediate, flight and the
  // NIC's latency. Back: the ACK on two links and the same flights.
  const Ps data = rate.time_of(4096 + kRoceHeaderBytes + kRethBytes + kImmediateBytes + 20);
  const Ps ack = rate.time_of(kAckBytes + 20);
  const Ps gap = rate.time_of(12);  // the timer starts when the gap after the frame has passed
  const Ps flights = 4 * star.delay + 2 * star.chip.pipeline_ps + 2 * star.nic_receive;
  const Ps wait = data + 2 * ack + flights - 3 * gap;
  const Ps got = test::measured_rtt(e, qp);
  CHECK(got > wait - 2 * gap && got < wait + 2 * gap);
}

TEST(timely_keeps_an_incast_below_the_pause_threshold_in_the_end) {
  std::uint64_t pauses[2];
  for (const bool on : {false, true}) {
    test::Star star(5);
    star.nic.congestion_control = on;
    star.nic.ecn_capable = false;
    Timely::Params p = paper();
    p.rtt_low_ps = 10 * kUs;
    p.rtt_high_ps = 60 * kUs;
    p.rtt_min_ps = 5 * kUs;
    p.rate_ai_bps = 400'000'000;
    star.nic.cc = p;
    star.chip.mmu.buffer_bytes = 8'000'000;
    Engine& e = star.build();
    for (std::uint32_t i = 1; i < 5; ++i) {
      const auto qp = e.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
      e.post(qp, 40'000'000, 0);
    }
    e.run_until(20 * test::kMs, true);
    CHECK_EQ(e.unfinished(), 0U);
    pauses[on ? 1 : 0] = e.totals().pfc_frames;
  }
  CHECK(pauses[1] < pauses[0] / 4);
}
