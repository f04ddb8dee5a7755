// SPDX-License-Identifier: Apache-2.0
#include <deque>

#include "check.h"
#include "emu/core/ring.h"

using namespace emu;

TEST(a_ring_is_a_queue_whatever_happens_to_it) {
  Ring<std::uint64_t> ring;
  std::deque<std::uint64_t> model;
  std::uint64_t x = 99;
  for (int i = 0; i < 200'000; ++i) {
    x = x * 6364136223846793005ULL + 1442695040888963407ULL;
    switch (x >> 61) {
      case 0:
      case 1:
      case 2:
      case 3:
        ring.push(x);
        model.push_back(x);
        break;
      case 4:
      case 5:
        if (!model.empty()) {
          CHECK_EQ(ring.front(), model.front());
          ring.pop();
          model.pop_front();
        }
        break;
      case 6: {
        const auto n = static_cast<std::uint32_t>((x >> 32) % (model.size() + 1));
        if (n > 20) break;
        ring.pop(n);
        model.erase(model.begin(), model.begin() + n);
        break;
      }
      default:
        if (model.size() > 500) {
          ring.filter([](std::uint64_t value) { return (value >> 33 & 3) != 0; });
          std::erase_if(model, [](std::uint64_t value) { return (value >> 33 & 3) == 0; });
        }
    }
    CHECK_EQ(ring.size(), model.size());
    CHECK_EQ(ring.empty(), model.empty());
    if (!model.empty()) {
      CHECK_EQ(ring.front(), model.front());
      CHECK_EQ(ring.back(), model.back());
      CHECK_EQ(ring[static_cast<std::uint32_t>(model.size() / 2)], model[model.size() / 2]);
    }
  }
}

TEST(an_empty_ring_may_be_filtered_and_cleared) {
  Ring<int> ring;
  ring.filter([](int) { return true; });
  ring.clear();
  CHECK(ring.empty());
  ring.push(1);
  ring.clear();
  CHECK(ring.empty());
  ring.push(2);
  CHECK_EQ(ring.front(), 2);
}
