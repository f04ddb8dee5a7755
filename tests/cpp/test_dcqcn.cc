// SPDX-License-Identifier: Apache-2.0
// The reaction point against numbers worked out by hand, for the three
// parameter sets that emu ships.
#include <random>
#include <vector>

#include "check.h"
#include "emu/core/cc/dcqcn.h"

using namespace emu;

namespace {
constexpr Ps kUs = 1'000'000;
constexpr Bps kLine = 400'000'000'000;
constexpr Bps kMbps = 1'000'000;

Dcqcn::Params vendor() {
  Dcqcn::Params p;
  p.g = 5.0 / 1024;
  p.initial_alpha = 1023.0 / 1024;
  p.min_dec_factor = 0.5;
  p.alpha_timer_ps = kUs;
  p.rate_reduce_interval_ps = 4 * kUs;
  p.increase_timer_ps = 300 * kUs;
  p.byte_counter = 32'767;
  p.rate_ai_bps = 5 * kMbps;
  p.rate_hai_bps = 50 * kMbps;
  p.rate_min_bps = kMbps;
  p.fast_recovery_stages = 1;
  p.clamp_target_rate = false;
  p.clamp_after_increase = true;
  return p;
}

Dcqcn::Params paper() {
  Dcqcn::Params p;
  p.g = 1.0 / 256;
  p.initial_alpha = 1.0;
  p.alpha_timer_ps = 55 * kUs;
  p.rate_reduce_interval_ps = 50 * kUs;
  p.increase_timer_ps = 55 * kUs;
  p.byte_counter = 10'000'000;
  p.rate_ai_bps = 40 * kMbps;
  p.rate_hai_bps = 200 * kMbps;
  p.rate_min_bps = 10 * kMbps;
  p.fast_recovery_stages = 5;
  p.clamp_target_rate = true;
  return p;
}

Dcqcn::Params hpcc() {
  Dcqcn::Params p;
  p.g = 1.0 / 256;
  p.initial_alpha = 1.0;
  p.alpha_timer_ps = kUs;
  p.rate_reduce_interval_ps = 4 * kUs;
  p.increase_timer_ps = 900 * kUs;
  p.byte_counter = 0;
  p.rate_ai_bps = 50 * kMbps;
  p.rate_hai_bps = 100 * kMbps;
  p.rate_min_bps = 100 * kMbps;
  p.fast_recovery_stages = 1;
  p.clamp_target_rate = false;
  p.clamp_after_increase = true;
  return p;
}

struct Sender {
  Dcqcn::Params p;
  Dcqcn::State s;
  explicit Sender(const Dcqcn::Params& params) : p(params) { Dcqcn::start(s, kLine); }
  void cnp(Ps now) { Dcqcn::on_cnp(s, p, kLine, now); }
  void look(Ps now) { Dcqcn::advance(s, p, kLine, now); }
  void send(std::int64_t bytes) {
    Dcqcn::on_send(s, p, kLine, SentPacket{bytes, 0, 0, false, false});
  }
};
}  // namespace

TEST(without_a_cnp_the_rate_is_the_line_rate) {
  Sender q(vendor());
  q.send(1'000'000'000);
  q.look(1'000'000 * kUs);
  CHECK_EQ(q.s.rate, kLine);
  CHECK(!q.s.limited);
}

TEST(vendor_first_cnp_cuts_by_half_of_initial_alpha) {
  Sender q(vendor());
  q.cnp(10 * kUs);
  // 400G x (1 - 1023/1024/2) = 400G x 1025/2048
  CHECK_EQ(q.s.rate, 200'195'312'500);
  CHECK_EQ(q.s.target, kLine);
  CHECK_EQ(q.s.alpha, 1023.0 / 1024);
  CHECK_EQ(q.s.timer_due, 310 * kUs);
  CHECK(q.s.limited);
}

TEST(vendor_cnp_within_the_reduce_interval_feeds_alpha_and_cuts_nothing) {
  Sender q(vendor());
  q.cnp(0);
  const Bps rate = q.s.rate;
  q.cnp(2 * kUs);  // alpha decayed at 1 and 2 us, then takes the new sample
  const double a = 1023.0 / 1024 * (1019.0 / 1024) * (1019.0 / 1024);
  CHECK_EQ(q.s.rate, rate);
  CHECK_NEAR(q.s.alpha, a * 1019 / 1024 + 5.0 / 1024, 1e-15);
  CHECK_EQ(q.s.alpha_due, 3 * kUs);  // the period starts anew
}

TEST(vendor_a_run_of_cuts_keeps_aiming_at_the_rate_before_it) {
  Sender q(vendor());
  q.cnp(0);
  q.cnp(4 * kUs);
  q.cnp(8 * kUs);
  CHECK_EQ(q.s.target, kLine);
  CHECK(q.s.rate < 60 * 1'000 * kMbps);
  q.look(308 * kUs);  // one timer expiry: stage 1 >= F, additive; target is capped at the line
  CHECK_EQ(q.s.target, kLine);
  const Bps rate = q.s.rate;
  q.cnp(310 * kUs);  // after an increase the target is clamped
  CHECK_EQ(q.s.target, rate);
}

TEST(vendor_stages_of_timer_and_byte_counter) {
  Sender q(vendor());
  q.cnp(0);
  q.look(301 * kUs);  // T = 1
  q.cnp(302 * kUs);
  const Bps target = q.s.target;
  const Bps rate = q.s.rate;
  CHECK(target < kLine);
  q.send(32'766);
  CHECK_EQ(q.s.byte_stage, 0);
  q.send(1);  // B = 1, T = 0: one of them has reached F, additive
  CHECK_EQ(q.s.byte_stage, 1);
  CHECK_EQ(q.s.target, target + 5 * kMbps);
  CHECK_EQ(q.s.rate, (rate + target + 5 * kMbps + 1) / 2);
  const Bps second = q.s.rate;
  q.look(602 * kUs);  // T = 1 and B = 1: both have, hyper by HAI x (1 - 1 + 1)
  CHECK_EQ(q.s.timer_stage, 1);
  CHECK_EQ(q.s.target, target + 55 * kMbps);
  CHECK_EQ(q.s.rate, (second + target + 55 * kMbps + 1) / 2);
  q.send(32'767);  // B = 2, T = 1: min is still 1
  CHECK_EQ(q.s.target, target + 105 * kMbps);
  q.look(902 * kUs);  // T = 2, B = 2: HAI x 2
  CHECK_EQ(q.s.target, target + 205 * kMbps);
}

TEST(paper_recovers_fast_four_times_then_additively) {
  Sender q(paper());
  q.cnp(0);
  CHECK_EQ(q.s.rate, 200'000 * kMbps);  // alpha 1: one half
  q.cnp(50 * kUs);                      // clamped: the target is the rate before this cut
  CHECK_EQ(q.s.target, 200'000 * kMbps);
  // alpha: initial 1, nothing due before 55 us, (1 - g) x 1 + g = 1
  CHECK_EQ(q.s.rate, 100'000 * kMbps);
  const Ps t0 = 50 * kUs;
  q.look(t0 + 55 * kUs);
  CHECK_EQ(q.s.rate, 150'000 * kMbps);
  q.look(t0 + 110 * kUs);
  CHECK_EQ(q.s.rate, 175'000 * kMbps);
  q.look(t0 + 165 * kUs);
  CHECK_EQ(q.s.rate, 187'500 * kMbps);
  q.look(t0 + 220 * kUs);
  CHECK_EQ(q.s.rate, 193'750 * kMbps);
  CHECK_EQ(q.s.target, 200'000 * kMbps);
  q.look(t0 + 275 * kUs);  // stage 5 = F: RT += 40 Mb/s
  CHECK_EQ(q.s.target, 200'040 * kMbps);
  CHECK_EQ(q.s.rate, 196'895 * kMbps);
}

TEST(paper_byte_counter_counts_every_ten_megabytes) {
  Sender q(paper());
  q.cnp(0);
  q.cnp(50 * kUs);
  q.send(45'000'000);  // four expiries in one go
  CHECK_EQ(q.s.byte_stage, 4);
  CHECK_EQ(q.s.rate, 193'750 * kMbps);
  CHECK_EQ(q.s.bytes_left, 5'000'000);
}

TEST(hpcc_timer_alone_one_recovery_one_additive_then_hyper_by_a_constant) {
  Sender q(hpcc());
  q.cnp(0);
  CHECK_EQ(q.s.rate, 200'000 * kMbps);
  q.send(1'000'000'000);
  CHECK_EQ(q.s.rate, 200'000 * kMbps);  // no byte counter
  q.look(899 * kUs);
  CHECK_EQ(q.s.rate, 200'000 * kMbps);
  q.look(900 * kUs);
  CHECK_EQ(q.s.rate, 300'000 * kMbps);
  q.cnp(901 * kUs);  // after an increase: clamped to 300G
  CHECK_EQ(q.s.target, 300'000 * kMbps);
  const Bps rate = q.s.rate;
  q.look(1'801 * kUs);  // stage 1: fast recovery
  CHECK_EQ(q.s.target, 300'000 * kMbps);
  CHECK_EQ(q.s.rate, (rate + 300'000 * kMbps + 1) / 2);
  q.look(2'701 * kUs);  // stage 2: additive
  CHECK_EQ(q.s.target, 300'050 * kMbps);
  q.look(3'601 * kUs);  // stage 3 and on: hyper, always the same step
  CHECK_EQ(q.s.target, 300'150 * kMbps);
  q.look(4'501 * kUs);
  CHECK_EQ(q.s.target, 300'250 * kMbps);
}

TEST(the_rate_never_falls_below_its_floor_nor_a_cut_below_its_factor) {
  Dcqcn::Params p = hpcc();
  p.min_dec_factor = 0.75;
  Sender gentle(p);
  gentle.cnp(0);
  CHECK_EQ(gentle.s.rate, 300'000 * kMbps);
  Sender q(hpcc());
  for (int i = 0; i < 200; ++i) q.cnp(4 * kUs * i);
  CHECK_EQ(q.s.rate, 100 * kMbps);
}

TEST(a_regained_line_rate_ends_the_limit_and_the_next_cut_aims_there) {
  Sender q(hpcc());
  q.cnp(0);
  q.look(100'000 * kUs);
  CHECK_EQ(q.s.rate, kLine);
  CHECK(!q.s.limited);
  q.cnp(100'001 * kUs);
  CHECK_EQ(q.s.target, kLine);
}

TEST(alpha_of_an_idle_sender_ends_at_zero_and_costs_a_bounded_loop) {
  Sender q(vendor());
  q.cnp(0);
  q.cnp(3'600LL * 1'000'000 * kUs);  // an hour later
  CHECK_NEAR(q.s.alpha, 5.0 / 1024, 1e-15);
}

TEST(state_is_the_same_however_often_somebody_looks) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    const Dcqcn::Params params = seed % 3 == 0 ? vendor() : seed % 3 == 1 ? paper() : hpcc();
    Sender seldom(params);
    Sender often(params);
    Ps now = 0;
    for (int i = 0; i < 300; ++i) {
      const Ps next = now + static_cast<Ps>(random() % (200 * kUs));
      for (Ps t = now; t < next; t += static_cast<Ps>(random() % (20 * kUs)) + 1) often.look(t);
      now = next;
      if (random() % 3 == 0) {
        seldom.cnp(now);
        often.cnp(now);
      } else {
        seldom.look(now);
        often.look(now);
        const auto bytes = static_cast<std::int64_t>(random() % 5'000'000);
        seldom.send(bytes);
        often.send(bytes);
      }
      CHECK_EQ(seldom.s.rate, often.s.rate);
      CHECK_EQ(seldom.s.target, often.s.target);
      CHECK_EQ(seldom.s.alpha, often.s.alpha);
      CHECK_EQ(seldom.s.timer_due, often.s.timer_due);
      CHECK_EQ(seldom.s.alpha_due, often.s.alpha_due);
      CHECK(seldom.s.rate >= params.rate_min_bps && seldom.s.rate <= kLine);
    }
  }
}
