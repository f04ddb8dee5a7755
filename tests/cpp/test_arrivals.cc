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

/// What a window brings to some ports, and what a plain sort by the canonical order makes of it.
struct Brought {
  std::vector<Packet> packets;  // of all ports, those of one port in order
  std::vector<std::pair<Ps, std::uint32_t>> pauses;
  // time, port, packet (false: pause frame), order on the wire
  std::vector<std::tuple<Ps, std::uint32_t, bool, std::uint32_t>> expected;

  /// `step`: times are multiples of it, so that many of them are equal.
  Brought(std::uint32_t ports, std::uint32_t each, Ps step, std::uint32_t seed) {
    std::mt19937 random(seed);
    const auto times = [&](std::uint32_t n) {
      std::vector<Ps> all(n);
      for (Ps& at : all) at = kBase + static_cast<Ps>(random() % kWindow) / step * step;
      std::sort(all.begin(), all.end());
      return all;
    };
    for (std::uint32_t port = 0; port < ports; ++port) {
      std::uint32_t order = 0;
      for (const Ps at : times(static_cast<std::uint32_t>(random() % 3))) {
        pauses.emplace_back(at, port);
        expected.emplace_back(at, port, false, order++);
      }
      order = 0;
      for (const Ps at : times(each)) {
        Packet& packet = packets.emplace_back();
        packet.at = at;
        packet.ingress = static_cast<std::uint16_t>(port);
        packet.psn = order;
        expected.emplace_back(at, port, true, order++);
      }
    }
    std::sort(expected.begin(), expected.end());
    // Senders take turns as they like; what one sends stays in order.
    std::shuffle(packets.begin(), packets.end(), random);
    for (std::uint32_t port = 0; port < ports; ++port) {
      std::vector<Packet*> own;
      for (Packet& packet : packets) {
        if (packet.ingress == port) own.push_back(&packet);
      }
      std::vector<Packet> sorted;
      for (const Packet* packet : own) sorted.push_back(*packet);
      std::sort(sorted.begin(), sorted.end(),
                [](const Packet& a, const Packet& b) { return a.psn < b.psn; });
      for (std::size_t i = 0; i < own.size(); ++i) *own[i] = sorted[i];
    }
  }
};

void check_order(std::uint32_t ports, std::uint32_t each, Ps step, Ps limit = kBase + kWindow) {
  Arrivals arrivals;
  PacketPool pool;
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {  // the same object, as the engine has it
    Brought brought(ports, each, step, seed);
    std::vector<std::uint32_t> paused(ports);
    arrivals.begin(kBase, kWindow, brought.expected.size());
    for (const auto& [at, port] : brought.pauses) arrivals.add(at, port, nullptr, 0);
    PacketFifo box;
    for (const Packet& packet : brought.packets) box.push(pool, packet);
    const auto note = [](const Packet& packet) { return packet.psn; };
    std::uint32_t in_window = 0;
    for (const Packet& packet : box) in_window += packet.at < limit ? 1 : 0;
    CHECK_EQ(arrivals.add_all(box, limit, note), in_window);
    std::erase_if(brought.expected, [&](const auto& row) {
      return std::get<bool>(row) && std::get<Ps>(row) >= limit;
    });
    std::size_t i = 0;
    arrivals.drain([&](const Arrival& arrival, Ps now) {
      CHECK(i < brought.expected.size());
      const auto& [at, port, is_packet, order] = brought.expected[i++];
      CHECK_EQ(now, at);
      CHECK_EQ(arrival.port(), port);
      CHECK(is_packet == (arrival.packet != nullptr));
      CHECK_EQ(is_packet ? arrival.packet->psn : paused[port]++, order);
      if (is_packet) CHECK_EQ(arrival.out, order);
    });
    CHECK_EQ(i, brought.expected.size());
    box.clear(pool);
  }
}
}  // namespace

TEST(arrivals_of_a_window_come_in_order_of_time_port_pause_first) { check_order(32, 12, 1); }

TEST(arrivals_at_equal_times_come_in_order_of_ports) { check_order(64, 40, kWindow / 3); }

TEST(arrivals_of_a_window_that_is_cut_short_stop_at_the_limit) {
  check_order(8, 20, 1'000, kBase + kWindow / 4);
}

TEST(a_window_without_arrivals_is_empty) { check_order(4, 0, 1); }
