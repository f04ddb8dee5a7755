// SPDX-License-Identifier: Apache-2.0
// Watching ports: what is seen, when, and that it changes nothing.
#include <algorithm>
#include <vector>

#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
struct Notes final : Observer {
  std::vector<Sighting> seen;
  Ps settled = 0;
  bool late = false;

  void see(const Sighting& sighting, Ps now) override {
    settled = std::max(settled, now);
    if (sighting.at < settled) late = true;
    seen.push_back(sighting);
  }
  void recall(std::uint32_t port, Ps data_after, Ps pfc_after) override {
    std::erase_if(seen, [&](const Sighting& s) {
      return s.port == port && !s.outbound && s.packet.at > (s.pfc ? pfc_after : data_after);
    });
  }
  std::size_t count(std::uint32_t port, bool outbound, bool pfc = false) const {
    return static_cast<std::size_t>(std::count_if(seen.begin(), seen.end(), [&](const auto& s) {
      return s.port == port && s.outbound == outbound && s.pfc == pfc;
    }));
  }
  /// Frames that left one end of a cable and did not reach the other.
  std::size_t lost_between(std::uint32_t a, std::uint32_t b) const {
    return count(a, true) + count(b, true) - count(a, false) - count(b, false);
  }
  const Sighting& first(std::uint32_t port, bool outbound) const {
    return *std::find_if(seen.begin(), seen.end(),
                         [&](const auto& s) { return s.port == port && s.outbound == outbound; });
  }
};

/// Three senders into one receiver whose buffer pauses them.
struct Incast : Star {
  Incast() : Star(4) {
    chip.mmu.buffer_bytes = 2'000'000;
    chip.mmu.alpha_lossless = 1.0 / 32;
    ecn = {20'000, 80'000, 0.2, 8};
    nic.congestion_control = true;
  }
};

void start_incast(Star& star) {
  Engine& e = star.build();
  for (std::uint32_t i = 1; i < 4; ++i) {
    e.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
    e.post(i - 1, 200'000, 0);
  }
}
}  // namespace

TEST(a_watched_run_is_the_same_run) {
  Incast plain;
  Incast watched;
  Notes notes;
  start_incast(plain);
  start_incast(watched);
  watched.engine.watch(notes, {0, 1, 4, 5});
  plain.run();
  watched.run();
  CHECK(plain.engine.totals().pfc_frames > 0);
  CHECK(plain.engine.totals().marked_packets > 0);
  CHECK_EQ(watched.engine.totals().pfc_frames, plain.engine.totals().pfc_frames);
  CHECK_EQ(watched.engine.totals().marked_packets, plain.engine.totals().marked_packets);
  CHECK_EQ(watched.engine.totals().packet_hops, plain.engine.totals().packet_hops);
  for (std::uint32_t m = 0; m < 3; ++m) {
    CHECK_EQ(watched.message(m).end, plain.message(m).end);
    CHECK_EQ(watched.message(m).acked, plain.message(m).acked);
  }
  CHECK(!notes.late);
}

TEST(every_frame_of_a_watched_port_is_seen_once) {
  Incast star;
  Notes notes;
  start_incast(star);
  star.engine.watch(notes, {0, 4, 5});
  star.run();
  std::uint64_t sent = 0;
  for (int p = 0; p < kPriorities; ++p) sent += star.queue(4, p).tx_packets;
  CHECK_EQ(notes.count(4, true), sent);
  CHECK_EQ(notes.count(0, false), sent);  // the other end of the same cable
  CHECK_EQ(notes.count(5, true, true),
           star.queue(5, 3).pfc_tx + star.engine.totals().xon_frames / 3);
  CHECK_EQ(notes.count(1, true), 0U);  // nobody watches there
}

TEST(a_frame_is_seen_when_its_first_bit_leaves_and_its_last_bit_arrives) {
  Star star;
  Engine& e = star.build();
  Notes notes;
  e.watch(notes, {0, 1});
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 1'000, 7 * kNs);
  e.run_until(kMs, false);
  CHECK_EQ(notes.first(0, true).at, star.message(0).first_tx);
  CHECK_EQ(notes.first(1, false).at + star.nic_receive, star.message(0).end);
  CHECK_EQ(notes.first(1, true).packet.kind == Kind::kAck, true);
  CHECK_EQ(notes.first(0, false).at + star.nic_receive, star.message(0).acked);
}

TEST(what_a_dead_link_loses_left_and_did_not_arrive) {
  Star star;
  Engine& e = star.build();
  Notes notes;
  e.watch(notes, {0, 2});
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 1'000'000, 0);
  e.run_until(3 * kUs, false);
  e.set_link(0, false);
  e.run_until(6 * kUs, false);
  CHECK(star.dropped(Drop::kLinkDown) > 0);
  CHECK_EQ(notes.lost_between(0, 2), star.dropped(Drop::kLinkDown));
  for (const Sighting& s : notes.seen) CHECK(s.outbound || s.at <= 3 * kUs);
}

TEST(a_corrupted_frame_left_and_a_black_hole_swallows_before) {
  for (const bool hole : {false, true}) {
    Star star;
    Engine& e = star.build();
    Notes notes;
    e.watch(notes, {3, 1});
    e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
    e.post(0, 4'096'000, 0);
    if (hole) {
      e.set_black_hole(3, true, {});
    } else {
      for (const std::uint32_t port : {3U, e.ports()[3].peer}) e.set_loss(port, 0.2);
    }
    e.run_until(30 * kUs, false);
    const auto lost = star.dropped(hole ? Drop::kBlackHole : Drop::kLinkError);
    CHECK(lost > 0);
    CHECK_EQ(notes.lost_between(3, 1), hole ? 0 : lost);
  }
}

TEST(nobody_watches_after_unwatch) {
  Star star;
  Engine& e = star.build();
  Notes notes;
  e.watch(notes, {0, 1});
  e.unwatch();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 1'000, 0);
  star.run();
  CHECK(notes.seen.empty());
  for (const Port& port : e.ports()) CHECK(!port.impaired);
}
