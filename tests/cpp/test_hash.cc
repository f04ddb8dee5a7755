// SPDX-License-Identifier: Apache-2.0
// ECMP by hash: as even as balls thrown into bins, and no evener.
#include <algorithm>
#include <cmath>
#include <vector>

#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
/// Slowdown of the busiest of `links` under `flows` equal flows, mean of trials.
double busiest(int flows, std::uint32_t links, int trials) {
  double sum = 0;
  for (int trial = 0; trial < trials; ++trial) {
    Engine e(1);
    e.add_nic_profile({});
    e.add_endpoint(1, 0, 0);
    e.add_endpoint(1, 0, 0);
    std::vector<int> load(links);
    for (int f = 0; f < flows; ++f) {
      const auto qp =
          e.add_qp(0, 1, static_cast<std::uint16_t>(49'152 + trial * 7 + f * 13), 3, Verb::kWrite);
      const auto seed = mix64(static_cast<std::uint64_t>(trial));
      ++load[hash_member(EngineTest::entropy(e, qp), seed, links)];
    }
    const double fair = static_cast<double>(flows) / links;
    sum += std::max(1.0, *std::max_element(load.begin(), load.end()) / fair);
  }
  return sum / trials;
}
}  // namespace

TEST(busiest_link_under_equal_flows_is_that_of_an_ideal_hash) {
  CHECK_NEAR(busiest(8, 8, 4'000), 2.59, 0.06);
  CHECK_NEAR(busiest(8, 4, 4'000), 1.77, 0.05);
  CHECK_NEAR(busiest(16, 8, 4'000), 2.10, 0.05);
  CHECK_NEAR(busiest(32, 8, 2'000), 1.76, 0.05);
  CHECK_NEAR(busiest(64, 16, 1'000), 1.97, 0.05);
  CHECK_NEAR(busiest(128, 16, 1'000), 1.67, 0.05);
}

TEST(the_hash_fills_every_member_of_groups_of_any_size) {
  for (const std::uint32_t n : {2U, 3U, 5U, 7U, 16U, 31U, 64U}) {
    std::vector<int> load(n);
    for (std::uint32_t i = 0; i < 20'000; ++i) {
      ++load[hash_member(static_cast<std::uint32_t>(mix64(i)), 99, n)];
    }
    const double fair = 20'000.0 / n;
    for (const int count : load) CHECK_NEAR(count, fair, 5 * std::sqrt(fair));
  }
}

TEST(equal_seeds_polarise_and_different_seeds_do_not) {
  // Packets that the first tier sent to member 0 of 4: at the second tier they
  // use one member of 4 with the same seed, and all of them with another.
  std::vector<int> same(4);
  std::vector<int> other(4);
  int n = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const auto entropy = static_cast<std::uint32_t>(mix64(i));
    if (hash_member(entropy, 1, 4) != 0) continue;
    ++n;
    ++same[hash_member(entropy, 1, 4)];
    ++other[hash_member(entropy, 2, 4)];
  }
  CHECK_EQ(same[0], n);
  for (const int count : other) CHECK_NEAR(count, n / 4.0, 5 * std::sqrt(n / 4.0));
}

TEST(a_group_changes_members_and_keeps_its_number) {
  Groups groups;
  const auto one = groups.add({7});
  const auto many = groups.add({1, 2, 3});
  const auto none = groups.add({});
  CHECK_EQ(groups.pick(one, 5, 1), 7U);
  CHECK_EQ(groups.count(none), 0U);
  groups.set(many, {9});
  CHECK_EQ(groups.pick(many, 5, 1), 9U);
  groups.set(one, {4, 5});
  const std::uint32_t picked = groups.pick(one, 5, 1);
  CHECK(picked == 4 || picked == 5);
  groups.set(one, {});
  CHECK_EQ(groups.count(one), 0U);
}
