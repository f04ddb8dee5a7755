// SPDX-License-Identifier: Apache-2.0
// Sequence numbers, percentiles and the answer to a CNP, each by hand.
#include "check.h"
#include "emu/core/wire/histogram.h"
#include "emu/core/wire/psn_space.h"
#include "emu/core/wire/reaction.h"
#include "emu/core/wire/timeline.h"
#include "emu/core/wire/timestamp.h"

using namespace emu::wire;
using Verdict = PsnSpace::Verdict;

namespace {

struct Stream {
  PsnSpace space;
  std::int64_t psn = 0;
  PsnSpace::Missing filled{};
  std::uint64_t number = 0;

  Verdict take(std::uint32_t p, std::int64_t span = 1) {
    ++number;
    return space.take(p, span, static_cast<std::int64_t>(number), number, psn, filled);
  }
};

}  // namespace

TEST(a_gap_is_filled_from_both_ends_and_the_middle) {
  Stream s;
  CHECK(s.take(10) == Verdict::kInOrder);
  CHECK(s.take(20) == Verdict::kAhead);  // 11 to 19 are missing
  CHECK_EQ(s.space.gap_psns(), 9U);
  CHECK(s.take(15) == Verdict::kFills);
  CHECK_EQ(s.space.missing().size(), 2U);
  CHECK(s.take(11) == Verdict::kFills);
  CHECK(s.take(19) == Verdict::kFills);
  CHECK(s.take(15) == Verdict::kRepeated);
  for (const std::uint32_t p : {12U, 13U, 14U, 16U, 17U, 18U}) CHECK(s.take(p) == Verdict::kFills);
  CHECK(s.space.missing().empty());
  CHECK_EQ(s.space.gaps(), 1U);
  CHECK(s.take(21) == Verdict::kInOrder);
}

TEST(a_wrap_is_nothing_special_to_a_stream) {
  Stream s;
  CHECK(s.take(0xFFFFFE) == Verdict::kInOrder);
  CHECK(s.take(1) == Verdict::kAhead);
  CHECK_EQ(s.space.gap_psns(), 2U);
  CHECK(s.take(0xFFFFFF) == Verdict::kFills);
  CHECK(s.take(0) == Verdict::kFills);
  CHECK(s.take(2) == Verdict::kInOrder);
  CHECK(s.take(0xFFFFFE) == Verdict::kRepeated);
}

TEST(a_far_jump_is_a_new_stream) {
  Stream s;
  s.take(5);
  CHECK(s.take(0x400000) == Verdict::kRestarted);
  CHECK_EQ(s.space.restarts(), 1U);
  CHECK_EQ(s.space.gaps(), 0U);
  CHECK(s.take(0x400001) == Verdict::kInOrder);
}

TEST(a_read_uses_as_many_psns_as_its_responses) {
  Stream s;
  CHECK(s.take(100, 5) == Verdict::kInOrder);
  CHECK(s.take(105) == Verdict::kInOrder);
  s.space.loosen();
  CHECK(s.take(150) == Verdict::kInOrder);
  CHECK(s.take(152) == Verdict::kAhead);
}

TEST(ranges_of_missing_psns_are_bounded) {
  Stream s;
  s.take(0);
  for (std::uint32_t p = 2; p < 1000; p += 2) s.take(p);
  CHECK_EQ(s.space.missing().size(), PsnSpace::kRangesMax);
  CHECK_EQ(s.space.forgotten(), 499U - PsnSpace::kRangesMax);
}

TEST(a_nak_marks_the_gap_that_it_asks_for) {
  Stream s;
  s.take(0);
  s.take(2);
  s.space.refuse(s.space.extend(1));
  CHECK(s.take(1) == Verdict::kFills);
  CHECK(s.filled.refused);
  CHECK_EQ(s.filled.number, 2U);
}

TEST(percentiles_are_within_the_error_that_they_state) {
  DurationHistogram h;
  CHECK_EQ(h.quantile_ps(0.5), -1);
  for (std::int64_t v = 1; v <= 100'000; ++v) h.add(v * 1000);
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = q * 1e8;
    CHECK_NEAR(static_cast<double>(h.quantile_ps(q)), exact,
               exact * DurationHistogram::kRelativeError);
  }
  CHECK_EQ(h.min_ps(), 1000);
  CHECK_EQ(h.max_ps(), 100'000'000);
  CHECK_EQ(h.quantile_ps(1.0), 100'000'000);
  DurationHistogram small;
  small.add(5'000'000);
  small.add(3);  // below everything that was there
  CHECK_EQ(small.quantile_ps(0.0), 3);
}

TEST(a_rate_that_halves_after_a_cnp_has_half_the_bytes) {
  constexpr std::int64_t kWindow = 80'000;
  RateReaction r;
  std::int64_t t = 0;
  for (; t < 400'000; t += 1000) r.on_data(t, 100, kWindow);
  r.on_cnp(t, kWindow);
  r.on_cnp(t + 10, kWindow);  // belongs to the same answer
  for (; t < 600'000; t += 2000) r.on_data(t, 100, kWindow);
  CHECK_EQ(r.measured, 1U);
  CHECK_NEAR(static_cast<double>(r.after_bytes) / static_cast<double>(r.before_bytes), 0.5, 0.02);
}

TEST(an_answer_that_the_end_cuts_off_is_not_counted) {
  RateReaction r;
  for (std::int64_t t = 0; t < 400'000; t += 1000) r.on_data(t, 100, 80'000);
  r.on_cnp(400'000, 80'000);
  r.finish(450'000);
  CHECK_EQ(r.measured, 0U);
}

TEST(a_timeline_keeps_its_sums_when_it_widens) {
  Timeline t;
  for (std::int64_t ps = 0; ps < 10'000'000'000; ps += 1'000'000) t.at(5'000 + ps).packets += 1;
  t.at(0).packets += 1;  // earlier than the first: into the first bin
  std::uint64_t sum = 0;
  for (const TimelineBin& b : t.bins()) sum += b.packets;
  CHECK_EQ(sum, 10'001U);
  CHECK(t.bins().size() <= Timeline::kBins);
  CHECK_EQ(t.width_ps(), 16'000'000);
}

TEST(time_stamps_of_any_resolution_are_picoseconds) {
  Interface i;
  CHECK(set_resolution(i, 9));
  CHECK_EQ(static_cast<std::int64_t>(absolute_ps(i, 5)), 5000);
  CHECK(set_resolution(i, 15));
  CHECK_EQ(static_cast<std::int64_t>(absolute_ps(i, 5999)), 5);
  CHECK(set_resolution(i, 0x80 | 1));
  CHECK_EQ(static_cast<std::int64_t>(absolute_ps(i, 3)), 1'500'000'000'000);
  CHECK(set_resolution(i, 0));
  CHECK_EQ(static_cast<std::int64_t>(absolute_ps(i, 2)), 2 * kPsPerSecond);
  CHECK(!set_resolution(i, 20));
  CHECK(!set_resolution(i, 0x80 | 64));
  Capture c;
  CHECK(set_resolution(i, 9));
  CHECK_EQ(relative_ps(c, absolute_ps(i, 1'700'000'000'000'000'005ULL)), 5000);
  CHECK_EQ(c.base_s, 1'700'000'000);
}
