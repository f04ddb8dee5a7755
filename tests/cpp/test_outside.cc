// SPDX-License-Identifier: Apache-2.0
// A pipeline outside the engine: what it answers in time changes nothing.
#include <map>
#include <numeric>

#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
/// Forwards like the star's table does: to the port of the destination.
struct Mirror : Outside {
  explicit Mirror(std::uint32_t endpoints) : n(endpoints) {}
  void sent(std::uint32_t, Packet& packet, Ps) override {
    packet.entropy = ++frames;  // a tag that travels with the packet
    ++on_wire[packet.entropy];
  }
  void pfc_sent(std::uint32_t, const PfcFrame&, Ps) override { ++pauses; }
  Verdict forward(std::uint32_t in_port, const Packet& packet, Ps,
                  std::vector<Copy>& copies) override {
    on_wire.erase(packet.entropy);
    if (++seen % 1000 == lose) return Verdict::kDropped;
    if (seen % 1000 == delay) {
      late.emplace_back(in_port, packet);
      return Verdict::kPending;
    }
    copies.emplace_back(n + packet.dst, packet);
    if (flood) {
      for (std::uint32_t i = 0; i < n; ++i) {
        if (i != packet.dst && n + i != in_port) copies.emplace_back(n + i, packet);
      }
    }
    return Verdict::kForwarded;
  }
  void dropped(std::uint32_t, const Packet&, Drop) override { ++drops; }

  std::uint32_t n;
  std::uint32_t frames = 0, pauses = 0, drops = 0, seen = 0;
  std::uint32_t lose = 1000, delay = 1000;  // none
  bool flood = false;
  std::map<std::uint32_t, int> on_wire;
  std::vector<Copy> late;
};

void post_incast(Star& star) {
  for (std::uint32_t i = 1; i < star.n; ++i) {
    star.engine.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
    star.engine.post(i - 1, 400'000, 0);
  }
}
void prepare(Star& star) {
  star.chip.mmu.buffer_bytes = 4'000'000;
  star.chip.mmu.alpha_lossless = 0.125;
  star.nic.retransmit_timeout_ps = kMs;
}
}  // namespace

TEST(an_outside_pipeline_that_forwards_alike_gives_the_same_times_in_windows_of_any_length) {
  Star plain(9);
  prepare(plain);
  plain.build();
  post_incast(plain);
  plain.run();
  CHECK(plain.engine.totals().pfc_frames > 0);

  Star watched(9);
  prepare(watched);
  Engine& e = watched.build();
  Mirror mirror(9);
  e.set_outside(&mirror);
  post_incast(watched);
  while (e.unfinished() > 0) e.run_until(e.now() + 7'919, true);
  for (std::size_t i = 0; i < e.messages().size(); ++i) {
    CHECK_EQ(watched.message(static_cast<std::uint32_t>(i)).end,
             plain.message(static_cast<std::uint32_t>(i)).end);
  }
  CHECK_EQ(e.totals().pfc_frames, plain.engine.totals().pfc_frames);
  CHECK_EQ(mirror.pauses, e.totals().pfc_frames + e.totals().xon_frames);
  CHECK_EQ(mirror.drops, 0U);
}

TEST(a_late_answer_joins_its_queue_when_it_comes) {
  Star star(2);
  Engine& e = star.build();
  Mirror mirror(2);
  mirror.delay = 1;  // the first packet
  e.set_outside(&mirror);
  e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 0);
  e.run_until(20 * kUs, true);
  CHECK_EQ(mirror.late.size(), 1U);
  CHECK_EQ(e.messages()[0].end, -1);
  std::vector<Copy> copies{{2, mirror.late[0].second}};
  e.admit_outside(mirror.late[0].first, mirror.late[0].second, copies);
  e.run_until(kMs, true);
  const std::int64_t frame = 4096 + 82;  // RETH and immediate
  CHECK_EQ(e.messages()[0].end, 20 * kUs + serialisation_ps(frame + kPreambleBytes, star.rate) +
                                    star.delay + star.nic_receive);
}

TEST(what_an_outside_pipeline_swallows_is_a_drop_and_is_sent_again) {
  Star star(2);
  Engine& e = star.build();
  Mirror mirror(2);
  mirror.lose = 1;
  e.set_outside(&mirror);
  e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  e.post(0, 100'000, 0);
  e.run_until(kMs, true);
  CHECK(e.messages()[0].end > 0);
  CHECK_EQ(star.dropped(Drop::kNoRoute), 1U);
  CHECK_EQ(mirror.drops, 1U);
  CHECK(e.totals().retransmitted_packets > 0);
}

TEST(copies_of_an_outside_flood_share_one_charge_and_balance) {
  Star star(4);
  Engine& e = star.build();
  Mirror mirror(4);
  mirror.flood = true;
  e.set_outside(&mirror);
  e.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  e.post(0, 100'000, 0);
  e.run_until(kMs, true);
  e.run_until(2 * kMs, false);
  const Totals& t = e.totals();
  CHECK(t.copied_packets > 0);
  CHECK_EQ(t.injected_packets + t.copied_packets, t.delivered_packets + t.discarded_packets);
  CHECK_EQ(e.switches()[0].mmu.pool_used(), 0);
}

TEST(a_foreign_frame_crosses_the_fabric_in_its_own_class) {
  Star star(2);
  Engine& e = star.build();
  Mirror mirror(2);
  e.set_outside(&mirror);
  e.run_until(kUs, false);
  Packet ping{};
  ping.bytes = 98 + 4;
  ping.dst = 0;
  ping.set_current_priority(0);
  e.inject(1, ping);
  CHECK(e.next_work() <= kUs);
  e.run_until(kMs, false);
  CHECK_EQ(e.totals().delivered_packets, 1U);
  CHECK_EQ(star.queue(2, 0).tx_packets, 1U);
}
