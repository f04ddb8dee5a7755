// SPDX-License-Identifier: Apache-2.0
// Sizes of every frame on the wire, FCS included: Ethernet 14, IPv4 20, UDP 8,
// BTH 12, ICRC 4, FCS 4 = 62; RETH 16, AETH 4, immediate 4, VXLAN 50.
#include "check.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
Message message_of(std::int64_t bytes) {
  Message m;
  m.bytes = bytes;
  m.packets = static_cast<std::uint32_t>((bytes + 4095) / 4096);
  return m;
}
}  // namespace

TEST(data_frames_of_a_write) {
  const Message three = message_of(3 * 4096);
  CHECK_EQ(data_frame_bytes(three, 0, 4096, Verb::kWrite), 62 + 16 + 4096);
  CHECK_EQ(data_frame_bytes(three, 1, 4096, Verb::kWrite), 62 + 4096);
  CHECK_EQ(data_frame_bytes(three, 2, 4096, Verb::kWrite), 62 + 4096 + 4);
  const Message one = message_of(4096);
  CHECK_EQ(data_frame_bytes(one, 0, 4096, Verb::kWrite), 62 + 16 + 4096 + 4);
}

TEST(a_middle_packet_is_4178_bytes_of_link_time) {
  CHECK_EQ(data_frame_bytes(message_of(3 * 4096), 1, 4096, Verb::kWrite) + kLinkGapBytes, 4178);
}

TEST(data_frames_of_a_read_response) {
  const Message three = message_of(3 * 4096);
  CHECK_EQ(data_frame_bytes(three, 0, 4096, Verb::kRead), 62 + 4 + 4096);
  CHECK_EQ(data_frame_bytes(three, 1, 4096, Verb::kRead), 62 + 4096);
  CHECK_EQ(data_frame_bytes(three, 2, 4096, Verb::kRead), 62 + 4 + 4096);
  CHECK_EQ(data_frame_bytes(message_of(1), 0, 4096, Verb::kRead), 62 + 4 + 4);
}

TEST(the_response_to_a_repeated_read_begins_with_an_aeth_of_its_own) {
  const Message three = message_of(3 * 4096);
  CHECK_EQ(data_frame_bytes(three, 1, 4096, Verb::kRead, true), 62 + 4 + 4096);
  CHECK_EQ(data_frame_bytes(three, 2, 4096, Verb::kRead, true), 62 + 4 + 4096);
}

TEST(payload_is_padded_to_four_bytes) {
  for (int bytes = 1; bytes <= 4; ++bytes) {
    CHECK_EQ(data_frame_bytes(message_of(bytes), 0, 4096, Verb::kWrite), 62 + 16 + 4 + 4);
  }
  CHECK_EQ(data_frame_bytes(message_of(4096 + 5), 1, 4096, Verb::kWrite), 62 + 8 + 4);
}

TEST(payload_of_a_frame_is_what_was_put_in_pad_included) {
  for (const Verb verb : {Verb::kWrite, Verb::kRead}) {
    for (const std::int64_t bytes : {1, 64, 4095, 4096, 4097, 10'000}) {
      const Message m = message_of(bytes);
      for (std::uint32_t psn = 0; psn < m.packets; ++psn) {
        Packet packet{};
        packet.kind = verb == Verb::kWrite ? Kind::kData : Kind::kReadData;
        packet.bytes = static_cast<std::uint16_t>(data_frame_bytes(m, psn, 4096, verb));
        if (psn == 0) packet.flags |= kFirst;
        if (psn + 1 == m.packets) packet.flags |= kLast;
        CHECK_EQ(payload_of(packet, 50), (payload_bytes(m, psn, 4096) + 3) / 4 * 4);
        packet.flags |= kEncap;
        packet.bytes = static_cast<std::uint16_t>(packet.bytes + 50);
        CHECK_EQ(payload_of(packet, 50), (payload_bytes(m, psn, 4096) + 3) / 4 * 4);
      }
    }
  }
}

TEST(sizes_of_control_frames) {
  CHECK_EQ(kAckBytes, 66);          // 86 with preamble and gap
  CHECK_EQ(kCnpBytes, 78);          // 98
  CHECK_EQ(kReadRequestBytes, 78);  // RETH, no payload
  CHECK_EQ(kPfcFrameBytes, 64);
  CHECK_EQ(kLinkGapBytes, 20);
}

TEST(an_ack_on_the_wire_takes_86_bytes) {
  Star star;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 0);
  e.run_until(kMs, false);
  CHECK_EQ(star.queue(0, 3).tx_bytes, 4178U + 16 + 4);
  CHECK_EQ(star.queue(1, 3).tx_bytes, 86U);
  CHECK_EQ(e.totals().wire_bytes, 2 * (4198 + 86));
  CHECK_EQ(e.totals().packet_hops, 4U);
}

TEST(a_read_request_on_the_wire_takes_98_bytes) {
  Star star;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kRead);
  e.post(0, 4096, 0);
  e.run_until(kMs, false);
  CHECK_EQ(star.queue(1, 3).tx_bytes, 98U);
  CHECK_EQ(star.queue(0, 3).tx_bytes, 4178U + 4);
}

TEST(a_cnp_on_the_wire_takes_98_bytes_in_its_own_class) {
  Star star;
  star.nic.congestion_control = true;
  star.ecn = {-1, 0, 1.0, 8};  // marks everything
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 4096, 0);
  e.run_until(kMs, false);
  CHECK_EQ(e.totals().cnp_packets, 1U);
  CHECK_EQ(star.queue(1, 6).tx_bytes, 98U);
}
