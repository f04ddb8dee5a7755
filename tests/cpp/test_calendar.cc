// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "check.h"
#include "emu/core/window.h"

using namespace emu;

namespace {
/// Nodes that hold pending times: one that is visited does what falls into the
/// window and does not ask again for the rest.
struct Driver {
  Calendar calendar;
  std::vector<std::multiset<Ps>> pending;
  std::uint64_t done = 0;
  std::uint64_t windows = 0;

  Driver(std::uint32_t nodes, Ps window) : calendar(nodes, window), pending(nodes) {}

  void add(std::uint32_t node, Ps at) {
    pending[node].insert(at);
    calendar.wake(node, at);
  }
  void run(Ps until) {
    for (;;) {
      const Ps next = calendar.next_work();
      if (next >= until) return;
      if (calendar.idle()) calendar.skip_to(next);
      ++windows;
      calendar.drain([&](std::uint32_t node) {
        auto& mine = pending[node];
        while (!mine.empty() && *mine.begin() < calendar.end()) {
          CHECK(*mine.begin() >= calendar.start());  // in its own window, never late
          mine.erase(mine.begin());
          ++done;
        }
      });
      calendar.advance();
    }
  }
};
}  // namespace

TEST(every_wake_is_served_in_its_own_window) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    Driver driver(130, 1'000);
    for (int i = 0; i < 3'000; ++i) {
      const Ps range = i % 3 == 0 ? 5'000 : i % 3 == 1 ? 300'000 : 50'000'000;
      driver.add(static_cast<std::uint32_t>(random() % 130), static_cast<Ps>(random() % range));
    }
    driver.run(kNever);
    CHECK_EQ(driver.done, 3'000U);
  }
}

TEST(wakes_exactly_at_bucket_edges_are_served) {
  Driver driver(1, 1'000);
  for (const Ps ahead : {0, 1, 2, 3, 253, 254, 255, 256, 257, 511, 512, 513}) {
    driver.add(0, ahead * 1'000);
    driver.add(0, ahead * 1'000 + 999);
  }
  driver.run(kNever);
  CHECK_EQ(driver.done, 24U);
}

TEST(idle_time_is_skipped_not_walked) {
  Driver driver(4, 1'000);
  driver.add(2, 5'000'000'000'123);
  driver.add(3, 9'000'000'000'999);
  driver.run(kNever);
  CHECK_EQ(driver.done, 2U);
  CHECK(driver.windows < 1'000);
}

TEST(skipping_keeps_the_grid_of_windows) {
  Calendar calendar(2, 1'000);
  calendar.skip_to(123'456'789);
  CHECK_EQ(calendar.start() % 1'000, 0);
  CHECK(calendar.start() <= 123'456'789 && 123'456'789 < calendar.end());
}

TEST(nodes_of_a_window_are_visited_in_order_and_once) {
  Calendar calendar(200, 1'000);
  for (const std::uint32_t node : {150U, 3U, 64U, 63U, 3U, 150U}) calendar.wake(node, 10);
  std::vector<std::uint32_t> visited;
  calendar.drain([&](std::uint32_t node) { visited.push_back(node); });
  CHECK(visited == std::vector<std::uint32_t>({3, 63, 64, 150}));
  CHECK(calendar.idle());
  CHECK_EQ(calendar.next_work(), kNever);
}
