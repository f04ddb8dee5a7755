// SPDX-License-Identifier: Apache-2.0
// What follows another simulator's model: time in grains, its hash, its timers.
#include "check.h"
#include "emu/core/cc/dcqcn.h"
#include "emu/core/rng.h"

namespace emu {
namespace {

/// The HPCC simulator's variant as its README writes it down, in whole steps of time.
TEST(free_running_timers_follow_the_algorithm_step_by_step) {
  Dcqcn::Params p;
  p.g = 1.0 / 16;
  p.alpha_timer_ps = 1'000'000;
  p.rate_reduce_interval_ps = 4'000'000;
  p.increase_timer_ps = 10'000'000;
  p.rate_ai_bps = 100;
  p.rate_hai_bps = 1000;
  p.rate_min_bps = 10;
  p.fast_recovery_stages = 1;
  p.clamp_target_rate = false;
  p.free_running = true;
  const Bps line = 1'000'000;
  Dcqcn::State s;
  Dcqcn::start(s, line);
  Dcqcn::on_cnp(s, p, line, 0);  // alpha := 1, nothing is cut yet
  CHECK_EQ(s.rate, line);
  CHECK_EQ(s.alpha, 1.0);
  // Four ticks without a CNP, then the cut that the first one asked for.
  Dcqcn::advance(s, p, line, 4'000'999);
  double alpha = 1.0;
  for (int i = 0; i < 4; ++i) alpha *= 15.0 / 16;
  CHECK_EQ(s.alpha, alpha);
  CHECK_EQ(s.rate, line);
  Dcqcn::advance(s, p, line, 4'001'000);
  Bps rate = static_cast<Bps>(static_cast<double>(line) * (1.0 - alpha / 2));
  CHECK_EQ(s.rate, rate);
  CHECK_EQ(s.target, line);  // no increase yet, so the target stays
  // A CNP at 8.5 us counts for the alpha tick at 9 and the cut at 12.001.
  Dcqcn::on_cnp(s, p, line, 8'500'000);
  for (int i = 4; i < 8; ++i) alpha *= 15.0 / 16;
  CHECK_EQ(s.alpha, alpha);
  alpha = alpha * 15.0 / 16 + 1.0 / 16;
  Dcqcn::advance(s, p, line, 9'000'000);
  CHECK_EQ(s.alpha, alpha);
  for (int i = 0; i < 3; ++i) alpha *= 15.0 / 16;
  Dcqcn::advance(s, p, line, 12'001'000);
  rate = static_cast<Bps>(static_cast<double>(rate) * (1.0 - alpha / 2));
  CHECK_EQ(s.rate, rate);
  // Recovery: halve the gap, then additive, then hyper increase.
  Dcqcn::advance(s, p, line, 22'001'000);
  rate = (rate + line + 1) / 2;
  CHECK_EQ(s.rate, rate);
  Dcqcn::advance(s, p, line, 42'001'000);
  for (int i = 0; i < 2; ++i) rate = (rate + line + 1) / 2;  // the target is the line rate
  CHECK_EQ(s.rate, rate);
}

TEST(link_times_are_cut_to_the_grain) {
  CHECK_EQ(serialisation_ps(1048, 100'000'000'000, 1000), 83'000);
  CHECK_EQ(serialisation_ps(1048, 100'000'000'000, 1), 83'840);
  CHECK_EQ(LinkRate(100'000'000'000, 1000).time_of(60), 4'000);
  CHECK_EQ(LinkRate(100'000'000'000).time_of(60), 4'800);
}

TEST(murmur3_gives_the_published_values) {
  const std::uint32_t words[3] = {0x64636261, 0x68676665, 0x6c6b6a69};  // "abcdefghijkl"
  CHECK_EQ(murmur3(words, 0, 1), 0x514e28b7U);
  CHECK_EQ(murmur3(words, 1, 0), 0x43ed676aU);
}

}  // namespace
}  // namespace emu
