// SPDX-License-Identifier: Apache-2.0
// VXLAN encapsulation: what becomes of ECN and DSCP with each copying switched
// on or off (RFC 6040 for ECN).
#include <algorithm>
#include <vector>

#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
struct Tunnel {
  Star star;
  Packet packet{};

  Tunnel(bool ecn_in, bool ecn_out, bool dscp_in, bool dscp_out) {
    Engine& e = star.build();
    e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
    e.tables().overlay = {50, ecn_in, ecn_out, dscp_in, dscp_out};
    packet.kind = Kind::kData;
    packet.bytes = 1'000;
    packet.dst = packet.route = 1;
    packet.flags = kEct;
    packet.entropy = EngineTest::entropy(e, 0);
    packet.set_current_priority(3);
  }
  void in() { EngineTest::encapsulate(star.engine, packet, 5); }
  void out() { EngineTest::decapsulate(star.engine, packet); }
};
}  // namespace

TEST(encapsulation_adds_its_bytes_and_routes_to_the_vtep_and_decapsulation_undoes_it) {
  Tunnel t(true, true, true, true);
  const Packet before = t.packet;
  t.in();
  CHECK_EQ(t.packet.bytes, 1'050);
  CHECK_EQ(t.packet.route, 2 + 5);  // VTEPs follow the endpoints
  CHECK((t.packet.flags & kEncap) != 0);
  t.out();
  CHECK_EQ(t.packet.bytes, before.bytes);
  CHECK_EQ(t.packet.route, before.route);
  CHECK_EQ(t.packet.flags, before.flags);
  CHECK_EQ(t.packet.priority, before.priority);
  CHECK_EQ(t.packet.entropy, before.entropy);
}

TEST(ecn_over_all_sixteen_settings_and_markings) {
  for (int mask = 0; mask < 16; ++mask) {
    const bool copy_in = (mask & 1) != 0;
    const bool copy_out = (mask & 2) != 0;
    const bool marked_before = (mask & 4) != 0;
    const bool congested_inside = (mask & 8) != 0;
    Tunnel t(copy_in, copy_out, true, true);
    if (marked_before) t.packet.flags |= kCe;
    t.in();
    CHECK_EQ((t.packet.flags & kOuterEct) != 0, copy_in);
    CHECK_EQ((t.packet.flags & kOuterCe) != 0, copy_in && marked_before);
    const bool marked_inside = congested_inside && mark_congestion(t.packet);
    CHECK_EQ(marked_inside, congested_inside && copy_in && !marked_before);
    t.out();
    // A mark set inside the tunnel survives only if both copies are on; one
    // set before it always does.
    CHECK_EQ((t.packet.flags & kCe) != 0, marked_before || (marked_inside && copy_out));
    CHECK((t.packet.flags & kEct) != 0);
    CHECK((t.packet.flags & (kEncap | kOuterEct | kOuterCe)) == 0);
  }
}

TEST(a_packet_that_cannot_ecn_stays_so) {
  Tunnel t(true, true, true, true);
  t.packet.flags = 0;
  t.in();
  CHECK(!mark_congestion(t.packet));
  t.out();
  CHECK_EQ(t.packet.flags, 0);
}

TEST(dscp_copied_on_encapsulation_keeps_the_class_in_the_tunnel) {
  Tunnel on(true, true, true, true);
  on.in();
  CHECK_EQ(on.packet.current_priority(), 3);
  Tunnel off(true, true, false, true);
  off.in();
  CHECK_EQ(off.packet.current_priority(), 0);
}

TEST(dscp_copied_on_decapsulation_brings_the_outer_class_out) {
  Tunnel copied(true, true, false, true);
  copied.in();
  copied.out();
  CHECK_EQ(copied.packet.current_priority(), 0);  // demoted for good
  Tunnel kept(true, true, false, false);
  kept.in();
  kept.out();
  CHECK_EQ(kept.packet.current_priority(), 3);
}

TEST(the_underlay_sees_fourteen_bits_of_the_inner_flow) {
  CHECK_EQ(outer_entropy(1234, 1, 2), outer_entropy(1234, 1, 2));
  CHECK(outer_entropy(1234, 1, 2) != outer_entropy(1234, 1, 3));
  std::vector<std::uint32_t> seen;
  for (std::uint32_t inner = 0; inner < 200'000; ++inner) {
    seen.push_back(outer_entropy(inner, 1, 2));
  }
  std::sort(seen.begin(), seen.end());
  const auto distinct = std::unique(seen.begin(), seen.end()) - seen.begin();
  CHECK(distinct <= 16'384 && distinct > 16'000);
}
