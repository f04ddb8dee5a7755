// SPDX-License-Identifier: Apache-2.0
// What a fault does to a port or a switch, and that its end undoes it.
#include <cmath>

#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {

std::uint64_t sent_again(const Engine& e) { return e.totals().retransmitted_packets; }

}  // namespace

TEST(a_frame_above_the_limit_is_discarded_where_it_arrives_and_smaller_ones_pass) {
  Star star{2};
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.set_frame_limit(2 + 1, 1518);  // out of the switch, to endpoint 1
  e.post(0, 1000, e.now());
  star.run();
  CHECK(star.message(0).end > 0);
  CHECK_EQ(star.dropped(Drop::kMtuExceeded), 0U);
  e.post(0, 4096, e.now());
  e.run_until(e.now() + 50 * kUs, false);
  CHECK(star.message(1).end < 0);
  CHECK(star.dropped(Drop::kMtuExceeded) > 0);
  CHECK_EQ(e.drops()[1].packets[static_cast<std::size_t>(Drop::kMtuExceeded)],
           star.dropped(Drop::kMtuExceeded));
  e.set_frame_limit(2 + 1, 0);
  star.run();
  CHECK(star.message(1).end > 0);
}

TEST(codewords_that_all_fail_lose_everything_and_none_that_fail_nothing) {
  for (const double loss : {0.0, 1.0}) {
    Star star{2};
    Engine& e = star.build();
    e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
    e.set_codeword_loss(0, 640, loss);
    e.post(0, 40'960, e.now());
    star.run();
    CHECK_EQ(star.message(0).end > 0, loss < 1);
    CHECK_EQ(star.dropped(Drop::kLinkError) > 0, loss > 0);
    CHECK_EQ(e.totals().data_packets == 10, loss < 1);
  }
}

TEST(a_frame_survives_as_often_as_all_of_its_codewords_do) {
  Star star{2};
  star.nic.receiver = Receiver::kSelective;
  star.nic.reorder_packets = 1024;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  const double loss = 0.02;
  e.set_codeword_loss(0, 640, loss);
  e.post(0, 4096 * 20'000, e.now());
  star.run();
  const double frames = static_cast<double>(e.totals().data_packets);
  const double lost = static_cast<double>(star.dropped(Drop::kLinkError));
  // 4096 + 62 + 8 bytes that begin anywhere in the first codeword: 7 or 8 of them.
  const double words = 1 + (4096 + 62 + 8 - 1) / 640.0;
  const double wanted = 1 - std::pow(1 - loss, words);
  CHECK(std::abs(lost / frames - wanted) < 0.07 * wanted);
}

TEST(a_switch_with_pfc_on_another_class_pauses_nobody_until_it_has_its_own_again) {
  for (const bool wrong : {false, true}) {
    Star star{4};
    star.chip.mmu.buffer_bytes = 4'000'000;
    star.chip.mmu.alpha_lossless = 0.05;
    star.chip.mmu.alpha_lossy = 0.05;
    Engine& e = star.build();
    for (std::uint32_t i = 1; i < 4; ++i) {
      e.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
    }
    const auto incast = [&] {
      for (std::uint32_t qp = 0; qp < 3; ++qp) e.post(qp, 2'000'000, e.now());
    };
    if (wrong) e.set_lossless(0, std::uint8_t{1U << 4});
    incast();
    star.run();
    CHECK_EQ(e.totals().pfc_frames > 0, !wrong);
    CHECK_EQ(star.dropped(Drop::kEgressLimit) > 0, wrong);
    const std::uint64_t before = sent_again(e);
    e.set_lossless(0, std::nullopt);
    incast();
    star.run();
    CHECK(e.totals().pfc_frames > 0);
    CHECK_EQ(sent_again(e), before);
  }
}

TEST(classes_that_change_under_load_leave_the_buffer_empty_in_the_end) {
  Star star{4};
  star.chip.mmu.buffer_bytes = 4'000'000;
  star.chip.mmu.pg_reserved_bytes = 9'144;
  star.chip.mmu.alpha_lossless = 0.05;
  star.chip.mmu.alpha_lossy = 0.05;
  Engine& e = star.build();
  for (std::uint32_t i = 1; i < 4; ++i) {
    e.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
    e.post(i - 1, 4'000'000, 0);
  }
  for (int turn = 1; turn <= 8; ++turn) {
    e.run_until(turn * 10 * kUs, false);
    if (turn % 2 != 0) {
      e.set_lossless(0, std::uint8_t{0});
    } else {
      e.set_lossless(0, std::nullopt);
    }
    CHECK(e.switches()[0].mmu.pool_used() >= 0);
  }
  star.run();
  e.run_until(e.now() + kMs, false);
  e.settle_switches();
  CHECK_EQ(e.switches()[0].mmu.pool_used(), 0);
  CHECK(!e.switches()[0].in_order);
  for (std::uint32_t qp = 0; qp < 3; ++qp) CHECK(star.message(qp).end > 0);
}
