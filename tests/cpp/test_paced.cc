// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "check.h"
#include "emu/core/paced.h"

using namespace emu;

TEST(paced_queue_pairs_leave_in_order_of_time_then_number) {
  PacedQueue queue;
  std::priority_queue<PacedQueue::Entry, std::vector<PacedQueue::Entry>, std::greater<>> plain;
  std::mt19937 random(3);
  for (int step = 0; step < 20'000; ++step) {
    CHECK(queue.empty() == plain.empty());
    if (!plain.empty()) CHECK(queue.top() == plain.top());
    if (plain.empty() || random() % 2 == 0) {
      const Ps at = static_cast<Ps>(random() % 50);
      const auto qp = static_cast<std::uint32_t>(random() % 8);
      queue.push(at, qp);
      plain.emplace(at, qp);
    } else {
      queue.pop();
      plain.pop();
    }
    if (step % 5'000 == 4'999) {
      queue.clear();
      plain = {};
    }
  }
}
