// SPDX-License-Identifier: Apache-2.0
// Codecs against the golden frames, and back: what is read and written again is
// the same to the byte.
#include <algorithm>

#include "check.h"
#include "emu/core/wire/arp.h"
#include "emu/core/wire/bth.h"
#include "emu/core/wire/cooked.h"
#include "emu/core/wire/ethernet.h"
#include "emu/core/wire/icrc.h"
#include "emu/core/wire/ip.h"
#include "emu/core/wire/lldp.h"
#include "emu/core/wire/pfc.h"
#include "emu/core/wire/udp.h"
#include "emu/core/wire/vxlan.h"
#include "frames.h"

using namespace emu::wire;
using namespace emu::test;
using Bytes = std::vector<std::uint8_t>;

namespace {

constexpr std::size_t kIp = Ethernet::kBytes;
constexpr std::size_t kUdp = kIp + Ipv4::kBytes;
constexpr std::size_t kBth = kUdp + Udp::kBytes;
constexpr std::size_t kExt = kBth + Bth::kBytes;

/// Reads with T at `at`, writes the result over zeros: are the bytes the same?
template <typename T>
bool survives(const Bytes& frame, std::size_t at) {
  Bytes again(T::kBytes, 0);
  T::read(frame.data() + at).write(again.data());
  return std::equal(again.begin(), again.end(), frame.begin() + static_cast<std::ptrdiff_t>(at));
}

bool headers_survive(const Bytes& f, std::size_t at = 0) {
  return survives<Ethernet>(f, at) && survives<Ipv4>(f, at + kIp) && survives<Udp>(f, at + kUdp) &&
         survives<Bth>(f, at + kBth);
}

std::uint32_t computed_icrc(const Bytes& f, std::size_t ip = kIp) {
  return icrc(f.data() + ip, f.size() - ip - kIcrcBytes);
}
std::uint32_t found_icrc(const Bytes& f) { return icrc_load(f.data() + f.size() - kIcrcBytes); }

}  // namespace

TEST(write_only_frame_reads_and_writes_back) {
  const Bytes f = frames::bytes(frames::kWrite);
  CHECK(headers_survive(f));
  CHECK(survives<Reth>(f, kExt));
  const auto eth = Ethernet::read(f.data());
  CHECK_EQ(eth.type, kEtherIpv4);
  CHECK_EQ(eth.src[5], 1);
  CHECK_EQ(eth.dst[5], 2);
  const auto ip = Ipv4::read(f.data() + kIp);
  CHECK_EQ(ip.dscp, 26);
  CHECK_EQ(ip.ecn, kEct0);
  CHECK_EQ(ip.total_bytes, 124);
  CHECK_EQ(ip.id, 0x1234);
  CHECK_EQ(ip.fragment, Ipv4::kDontFragment);
  CHECK(!ip.is_fragment());
  CHECK_EQ(ip.src, 0x0A000001U);
  CHECK_EQ(ip.dst, 0x0A000002U);
  CHECK(Ipv4::checksum_ok(f.data() + kIp));
  const auto udp = Udp::read(f.data() + kUdp);
  CHECK_EQ(udp.src, 0xC123);
  CHECK_EQ(udp.dst, kPortRoce);
  CHECK_EQ(udp.bytes, 104);
  const auto bth = Bth::read(f.data() + kBth);
  CHECK_EQ(bth.opcode, kWriteOnly);
  CHECK_EQ(bth.pkey, 0xFFFF);
  CHECK_EQ(bth.dest_qp, 0x11U);
  CHECK(bth.ack_request);
  CHECK_EQ(bth.psn, 0x100U);
  const auto reth = Reth::read(f.data() + kExt);
  CHECK_EQ(reth.address, 0x1000U);
  CHECK_EQ(reth.rkey, 0x22U);
  CHECK_EQ(reth.length_bytes, 64U);
}

TEST(ack_and_nak_frames_read_and_write_back) {
  for (const char* hex : {frames::kAck, frames::kNak}) {
    const Bytes f = frames::bytes(hex);
    CHECK(headers_survive(f));
    CHECK(survives<Aeth>(f, kExt));
  }
  const auto ack = Aeth::read(frames::bytes(frames::kAck).data() + kExt);
  CHECK(ack.is_ack());
  CHECK_EQ(ack.syndrome, kSyndromeAckUnlimited);
  CHECK_EQ(ack.msn, 1U);
  const Bytes nak = frames::bytes(frames::kNak);
  CHECK(Aeth::read(nak.data() + kExt).is_nak());
  CHECK_EQ(Aeth::read(nak.data() + kExt).syndrome, kNakPsnSequence);
  CHECK_EQ(Bth::read(nak.data() + kBth).psn, 0x101U);
}

TEST(cnp_frame_has_becn_and_dscp_48) {
  const Bytes f = frames::bytes(frames::kCnp);
  CHECK(headers_survive(f));
  CHECK_EQ(Ipv4::read(f.data() + kIp).dscp, 48);
  const auto bth = Bth::read(f.data() + kBth);
  CHECK_EQ(bth.opcode, kCnp);
  CHECK(bth.becn);
  CHECK(!bth.fecn);
  CHECK_EQ(f.size(), kExt + kCnpPaddingBytes + kIcrcBytes);
}

TEST(pfc_frame_reads_and_writes_back) {
  const Bytes f = frames::bytes(frames::kPfc);
  CHECK_EQ(f.size(), kFrameBytesMin);
  CHECK(survives<Pfc>(f, kIp));
  CHECK(Ethernet::read(f.data()).dst == kMacControlAddress);
  CHECK_EQ(Ethernet::read(f.data()).type, kEtherMacControl);
  const auto pfc = Pfc::read(f.data() + kIp);
  CHECK_EQ(pfc.opcode, kMacControlPfc);
  for (unsigned p = 0; p < 8; ++p) CHECK_EQ(pfc.enables(p), p == 3);
  CHECK_EQ(pfc.quanta[3], 0xFFFF);
}

TEST(vxlan_frame_holds_the_write_frame) {
  const Bytes f = frames::bytes(frames::kVxlan);
  const Bytes inner = frames::bytes(frames::kWrite);
  CHECK_EQ(Udp::read(f.data() + kUdp).dst, kPortVxlan);
  const auto vxlan = Vxlan::read(f.data() + kBth);
  CHECK_EQ(vxlan.vni, 100U);
  CHECK_EQ(vxlan.flags, Vxlan::kVniValid);
  CHECK(survives<Vxlan>(f, kBth));
  const std::size_t at = kBth + Vxlan::kBytes;
  CHECK_EQ(at, 50U);
  CHECK(std::equal(inner.begin(), inner.end(), f.begin() + static_cast<std::ptrdiff_t>(at)));
  CHECK_EQ(computed_icrc(f, at + kIp), found_icrc(f));
}

TEST(icrc_of_every_golden_frame_is_right) {
  for (const char* hex : {frames::kWrite, frames::kAck, frames::kNak, frames::kCnp}) {
    const Bytes f = frames::bytes(hex);
    CHECK_EQ(computed_icrc(f), found_icrc(f));
  }
}

TEST(icrc_survives_what_switches_do_and_nothing_else) {
  const Bytes f = frames::bytes(frames::kWrite);
  const auto changed = [&](std::size_t at) {
    Bytes g = f;
    g[at] ^= 0x01;
    return computed_icrc(g) != found_icrc(g);
  };
  const std::size_t may_change[] = {kIp + 1,  kIp + 8,  kIp + 10, kIp + 11,
                                    kUdp + 6, kUdp + 7, kBth + 4};
  for (std::size_t at = kIp + 2; at < f.size(); ++at) {
    if (at == kIp || at == kIp + 9) continue;
    const bool masked =
        std::find(std::begin(may_change), std::end(may_change), at) != std::end(may_change);
    CHECK_EQ(changed(at), !masked);
  }
}

TEST(crc_of_the_check_string) {
  const std::string check = "123456789";
  CHECK_EQ(crc32(reinterpret_cast<const std::uint8_t*>(check.data()), check.size()), 0xCBF43926U);
  const Bytes ones(8, 0xFF);
  CHECK_EQ(crc32_update(0xFFFFFFFF, ones.data(), 8), kIcrcSeed);
}

TEST(crc_by_folding_equals_crc_by_table_at_every_length) {
  Bytes data(1100);
  std::uint32_t x = 1;
  for (auto& byte : data) {
    x = x * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(x >> 24);
  }
  for (std::size_t n = 0; n < 1024; ++n) {
    const std::uint8_t* p = data.data() + n % 17;
    const auto seed = static_cast<std::uint32_t>(0x9E3779B9U * n);
    CHECK_EQ(crc32_update(seed, p, n), detail::crc32_sliced(seed, p, n));
  }
}

TEST(vlan_tag_reads_and_writes_back) {
  const Vlan tag{.pcp = 5, .dei = true, .vid = 0xABC, .type = kEtherIpv6};
  std::uint8_t raw[Vlan::kBytes];
  tag.write(raw);
  CHECK_EQ(load_be32(raw), 0xBABC86DDU);
  CHECK(Vlan::read(raw) == tag);
}

TEST(ipv6_reads_and_writes_back) {
  Ipv6 ip{.dscp = 26, .ecn = kEct0, .flow_label = 0xABCDE, .payload_bytes = 1000};
  ip.src[15] = 1;
  ip.dst[0] = 0xFD;
  std::uint8_t raw[Ipv6::kBytes];
  ip.write(raw);
  CHECK_EQ(load_be32(raw), 0x66AABCDEU);
  CHECK(Ipv6::read(raw) == ip);
}

TEST(udp_checksum_holds_over_both_versions) {
  Bytes v4 = frames::bytes(frames::kWrite);
  std::uint8_t* ip = v4.data() + kIp;
  std::uint8_t* udp = v4.data() + kUdp;
  const std::uint16_t sum = Udp::checksum_of(ip, udp, 104);
  store_be16(udp + 6, sum);
  CHECK_EQ(Udp::checksum_of(ip, udp, 104), 0);
  // RFC 8200 by hand: all zero but next header 17 and length 8, twice.
  std::uint8_t v6[Ipv6::kBytes + Udp::kBytes] = {};
  v6[0] = 0x60;
  store_be16(v6 + Ipv6::kBytes + 4, 8);
  CHECK_EQ(Udp::checksum_of(v6, v6 + Ipv6::kBytes, 8), 0xFFFF - (17 + 8 + 8));
}

TEST(source_port_of_a_flow_label) {
  CHECK_EQ(roce_source_port(0), 0xC000);
  CHECK_EQ(roce_source_port(0xFC001), 0xC03E);
}

TEST(extension_headers_read_and_write_back) {
  Bytes raw(28);
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(17 * i + 1);
  CHECK(survives<AtomicEth>(raw, 0));
  CHECK(survives<AtomicAckEth>(raw, 0));
  CHECK(survives<ImmDt>(raw, 0));
  CHECK(survives<Reth>(raw, 0));
}

TEST(opcodes_name_their_headers) {
  CHECK_EQ(opcode_info(kWriteOnlyImmediate).extension_bytes, 20);
  CHECK_EQ(opcode_info(kReadResponseMiddle).extension_bytes, 0);
  CHECK_EQ(opcode_info(kAtomicAcknowledge).extension_bytes, 12);
  CHECK_EQ(opcode_info(0x64).extension_bytes, 8);  // UD SEND only: DETH
  CHECK(opcode_info(kCnp).operation == Operation::kCnp);
  CHECK(opcode_info(0x15).operation == Operation::kReserved);
  CHECK(opcode_info(0xFF).operation == Operation::kReserved);
  CHECK((opcode_info(kReadResponseLast).carries & kIsRequest) == 0);
}

TEST(psn_difference_wraps_at_24_bits) {
  CHECK_EQ(psn_diff(0, 0xFFFFFF), 1);
  CHECK_EQ(psn_diff(0xFFFFFF, 0), -1);
  CHECK_EQ(psn_diff(0x7FFFFF, 0), 0x7FFFFF);
  CHECK_EQ(psn_diff(0x800000, 0), -0x800000);
}

TEST(ecn_of_the_two_headers_combines_by_rfc_6040) {
  bool drop = false;
  CHECK_EQ(ecn_decapsulated(kEct0, kCongestionExperienced, drop), kCongestionExperienced);
  CHECK_EQ(ecn_decapsulated(kEct0, kEct1, drop), kEct1);
  CHECK_EQ(ecn_decapsulated(kEct1, kEct0, drop), kEct1);
  CHECK_EQ(ecn_decapsulated(kNotEct, kEct0, drop), kNotEct);
  CHECK(!drop);
  ecn_decapsulated(kNotEct, kCongestionExperienced, drop);
  CHECK(drop);
}

TEST(arp_reads_and_writes_back) {
  const Arp arp{.operation = Arp::kReply,
                .sender_mac = {2, 0, 0, 0, 0, 1},
                .sender_ip = 0x0A000001,
                .target_mac = {2, 0, 0, 0, 0, 2},
                .target_ip = 0x0A000002};
  std::uint8_t raw[Arp::kBytes];
  arp.write(raw);
  CHECK(Arp::readable(raw));
  CHECK(Arp::read(raw) == arp);
}

TEST(lldp_reads_and_writes_back_and_refuses_lengths_that_lead_out) {
  Lldp lldp;
  lldp.chassis_subtype = 7;
  lldp.chassis = "leaf1";
  lldp.port_subtype = 5;
  lldp.port = "Ethernet0";
  lldp.ttl_s = 120;
  lldp.system_name = "leaf1.example";
  Bytes raw(lldp.bytes());
  lldp.write(raw.data());
  Lldp again;
  CHECK(again.read(raw.data(), raw.size()));
  CHECK(again.chassis == "leaf1");
  CHECK(again.port == "Ethernet0");
  CHECK_EQ(again.ttl_s, 120);
  CHECK(again.system_name == "leaf1.example");
  // Chassis, port and TTL end at byte 23; cut before that nothing is complete.
  for (std::size_t n = 0; n < 23; ++n) CHECK(!again.read(raw.data(), n));
}

TEST(cooked_headers_name_the_protocol) {
  Bytes v1(CookedV1::kBytes, 0);
  v1[14] = 0x08;
  CHECK_EQ(CookedV1::read(v1.data()).type, kEtherIpv4);
  Bytes v2(CookedV2::kBytes, 0);
  store_be16(v2.data(), kEtherIpv6);
  store_be32(v2.data() + 4, 3);
  CHECK_EQ(CookedV2::read(v2.data()).type, kEtherIpv6);
  CHECK_EQ(CookedV2::read(v2.data()).interface, 3U);
}
