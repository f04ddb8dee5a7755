// SPDX-License-Identifier: Apache-2.0
// Anonymised addresses: the same every time, prefixes kept, nothing but addresses lost,
// checksums as right as they were.
#include <algorithm>
#include <set>

#include "check.h"
#include "emu/core/wire/anonymise.h"
#include "emu/core/wire/icrc.h"
#include "emu/core/wire/udp.h"
#include "frames.h"

using namespace emu::wire;
using namespace emu::test;
using Bytes = std::vector<std::uint8_t>;

namespace {

constexpr SipKey kKey = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr std::size_t kIp = Ethernet::kBytes;

std::uint32_t address(unsigned a, unsigned b, unsigned c, unsigned d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}

int common(std::uint32_t a, std::uint32_t b) { return std::countl_zero(a ^ b); }

Bytes anonymised(Bytes frame) {
  Anonymiser names(kKey);
  names.frame(frame.data(), frame.size(), 1);
  return frame;
}

}  // namespace

TEST(siphash_gives_the_values_of_its_paper) {
  std::array<std::uint8_t, 15> input{};
  for (std::uint8_t i = 0; i < 15; ++i) input[i] = i;
  CHECK_EQ(siphash(kKey, input.data(), 15), 0xa129ca6149be45e5U);
  CHECK_EQ(siphash(kKey, input.data(), 0), 0x726fdb47dd0e0e31U);
  CHECK_EQ(siphash(kKey, input.data(), 8), 0x93f5f5799a932462U);
}

TEST(two_addresses_share_as_long_a_prefix_as_before) {
  Anonymiser names(kKey);
  std::uint32_t x = 12345;
  for (int i = 0; i < 4000; ++i) {
    x = x * 1664525 + 1013904223;
    const std::uint32_t a = (x & 0x00FFFFFF) | 0x0A000000;  // in 10/8
    x = x * 1664525 + 1013904223;
    const std::uint32_t b = a ^ (x >> (x & 15));
    CHECK_EQ(common(names.ipv4(a), names.ipv4(b)), common(a, b));
  }
}

TEST(no_two_addresses_become_one) {
  Anonymiser names(kKey);
  std::set<std::uint32_t> seen;
  for (std::uint32_t i = 0; i < 65536; ++i) seen.insert(names.ipv4(address(10, 1, 0, 0) + i));
  for (std::uint32_t i = 0; i < 256; ++i) seen.insert(names.ipv4(i << 24));
  CHECK_EQ(seen.size(), 65536U + 256U);
}

TEST(addresses_with_a_meaning_stay_and_no_other_becomes_one) {
  Anonymiser names(kKey);
  for (const std::uint32_t kept :
       {address(0, 0, 0, 0), address(127, 0, 0, 1), address(224, 0, 0, 5), address(239, 1, 2, 3),
        address(255, 255, 255, 255)}) {
    CHECK_EQ(names.ipv4(kept), kept);
  }
  CHECK_EQ(names.ipv4(address(169, 254, 7, 7)) >> 16, address(169, 254, 0, 0) >> 16);
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const std::uint32_t a = i * 65537;
    const auto first = [](std::uint32_t v) { return v >> 24; };
    const bool special = first(a) == 0 || first(a) == 127 || (a >> 28) == 14 || a == 0xFFFFFFFF;
    const std::uint32_t b = names.ipv4(a);
    CHECK_EQ(first(b) == 0 || first(b) == 127 || (b >> 28) == 14 || b == 0xFFFFFFFF, special);
  }
  Ipv6::Address group{0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  CHECK(names.ipv6(group) == group);
  Ipv6::Address local{0xFE, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
  const Ipv6::Address other = names.ipv6(local);
  CHECK_EQ(other[0], 0xFE);
  CHECK_EQ(other[1] & 0xC0, 0x80);
  CHECK(other != local);
}

TEST(a_solicited_node_group_follows_the_host_and_its_mac_follows_the_group) {
  Anonymiser names(kKey);
  const Ipv6::Address group{0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0xAB, 0xCD, 0xEF};
  const Ipv6::Address other = names.ipv6(group);
  CHECK(std::equal(other.begin(), other.begin() + 13, group.begin()));
  CHECK(other != group);
  const Mac mac = names.mac({0x33, 0x33, 0xFF, 0xAB, 0xCD, 0xEF});
  CHECK_EQ(mac[2], 0xFF);
  CHECK(std::equal(mac.begin() + 3, mac.end(), other.begin() + 13));
}

TEST(macs_keep_the_bits_that_say_what_they_are) {
  Anonymiser names(kKey);
  const Mac broadcast{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  const Mac pause{0x01, 0x80, 0xC2, 0x00, 0x00, 0x01};
  const Mac none{};
  CHECK(names.mac(broadcast) == broadcast);
  CHECK(names.mac(pause) == pause);
  CHECK(names.mac(none) == none);
  std::set<Mac> seen;
  for (unsigned i = 0; i < 1024; ++i) {
    const Mac mac{static_cast<std::uint8_t>(i % 64 * 4), 1, 2, 3, 4,
                  static_cast<std::uint8_t>(i / 64 + 1)};
    const Mac other = names.mac(mac);
    CHECK_EQ(other[0] & 3, mac[0] & 3);
    seen.insert(other);
  }
  CHECK_EQ(seen.size(), 1024U);
}

TEST(an_anonymised_frame_keeps_its_checksums_and_loses_its_payload) {
  const Bytes before = frames::bytes(frames::kWrite);
  const Bytes after = anonymised(before);
  CHECK_EQ(after.size(), before.size());
  CHECK(Ipv4::checksum_ok(after.data() + kIp));
  const auto old_ip = Ipv4::read(before.data() + kIp);
  const auto new_ip = Ipv4::read(after.data() + kIp);
  CHECK(old_ip.src != new_ip.src);
  CHECK_EQ(common(new_ip.src, new_ip.dst), common(old_ip.src, old_ip.dst));
  CHECK_EQ(new_ip.total_bytes, old_ip.total_bytes);
  CHECK_EQ(new_ip.ecn, old_ip.ecn);
  const std::uint8_t* bth = after.data() + kIp + 28;
  CHECK(std::equal(bth, bth + 28, before.data() + kIp + 28));  // BTH and RETH
  CHECK(std::all_of(bth + 28, after.data() + after.size() - 4, [](auto b) { return b == 0; }));
  CHECK_EQ(icrc_load(after.data() + after.size() - 4),
           icrc(after.data() + kIp, after.size() - kIp - 4));
}

TEST(a_wrong_icrc_is_as_wrong_afterwards) {
  Bytes before = frames::bytes(frames::kWrite);
  before[before.size() - 1] ^= 0x40;
  const Bytes after = anonymised(before);
  CHECK_EQ(icrc_load(after.data() + after.size() - 4) ^ 0x40000000U,
           icrc(after.data() + kIp, after.size() - kIp - 4));
}

TEST(the_packet_inside_vxlan_is_anonymised_as_it_is_outside) {
  const Bytes plain = anonymised(frames::bytes(frames::kWrite));
  const Bytes inside = anonymised(frames::bytes(frames::kVxlan));
  CHECK(std::equal(plain.begin(), plain.end(),
                   inside.end() - static_cast<std::ptrdiff_t>(plain.size())));
  CHECK(Ipv4::checksum_ok(inside.data() + kIp));
}

TEST(udp_checksums_stay_right_over_both_ips) {
  for (const int version : {4, 6}) {
    const std::size_t head = version == 4 ? Ipv4::kBytes : Ipv6::kBytes;
    Bytes packet(kIp + head + Udp::kBytes + 33, 0x5A);
    Ethernet{.dst = {2, 0, 0, 0, 0, 1},
             .src = {2, 0, 0, 0, 0, 2},
             .type = version == 4 ? std::uint16_t{kEtherIpv4} : std::uint16_t{kEtherIpv6}}
        .write(packet.data());
    const auto udp_bytes = static_cast<std::uint16_t>(Udp::kBytes + 33);
    if (version == 4) {
      Ipv4{.total_bytes = static_cast<std::uint16_t>(head + udp_bytes),
           .src = address(10, 0, 0, 1),
           .dst = address(10, 0, 0, 2)}
          .write(packet.data() + kIp);
    } else {
      Ipv6 ip;
      ip.payload_bytes = udp_bytes;
      ip.src = {0x20, 1, 0x0D, 0xB8, 1};
      ip.dst = {0x20, 1, 0x0D, 0xB8, 2};
      ip.write(packet.data() + kIp);
    }
    std::uint8_t* udp = packet.data() + kIp + head;
    Udp{.src = 1000, .dst = 53, .bytes = udp_bytes, .checksum = 0}.write(udp);
    store_be16(udp + 6, Udp::checksum_of(packet.data() + kIp, udp, udp_bytes));
    const Bytes after = anonymised(packet);
    CHECK_EQ(Udp::checksum_of(after.data() + kIp, after.data() + kIp + head, udp_bytes), 0);
    CHECK(after != packet);
    CHECK_EQ(after.back(), 0);
  }
}

TEST(a_frame_cut_anywhere_is_anonymised_without_looking_further) {
  for (const auto* text : {frames::kWrite, frames::kVxlan, frames::kCnp, frames::kPfc}) {
    const Bytes whole = frames::bytes(text);
    for (std::size_t n = 0; n <= whole.size(); ++n) {
      for (const std::uint16_t link : std::initializer_list<std::uint16_t>{1, 113, 276, 9}) {
        Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        cut.shrink_to_fit();  // so that ASan sees a byte too far
        Anonymiser(kKey).frame(cut.data(), cut.size(), link);
      }
    }
  }
}
