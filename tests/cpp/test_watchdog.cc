// SPDX-License-Identifier: Apache-2.0
// The PFC watchdog: when it finds a storm, what it does, when it ends.
#include <vector>

#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {

/// Endpoint 0 storms on priority 3 from the start; 1 sends to it, 2 sends to 1.
struct Stormed {
  Star star{3};

  Engine& begin(WatchdogAction action) {
    star.nic.retransmit_timeout_ps = 2 * kMs;
    star.chip.watchdog = {100 * kUs, 200 * kUs, 300 * kUs, action};
    Engine& e = star.build();
    e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
    e.add_qp(2, 1, 50'001, 3, Verb::kWrite);
    e.set_storm(0, 3, true);
    e.post(0, 400'000, 10 * kUs);
    return e;
  }
  std::vector<Ps> times(EventKind kind) const {
    std::vector<Ps> out;
    for (const Event& event : star.engine.events()) {
      if (event.kind == kind) out.push_back(event.at);
    }
    return out;
  }
};

}  // namespace

TEST(a_storm_is_found_after_the_detection_time_and_over_after_the_restoration_time) {
  Stormed s;
  Engine& e = s.begin(WatchdogAction::kDrop);
  e.run_until(450 * kUs, false);
  // Paused from 2 us on: less than 99 % of the first poll, all of the two after it.
  CHECK(s.times(EventKind::kWatchdogStorm) == std::vector<Ps>{300 * kUs});
  CHECK_EQ(s.star.queue(3, 3).storms, 1);
  e.set_storm(0, 3, false);
  e.run_until(2 * kMs, false);
  // The last XOFF came between the polls at 400 and 500 us; three quiet ones follow.
  CHECK(s.times(EventKind::kWatchdogRestored) == std::vector<Ps>{800 * kUs});
  CHECK_EQ(s.star.queue(3, 3).restored, 1);
}

TEST(dropping_loses_what_waits_and_what_comes_until_it_is_over) {
  Stormed s;
  Engine& e = s.begin(WatchdogAction::kDrop);
  e.run_until(299 * kUs, false);
  CHECK_EQ(s.star.dropped(Drop::kPfcWatchdog), 0U);
  CHECK(s.star.queue(3, 3).bytes > 0);
  e.run_until(350 * kUs, false);
  CHECK_EQ(s.star.queue(3, 3).bytes, 0);
  CHECK_EQ(s.star.dropped(Drop::kPfcWatchdog), 98U);  // 400 kB in packets of 4096 B
  // Other ports of the class go on.
  e.post(1, 400'000, 350 * kUs);
  e.run_until(400 * kUs, false);
  CHECK(s.star.message(1).end > 0);
  e.set_storm(0, 3, false);
  s.star.run();
  CHECK(s.star.message(0).end > 2 * kMs);  // sent again after the timeout
}

TEST(forwarding_sends_through_the_pause) {
  Stormed s;
  Engine& e = s.begin(WatchdogAction::kForward);
  e.run_until(350 * kUs, true);
  const Ps end = s.star.message(0).end;
  CHECK(end > 300 * kUs);
  CHECK(end < 320 * kUs);
  CHECK_EQ(s.star.dropped(Drop::kPfcWatchdog), 0U);
}

TEST(an_alert_changes_nothing) {
  Stormed s;
  Engine& e = s.begin(WatchdogAction::kAlert);
  e.run_until(kMs, false);
  CHECK_EQ(s.times(EventKind::kWatchdogStorm).size(), 1U);
  CHECK_EQ(s.star.message(0).end, -1);
  CHECK(s.star.queue(3, 3).bytes > 0);
}

TEST(pauses_that_let_packets_through_are_no_storm) {
  Star star(9);
  star.chip.watchdog = {20 * kUs, 20 * kUs, 20 * kUs, WatchdogAction::kDrop};
  star.chip.mmu.buffer_bytes = 4'000'000;
  Engine& e = star.build();
  for (std::uint16_t i = 1; i < 9; ++i) {
    e.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
    e.post(i - 1U, 2'000'000, 0);
  }
  star.run();
  CHECK(e.totals().xoff_episodes > 0);
  CHECK_EQ(star.dropped(Drop::kPfcWatchdog), 0U);
  for (const Message& message : e.messages()) CHECK(message.end > 0);
}
