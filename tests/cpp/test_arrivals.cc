// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

#include "check.h"
#include "emu/core/arrivals.h"

using namespace emu;

namespace {
constexpr Ps kBase = 7'000'000;
constexpr Ps kWindow = 516'440;

/// One port's wires, and what a plain sort by the canonical order makes of all.
struct Wires {
  std::vector<Ring<PfcFrame>> pauses;
  std::vector<Ring<Packet>> packets;
  // time, port, packet (false: pause frame), order on the wire
  std::vector<std::tuple<Ps, std::uint32_t, bool, std::uint32_t>> expected;

  /// `step`: times are multiples of it, so that many of them are equal.
  Wires(std::uint32_t ports, std::uint32_t each, Ps step, std::uint32_t seed, Ps limit)
      : pauses(ports), packets(ports) {
    std::mt19937 random(seed);
    const auto times = [&](std::uint32_t n) {
      std::vector<Ps> all(n);
      for (Ps& at : all) at = kBase + static_cast<Ps>(random() % (2 * kWindow)) / step * step;
      std::sort(all.begin(), all.end());
      return all;
    };
    for (std::uint32_t port = 0; port < ports; ++port) {
      std::uint32_t order = 0;
      for (const Ps at : times(static_cast<std::uint32_t>(random() % 3))) {
        pauses[port].push({at, 3, 0xFFFF});
        if (at < limit) expected.emplace_back(at, port, false, order++);
      }
      order = 0;
      for (const Ps at : times(each)) {
        Packet packet{};
        packet.at = at;
        packet.psn = order;
        packets[port].push(packet);
        if (at < limit) expected.emplace_back(at, port, true, order++);
      }
    }
    std::sort(expected.begin(), expected.end());
  }
};

void check_order(std::uint32_t ports, std::uint32_t each, Ps step, Ps limit) {
  Arrivals arrivals;
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {  // the same object, as the engine has it
    Wires wires(ports, each, step, seed, limit);
    std::vector<std::uint32_t> paused(ports);
    arrivals.begin(kBase, kWindow, std::size_t{ports} * (each + 2));
    for (std::uint32_t port = 0; port < ports; ++port) {
      arrivals.take(port, wires.pauses[port], limit);
      const std::uint32_t taken = arrivals.take(port, wires.packets[port], limit);
      CHECK(taken == wires.packets[port].size() || wires.packets[port][taken].at >= limit);
    }
    std::size_t i = 0;
    arrivals.drain([&](const Arrival& arrival) {
      CHECK(i < wires.expected.size());
      const auto& [at, port, is_packet, order] = wires.expected[i++];
      CHECK_EQ(arrival.at, at);
      CHECK_EQ(arrival.port, port);
      CHECK(is_packet == (arrival.packet != nullptr));
      if (is_packet) {
        CHECK_EQ(arrival.packet->psn, order);
      } else {
        CHECK_EQ(paused[port]++, order);
      }
    });
    CHECK_EQ(i, wires.expected.size());
  }
}
}  // namespace

TEST(arrivals_of_a_window_come_in_order_of_time_port_pause_first) {
  check_order(32, 12, 1, kBase + kWindow);
}

TEST(arrivals_at_equal_times_come_in_order_of_ports) {
  check_order(64, 40, kWindow / 3, kBase + kWindow);
}

TEST(arrivals_of_a_window_that_is_cut_short_stop_at_the_limit) {
  check_order(8, 20, 1'000, kBase + kWindow / 4);
}

TEST(a_window_without_arrivals_is_empty) { check_order(4, 0, 1, kBase); }
