// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "emu/core/ecn.h"

using namespace emu;

namespace {
double share_marked(const EcnProfile& profile, std::int64_t queue_bytes) {
  std::uint32_t draws = 0;
  int marked = 0;
  for (int i = 0; i < 20'000; ++i) marked += profile.marks(queue_bytes, 7, 1, draws) ? 1 : 0;
  return marked / 20'000.0;
}
}  // namespace

TEST(marking_is_zero_up_to_kmin_linear_to_pmax_and_certain_above_kmax) {
  const EcnProfile profile{1'000'000, 2'000'000, 0.2, 8};
  CHECK_EQ(share_marked(profile, 0), 0.0);
  CHECK_EQ(share_marked(profile, 1'000'000), 0.0);
  CHECK_NEAR(share_marked(profile, 1'250'000), 0.05, 0.006);
  CHECK_NEAR(share_marked(profile, 1'500'000), 0.10, 0.008);
  CHECK_NEAR(share_marked(profile, 2'000'000), 0.20, 0.010);
  CHECK_EQ(share_marked(profile, 2'000'001), 1.0);
}

TEST(certain_verdicts_draw_nothing) {
  const EcnProfile profile{1'000, 2'000, 0.5, 8};
  std::uint32_t draws = 0;
  profile.marks(1'000, 7, 1, draws);
  profile.marks(2'001, 7, 1, draws);
  CHECK_EQ(draws, 0U);
  profile.marks(1'500, 7, 1, draws);
  CHECK_EQ(draws, 1U);
}

TEST(pmax_of_one_marks_all_at_kmax) {
  const EcnProfile profile{50'000, 51'000, 1.0, 8};
  CHECK_EQ(share_marked(profile, 51'000), 1.0);
  CHECK_EQ(share_marked(profile, 50'000), 0.0);
}

TEST(only_ecn_capable_packets_are_marked_and_only_once) {
  Packet packet{};
  CHECK(!mark_congestion(packet));
  CHECK_EQ(packet.flags, 0);
  packet.flags = kEct;
  CHECK(mark_congestion(packet));
  CHECK_EQ(packet.flags, kEct | kCe);
  CHECK(!mark_congestion(packet));  // CE passes as it is
}

TEST(an_encapsulated_packet_is_marked_on_its_outer_header) {
  Packet packet{};
  packet.flags = kEct | kEncap | kOuterEct;
  CHECK(mark_congestion(packet));
  CHECK_EQ(packet.flags, kEct | kEncap | kOuterEct | kOuterCe);
  packet.flags = kEct | kEncap;  // ECN not copied on encapsulation: outer Not-ECT
  CHECK(!mark_congestion(packet));
}

TEST(draws_of_a_port_depend_on_no_other_port) {
  for (std::uint32_t n = 0; n < 100; ++n) {
    CHECK_EQ(draw32(1, 5, n), draw32(1, 5, n));
    CHECK(draw32(1, 5, n) != draw32(1, 6, n) || draw32(1, 5, n + 1) != draw32(1, 6, n + 1));
  }
}
