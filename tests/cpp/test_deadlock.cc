// SPDX-License-Identifier: Apache-2.0
// PFC deadlocks: found in a ring, not in a line, and ended by the watchdog.
#include <vector>

#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {

/// `n` switches in a row, closed to a ring or not, one endpoint at each. Packets
/// go clockwise. Ports of endpoint i: i. Of switch i, from n + 3 i on: to its
/// endpoint, to the next switch, to the previous one.
struct Row {
  Star parts{0};  // parameters only
  std::uint32_t n;
  Engine& e = parts.engine;

  Row(std::uint32_t switches, bool closed, WatchdogParams watchdog = {}) : n(switches) {
    parts.chip.mmu.buffer_bytes = 3'000'000;
    parts.chip.watchdog = watchdog;
    parts.nic.retransmit_timeout_ps = 100 * kMs;
    const auto nic = e.add_nic_profile(parts.nic);
    const auto chip = e.add_switch_profile(parts.chip);
    const auto none = e.add_ecn_profile(parts.ecn);
    for (std::uint32_t i = 0; i < n; ++i) e.add_endpoint(1, nic, parts.nic_receive);
    for (std::uint32_t i = 0; i < n; ++i) e.add_switch(3, chip);
    for (std::uint32_t i = 0; i < n; ++i) {
      e.connect(i, down(i), parts.rate, parts.delay);
      e.connect(up(i), up((i + 1) % n) + 1, parts.rate, parts.delay);
    }
    for (std::uint32_t i = 0; i < n; ++i) {
      for (std::uint32_t dst = 0; dst < n; ++dst) {
        const bool back = !closed && dst < i;
        const std::uint32_t port = dst == i ? down(i) : back ? up(i) + 1 : up(i);
        e.tables().switches[i].fib.push_back(e.tables().groups.add({port}));
      }
    }
    std::vector<std::uint16_t> own;
    for (std::uint32_t i = 0; i < n; ++i) own.push_back(e.tables().groups.add({i}));
    e.tables().port_group.assign(4 * std::size_t{n}, kNotLearned);
    e.tables().decrement_ttl = true;
    for (std::uint32_t port = 0; port < 4 * n; ++port) {
      e.set_port_pfc(port, parts.reaction);
      e.set_port_ecn(port, none);
      if (port >= n) e.set_headroom(port, 3, parts.headroom);
    }
    e.finish_build();
    for (std::uint32_t i = 0; i < n; ++i) e.set_endpoint_group(i, own[i]);
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint32_t dst = (i + 2) % n;
      if (!closed && dst < i) continue;
      const auto qp = e.add_qp(i, dst, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
      e.post(qp, 20'000'000, 0);
    }
  }
  std::uint32_t down(std::uint32_t i) const { return n + 3 * i; }
  std::uint32_t up(std::uint32_t i) const { return n + 3 * i + 1; }

  /// Runs with a sample every 100 us.
  void run(Ps until) {
    for (Ps at = e.now() + 100 * kUs; at <= until && e.unfinished() > 0; at += 100 * kUs) {
      e.run_until(at, true);
      e.sample();
    }
  }
  std::vector<Event> found() const {
    std::vector<Event> out;
    for (const Event& event : e.events()) {
      if (event.kind == EventKind::kDeadlock) out.push_back(event);
    }
    return out;
  }
};

}  // namespace

TEST(a_ring_of_three_switches_locks_up_and_the_circle_is_named) {
  Row ring(3, true);
  ring.run(5 * kMs);
  CHECK_EQ(ring.e.totals().deadlocks, 1U);
  const std::vector<Event> circle = ring.found();
  CHECK_EQ(circle.size(), 3U);
  for (std::uint32_t i = 0; i < 3; ++i) {
    CHECK_EQ(circle[i].port, ring.up(i));
    CHECK_EQ(circle[i].detail, 3U);  // priority 3, circle 0
    CHECK(circle[i].at >= kDeadlockPs);
    CHECK(circle[i].at < kDeadlockPs + 500 * kUs);
  }
  const std::uint64_t moved = ring.e.totals().delivered_payload;
  ring.run(20 * kMs);
  CHECK_EQ(ring.e.totals().delivered_payload, moved);  // nothing ever moves again
  CHECK_EQ(ring.e.totals().deadlocks, 1U);
}

TEST(the_same_switches_in_a_line_never_lock_up) {
  Row line(3, false);
  line.run(20 * kMs);
  CHECK_EQ(line.e.unfinished(), 0U);
  CHECK_EQ(line.e.totals().deadlocks, 0U);
}

TEST(the_watchdog_breaks_a_deadlock) {
  Row ring(3, true, {200 * kUs, 2 * kMs, 2 * kMs, WatchdogAction::kDrop});
  ring.run(2 * kMs);
  CHECK_EQ(ring.e.totals().deadlocks, 1U);
  const std::uint64_t locked = ring.e.totals().delivered_payload;
  ring.run(200 * kMs);  // time for two timeouts of the senders
  CHECK(ring.e.totals().drop_packets[static_cast<std::size_t>(Drop::kPfcWatchdog)] > 0);
  CHECK(ring.e.totals().delivered_payload > locked);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const EgressQueue& queue = ring.e.queues()[ring.up(i) * kPriorities + 3];
    CHECK(queue.storms >= 1);
    CHECK_EQ(queue.restored, queue.storms);
  }
}

TEST(circles_are_found_whatever_else_waits_for_them) {
  CHECK(circles_of({}).empty());
  CHECK(circles_of({{1}, {2}, {}}).empty());
  // 0 waits for the circle 1 2; 3 for itself; 4 for nothing.
  const auto found = circles_of({{1}, {2, 4}, {1}, {3}, {}});
  CHECK_EQ(found.size(), 2U);
  CHECK(found[0] == (QueueCircle{1, 2}));
  CHECK(found[1] == (QueueCircle{3}));
}
