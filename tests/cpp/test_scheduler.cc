// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <vector>

#include "check.h"
#include "emu/core/scheduler.h"

using namespace emu;

namespace {
/// A port at 400G whose queues are filled and drained by hand.
struct Bench {
  Port port;
  std::vector<EgressQueue> queues{kPriorities};
  SchedulerParams params;
  PacketPool pool;

  Bench() {
    port.rate = LinkRate(400'000'000'000);
    params.quantum_bytes.fill(4'000);
  }
  void add(int p, std::uint16_t bytes, int count = 1, Ps at = 0) {
    Packet packet{};
    packet.bytes = bytes;
    packet.at = at;
    for (int i = 0; i < count; ++i) queues[static_cast<std::size_t>(p)].packets.push(pool, packet);
    port.backlog |= static_cast<std::uint8_t>(1U << p);
  }
  void pause(int p, Ps now, Ps until) {
    queues[static_cast<std::size_t>(p)].pause(now, until);
    port.paused |= static_cast<std::uint8_t>(1U << p);
  }
  /// Sends one packet if it may start before `until`; -1 otherwise.
  int send(Ps until = kNever) {
    const Choice choice = choose(port, queues.data(), until, params);
    if (choice.priority < 0) return -1;
    EgressQueue& queue = queues[static_cast<std::size_t>(choice.priority)];
    port.next_free = choice.start + port.rate.time_of(queue.packets.front().bytes + kLinkGapBytes);
    queue.packets.pop(pool);
    if (queue.packets.empty()) {
      port.backlog &= static_cast<std::uint8_t>(~(1U << choice.priority));
    }
    return choice.priority;
  }
};
}  // namespace

TEST(strict_priorities_go_first_the_highest_number_first) {
  Bench bench;
  bench.params.strict = 0b1100'0000;
  for (const int p : {0, 3, 6, 7}) bench.add(p, 1'000, 2);
  std::vector<int> order;
  for (int p = bench.send(); p >= 0; p = bench.send()) order.push_back(p);
  CHECK_EQ(order.size(), 8U);
  CHECK_EQ(order[0], 7);
  CHECK_EQ(order[1], 7);
  CHECK_EQ(order[2], 6);
  CHECK_EQ(order[3], 6);
  for (std::size_t i = 4; i < 8; ++i) CHECK(order[i] == 0 || order[i] == 3);
}

TEST(a_strict_packet_that_is_not_there_yet_delays_nobody) {
  Bench bench;
  bench.params.strict = 0b0100'0000;
  bench.add(6, 78, 1, 1'000'000);
  bench.add(3, 4'158);
  CHECK_EQ(bench.send(), 3);
  const Choice next = choose(bench.port, bench.queues.data(), 0, bench.params);
  CHECK_EQ(next.priority, -1);
  CHECK_EQ(next.start, 1'000'000);
  CHECK_EQ(bench.send(), 6);
}

TEST(dwrr_shares_bytes_by_quantum_within_one_round) {
  // Weights 5 : 3 : 1, packets of different sizes: after any number of packets
  // no queue is further from its share than one quantum and one packet.
  Bench bench;
  bench.params.quantum_bytes = {5'000, 0, 0, 3'000, 1'000, 0, 0, 0};
  bench.add(0, 1'500, 4'000);
  bench.add(3, 4'158, 4'000);
  bench.add(4, 64, 40'000);
  std::array<double, kPriorities> bytes{};
  const std::array<double, kPriorities> size{1'500, 0, 0, 4'158, 64, 0, 0, 0};
  for (int i = 0; i < 4'000; ++i) {
    const auto p = static_cast<std::size_t>(bench.send());
    bytes[p] += size[p];
    if (i < 100) continue;
    const double rounds = (bytes[0] + bytes[3] + bytes[4]) / 9'000;
    for (const std::size_t q : {std::size_t{0}, std::size_t{3}, std::size_t{4}}) {
      const double quantum = bench.params.quantum_bytes[q];
      CHECK_NEAR(bytes[q], rounds * quantum, quantum * 2 + size[q] * 2);
    }
  }
}

TEST(a_paused_queue_keeps_its_turn_and_its_credit) {
  Bench bench;
  bench.add(0, 1'000, 100);
  bench.add(3, 1'000, 100);
  while (bench.send() != 3) {
  }
  const std::int64_t credit = bench.queues[3].deficit;
  const Ps until = bench.port.next_free + 300'000;
  bench.pause(3, bench.port.next_free, until);
  int others = 0;
  for (; bench.port.next_free < until; ++others) CHECK_EQ(bench.send(), 0);
  CHECK(others > 5);
  CHECK(bench.queues[3].deficit >= credit);
  std::array<int, kPriorities> sent{};
  for (int i = 0; i < 40; ++i) ++sent[static_cast<std::size_t>(bench.send())];
  CHECK_NEAR(sent[3], 20, 4);  // equal again at once: nothing is made up, nothing lost
}

TEST(an_empty_queue_saves_no_credit) {
  Bench bench;
  bench.add(0, 1'000, 500);
  bench.add(3, 1'000, 1);
  for (int i = 0; i < 400; ++i) bench.send();
  bench.add(3, 1'000, 100);
  std::array<int, kPriorities> sent{};
  for (int i = 0; i < 40; ++i) ++sent[static_cast<std::size_t>(bench.send())];
  CHECK_NEAR(sent[3], 20, 4);
}

TEST(a_paused_port_starts_when_the_first_pause_ends) {
  Bench bench;
  bench.add(0, 1'000);
  bench.add(3, 1'000);
  bench.pause(0, 0, 700);
  bench.pause(3, 0, 500);
  CHECK_EQ(choose(bench.port, bench.queues.data(), 0, bench.params).start, 500);
  CHECK_EQ(choose(bench.port, bench.queues.data(), 500, bench.params).priority, -1);
  CHECK_EQ(choose(bench.port, bench.queues.data(), 501, bench.params).priority, 3);
}
