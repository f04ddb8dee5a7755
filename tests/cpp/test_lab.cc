// SPDX-License-Identifier: Apache-2.0
// The traffic manager of the lab: exact while pipelines are in time, honest when
// they are not.
#include <cstring>

#include "check.h"
#include "emu/core/wire/icrc.h"
#include "lab_rig.h"

using namespace emu;
using namespace emu::test;

namespace {
void prepare(Star& star) {
  star.chip.mmu.buffer_bytes = 4'000'000;
  star.chip.mmu.alpha_lossless = 0.125;
  star.nic.retransmit_timeout_ps = kMs;
  star.nic.congestion_control = true;
  star.ecn = {50'000, 200'000, 0.5, 8};
}
void post_incast(Star& star, std::int64_t bytes = 300'000) {
  for (std::uint32_t i = 1; i < star.n; ++i) {
    star.engine.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i - 1), 3, Verb::kWrite);
    star.engine.post(i - 1, bytes, 0);
  }
}
bool icrc_right(const std::vector<std::uint8_t>& frame) {
  const std::uint8_t* const ip = frame.data() + 14;
  const std::size_t n = wire::load_be16(ip + 2) - wire::kIcrcBytes;
  return wire::icrc_load(ip + n) == wire::icrc(ip, n);
}
std::vector<std::uint8_t> ping(std::uint8_t to) {
  std::vector<std::uint8_t> frame(98, 0);
  frame[12] = 8;  // IPv4
  frame[14] = 0x45;
  wire::store_be16(&frame[16], 84);
  frame[22] = 64;
  frame[23] = wire::kProtoIcmp;
  wire::store_be32(&frame[26], 0xC6120002);
  wire::store_be32(&frame[30], 0xC6120000U + to);
  wire::store_be16(&frame[24], wire::checksum16(&frame[14], 20));
  return frame;
}
}  // namespace

TEST(real_pipelines_in_time_give_the_simulators_times_marks_and_pauses) {
  Star plain(6);
  prepare(plain);
  plain.build();
  post_incast(plain);
  plain.run();
  CHECK(plain.engine.totals().pfc_frames > 0);
  CHECK(plain.engine.totals().marked_packets > 0);

  Star star(6);
  prepare(star);
  star.build();
  post_incast(star);
  LabRig rig(star);
  rig.run();
  for (std::uint32_t m = 0; m < 5; ++m) CHECK_EQ(star.message(m).end, plain.message(m).end);
  const Totals& a = star.engine.totals();
  const Totals& b = plain.engine.totals();
  CHECK_EQ(a.marked_packets, b.marked_packets);
  CHECK_EQ(a.pfc_frames, b.pfc_frames);
  const lab::Lateness& lateness = rig.manager.lateness();
  CHECK_EQ(lateness.late, 0U);
  CHECK(lateness.in_time > 300);
  CHECK_EQ(rig.manager.counters().bad_icrc, 0U);
}

TEST(frames_at_the_receiver_are_roce_with_the_marks_of_the_queues_and_a_right_icrc) {
  Star star(6);
  prepare(star);
  star.build();
  post_incast(star);
  LabRig rig(star);
  rig.run();
  std::uint64_t marked = 0;
  std::uint64_t pauses = 0;
  for (const auto& frame : rig.network.delivered[0]) {
    if (wire::load_be16(&frame[12]) == wire::kEtherMacControl) continue;
    CHECK(icrc_right(frame));
    CHECK(wire::Ipv4::checksum_ok(&frame[14]));
    CHECK_EQ(frame[22], 63);  // one router on the way
    if ((frame[15] & 3) == wire::kCongestionExperienced) ++marked;
  }
  std::uint64_t counted = 0;
  for (const Message& m : star.engine.messages()) counted += m.marked_packets;
  CHECK(marked > 0);
  CHECK(marked >= counted);  // a few may not have been looked at when the run ended
  CHECK(marked <= counted + 8);
  for (std::uint32_t host = 1; host < 6; ++host) {
    for (const auto& frame : rig.network.delivered[host]) {
      if (wire::load_be16(&frame[12]) == wire::kEtherMacControl) ++pauses;
    }
  }
  CHECK(pauses > 0);
}

TEST(a_pipeline_that_is_slow_once_makes_that_packet_late_and_nothing_is_lost) {
  Star star(3);
  prepare(star);
  star.build();
  post_incast(star);
  LabRig rig(star);
  rig.network.slow = [](std::uint64_t i) { return i == 20; };
  rig.network.slow_ns = 9'000'000;  // pipeline: 500 ns, 5 ms in wall time
  rig.run();
  const lab::Lateness& lateness = rig.manager.lateness();
  // Later packets of its queue pair overtook it, so that it was a gap: those
  // that were sent again are in time.
  CHECK_EQ(lateness.late, 1U);
  CHECK_EQ(lateness.examples.size(), 1U);
  CHECK_NEAR(static_cast<double>(lateness.late_ps), 400e3, 150e3);
  for (const Message& m : star.engine.messages()) CHECK(m.end > 0);
}

TEST(where_the_clock_may_wait_a_slow_pipeline_changes_nothing) {
  Star plain(3);
  prepare(plain);
  plain.build();
  post_incast(plain);
  plain.run();
  Star star(3);
  prepare(star);
  star.build();
  post_incast(star);
  LabRig rig(star, 50'000'000);
  rig.network.slow = [](std::uint64_t i) { return i % 20 == 0; };
  rig.network.slow_ns = 9'000'000;
  rig.run();
  CHECK_EQ(rig.manager.lateness().late, 0U);
  CHECK(rig.manager.lateness().held > 0);
  CHECK(rig.manager.lateness().held_ns > 0);
  for (std::uint32_t m = 0; m < 2; ++m) CHECK_EQ(star.message(m).end, plain.message(m).end);
}

TEST(a_process_that_was_kept_from_running_lets_fabric_time_stand) {
  Star plain(3);
  prepare(plain);
  plain.build();
  post_incast(plain);
  plain.run();
  Star star(3);
  prepare(star);
  star.build();
  post_incast(star);
  LabRig rig(star);
  rig.clock.oversleep_ns = 3'000'000;
  rig.run();
  CHECK(rig.manager.lateness().slipped_ns > 0);
  CHECK_EQ(rig.manager.lateness().late, 0U);
  for (std::uint32_t m = 0; m < 2; ++m) CHECK_EQ(star.message(m).end, plain.message(m).end);
}

TEST(what_a_pipeline_swallows_is_counted_as_lost_and_sent_again) {
  Star star(2);
  prepare(star);
  star.nic.retransmit_timeout_ps = 50 * kUs;
  star.build();
  post_incast(star, 100'000);
  LabRig rig(star);
  rig.network.swallow = [](std::uint64_t i) { return i == 5; };
  rig.run();
  star.engine.run_until(star.engine.now(), false);
  CHECK(star.message(0).end > 0);
  CHECK(star.engine.totals().retransmitted_packets > 0);
  CHECK_EQ(rig.manager.lateness().late, 0U);
  // Time enough to be sure that it does not come back.
  rig.manager.run(star.engine.now() + 40 * kUs, false, 1'000'000'000);
  CHECK_EQ(rig.manager.lateness().lost, 1U);
  CHECK_EQ(star.dropped(Drop::kNoRoute), 1U);
}

TEST(copies_of_a_real_flood_are_queued_each_where_it_came_out) {
  Star star(4);
  prepare(star);
  star.build();
  star.engine.add_qp(1, 0, 50'000, 3, Verb::kWrite);
  star.engine.post(0, 50'000, 0);
  LabRig rig(star);
  rig.network.flood = true;
  rig.run();
  CHECK(star.message(0).end > 0);
  CHECK(star.engine.totals().copied_packets > 0);
  CHECK(rig.network.delivered[2].size() >= 12);
  CHECK_EQ(rig.manager.counters().control_frames, 0U);
}

TEST(a_frame_of_another_program_passes_the_queues_and_is_no_roce) {
  Star star(2);
  star.build();
  LabRig rig(star);
  const auto frame = ping(1);
  rig.network.back.emplace(rig.clock.now, std::make_pair(1U, frame));
  rig.manager.run(20 * kUs, false, 1'000'000'000);
  CHECK_EQ(rig.network.delivered[0].size(), 1U);
  CHECK_EQ(rig.manager.counters().foreign_frames, 1U);
  CHECK_EQ(star.queue(2, 0).tx_packets, 1U);
  CHECK_EQ(rig.manager.lateness().packets, 0U);  // only the engine's own packets count
}

TEST(what_a_switch_says_by_itself_crosses_at_once_unless_its_link_is_down) {
  Star star(2);
  star.build();
  LabRig rig(star);
  std::vector<std::uint8_t> lldp(60, 7);
  rig.network.back.emplace(rig.clock.now, std::make_pair(2U, lldp));
  rig.manager.run(kUs, false, 1'000'000'000);
  CHECK_EQ(rig.network.delivered[0].size(), 1U);
  rig.manager.schedule(2 * kUs, [&] { star.engine.set_link(0, false); });
  rig.manager.run(3 * kUs, false, 1'000'000'000);
  CHECK_EQ(rig.network.carrier.size(), 2U);  // both ends see it
  CHECK(!rig.network.carrier[0].second);
  rig.network.back.emplace(rig.clock.now, std::make_pair(2U, lldp));
  rig.manager.run(4 * kUs, false, 1'000'000'000);
  CHECK_EQ(rig.network.delivered[0].size(), 1U);
  CHECK_EQ(rig.manager.counters().control_frames, 1U);
}

TEST(an_engine_that_takes_over_shows_the_nodes_its_own_links) {
  Star star(2);
  star.build();
  LabRig rig(star);
  rig.network.set_carrier(2, false);  // as an engine before it left it
  rig.manager.run(kUs, false, 1'000'000'000);
  CHECK(rig.network.link_up[2]);
}

TEST(frames_on_a_link_that_dies_never_arrive_and_leave_nothing_behind) {
  Star star(2);
  prepare(star);
  star.nic.retransmit_timeout_ps = 20 * kUs;
  star.build();
  post_incast(star, 500'000);
  LabRig rig(star);
  rig.manager.schedule(4 * kUs, [&] { star.engine.set_link(1, false); });
  rig.manager.schedule(30 * kUs, [&] { star.engine.set_link(1, true); });
  rig.run();
  CHECK(star.message(0).end > 30 * kUs);
  CHECK(star.dropped(Drop::kLinkDown) > 0);
}

TEST(identity_survives_what_pipelines_change_and_tells_packets_apart) {
  auto frame = ping(1);
  const std::uint64_t key = lab::identify(frame.data(), frame.size()).key;
  auto other = frame;
  other[22] = 61;
  other[0] = 0xAA;
  lab::set_ecn(&other[14], 3);
  other.resize(120);  // padding
  CHECK_EQ(lab::identify(other.data(), other.size()).key, key);
  CHECK_EQ(lab::identify(other.data(), other.size()).outer_tos & 3, 3);
  // In a tunnel.
  std::vector<std::uint8_t> outer(50, 0);
  outer[12] = 8;
  outer[14] = 0x45;
  outer[15] = 2;
  wire::store_be16(&outer[16], 36 + 98);
  outer[23] = wire::kProtoUdp;
  wire::store_be16(&outer[36], wire::kPortVxlan);
  outer.insert(outer.end(), frame.begin(), frame.end());
  const lab::Identity tunnelled = lab::identify(outer.data(), outer.size());
  CHECK(tunnelled.encapsulated);
  CHECK_EQ(tunnelled.key, key);
  CHECK_EQ(tunnelled.outer_tos, 2);
  CHECK_EQ(tunnelled.inner_at, 64U);
  frame[40] ^= 1;  // another ICMP sequence number
  CHECK(lab::identify(frame.data(), frame.size()).key != key);
  for (std::size_t n = 0; n < outer.size(); ++n) {  // cut anywhere: ASan watches
    std::vector<std::uint8_t> cut(outer.begin(), outer.begin() + static_cast<std::ptrdiff_t>(n));
    (void)lab::identify(cut.data(), cut.size());
  }
}

TEST(wall_time_percentiles_are_within_six_per_cent) {
  lab::WallHistogram h;
  CHECK_EQ(h.quantile_ns(0.5), 0U);
  for (std::int64_t i = 1; i <= 100'000; ++i) h.add(i);
  CHECK_NEAR(static_cast<double>(h.quantile_ns(0.5)), 50'000.0, 3'200.0);
  CHECK_NEAR(static_cast<double>(h.quantile_ns(0.99)), 99'000.0, 6'200.0);
  CHECK_EQ(h.max_ns(), 100'000U);
}
