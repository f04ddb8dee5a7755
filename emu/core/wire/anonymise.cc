// SPDX-License-Identifier: Apache-2.0
#include "anonymise.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "arp.h"
#include "bth.h"
#include "capture.h"
#include "cooked.h"
#include "icrc.h"
#include "opcode.h"
#include "udp.h"
#include "vxlan.h"

namespace emu::wire {

namespace {

using Digits = std::array<std::uint8_t, 16>;

/// A range that maps into itself; of `kept` ones every address stays what it is.
struct Range {
  Digits prefix;
  unsigned bits;
  bool kept;
};

constexpr Range kRanges4[] = {
    {{0}, 8, true},           // this network
    {{127}, 8, true},         // loopback
    {{169, 254}, 16, false},  // link-local
    {{224}, 4, true},         // multicast
    {{255, 255, 255, 255}, 32, true},
};
constexpr Range kRanges6[] = {
    {{0}, 127, true},                                                // unspecified and loopback
    {{0xFE, 0x80}, 10, false},                                       // link-local
    {{0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF}, 104, false},  // solicited node
    {{0xFF}, 8, true},                                               // other multicast
};
constexpr Range kRangesMac[] = {{{0}, 48, true}};

bool bit_of(const Digits& d, unsigned i) { return ((d[i / 8] >> (7 - i % 8)) & 1) != 0; }

unsigned common_bits(const Digits& a, const Digits& b) {
  for (unsigned i = 0; i < 16; ++i) {
    if (a[i] != b[i]) {
      return i * 8 +
             static_cast<unsigned>(std::countl_zero(static_cast<std::uint8_t>(a[i] ^ b[i])));
    }
  }
  return 128;
}

/// Where prefix-preserving replacement begins to be free for this address: bits on the
/// way to a range stay, otherwise something else would map into it.
struct Fixed {
  unsigned bits = 0;
  bool whole = false;
};

Fixed fixed_bits(const Digits& address, std::span<const Range> ranges) {
  Fixed fixed;
  for (const Range& range : ranges) {
    const unsigned common = common_bits(address, range.prefix);
    if (common >= range.bits) {
      // The first range that holds the address decides: the narrower ones stand first.
      return {range.bits, range.kept};
    }
    fixed.bits = std::max(fixed.bits, common + 1);
  }
  return fixed;
}

Digits replaced(const SipKey& key, std::uint8_t kind, const Digits& address, unsigned bits,
                Fixed fixed) {
  if (fixed.whole) return address;
  Digits result = address;
  // Input of the hash: what kind of address, how many bits come before, and they.
  std::array<std::uint8_t, 18> input{};
  input[0] = kind;
  for (unsigned i = 0; i < bits; ++i) {
    input[1] = static_cast<std::uint8_t>(i);
    if (i >= fixed.bits && (siphash(key, input.data(), input.size()) & 1) != 0) {
      result[i / 8] ^= static_cast<std::uint8_t>(0x80 >> (i % 8));
    }
    if (bit_of(address, i)) input[2 + i / 8] |= static_cast<std::uint8_t>(0x80 >> (i % 8));
  }
  return result;
}

/// Keeps a checksum as right or wrong as it was while the bytes that it covers change.
class ChecksumKeeper {
 public:
  /// `part` and `more` are what it covers (a pseudo header and a segment, say).
  explicit ChecksumKeeper(std::span<const std::uint8_t> part,
                          std::span<const std::uint8_t> more = {})
      : part_(part), more_(more), before_(sum()) {}

  void settle(std::uint8_t* checksum, bool zero_means_none) const {
    const std::uint16_t old = load_be16(checksum);
    const std::uint16_t after = sum();
    if ((zero_means_none && old == 0) || after == before_) return;
    // RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
    const auto inverse = [](std::uint16_t v) { return static_cast<std::uint16_t>(~v); };
    std::uint16_t fresh =
        fold16(std::uint64_t{inverse(old)} + inverse(before_) + std::uint64_t{after});
    if (fresh == 0 && zero_means_none) fresh = 0xFFFF;
    store_be16(checksum, fresh);
  }

 private:
  std::uint16_t sum() const {
    const std::uint64_t first = sum16(part_.data(), part_.size());
    return static_cast<std::uint16_t>(~fold16(sum16(more_.data(), more_.size(), first)));
  }

  std::span<const std::uint8_t> part_;
  std::span<const std::uint8_t> more_;
  std::uint16_t before_;
};

/// Keeps an ICRC as right or wrong as it was: CRCs differ by the CRC of the difference.
class IcrcKeeper {
 public:
  /// `ip` is a whole packet of `n` bytes with its ICRC; empty when it holds no BTH.
  IcrcKeeper(std::uint8_t* ip, std::size_t n) : ip_(ip), n_(n) {
    if (n_ > 0) before_ = icrc(ip_, n_ - kIcrcBytes);
  }
  void settle() const {
    if (n_ == 0) return;
    std::uint8_t* at = ip_ + n_ - kIcrcBytes;
    icrc_store(at, icrc_load(at) ^ before_ ^ icrc(ip_, n_ - kIcrcBytes));
  }

 private:
  std::uint8_t* ip_;
  std::size_t n_;
  std::uint32_t before_ = 0;
};

void clear(std::uint8_t* p, std::size_t n) {
  if (n > 0) std::memset(p, 0, n);
}

void clear_from(std::uint8_t* p, std::size_t n, std::size_t kept) {
  if (n > kept) clear(p + kept, n - kept);
}

/// Headers of a RoCEv2 packet stay, and its ICRC (`tail`); what the application sent goes.
void clear_roce(std::uint8_t* bth, std::size_t n, std::size_t tail) {
  if (n < Bth::kBytes) return;
  const std::size_t headers = Bth::kBytes + opcode_info(bth[0]).extension_bytes;
  if (n > headers + tail) clear(bth + headers, n - headers - tail);
}

/// Where the checksum of a transport header stands; 0 for protocols without one.
std::size_t checksum_place(std::uint8_t protocol) {
  switch (protocol) {
    case kProtoUdp:
      return 6;
    case kProtoTcp:
      return 16;
    case kProtoIcmp:
    case kProtoIcmpv6:
      return 2;
    default:
      return 0;
  }
}

bool is_roce(std::uint8_t protocol, const std::uint8_t* p, std::size_t n) {
  return protocol == kProtoUdp && n >= Udp::kBytes && load_be16(p + 2) == kPortRoce;
}

}  // namespace

std::uint32_t Anonymiser::ipv4(std::uint32_t address) {
  Digits digits{};
  store_be32(digits.data(), address);
  const auto [found, fresh] = known4_.try_emplace(digits);
  if (fresh) found->second = replaced(key_, 4, digits, 32, fixed_bits(digits, kRanges4));
  return load_be32(found->second.data());
}

Ipv6::Address Anonymiser::ipv6(const Ipv6::Address& address) {
  const auto [found, fresh] = known6_.try_emplace(address);
  if (fresh) found->second = replaced(key_, 6, address, 128, fixed_bits(address, kRanges6));
  return found->second;
}

Mac Anonymiser::mac(const Mac& address) {
  Mac result = address;
  if ((address[0] & 1) != 0) {
    if (address[0] == 0x33 && address[1] == 0x33 && address[2] == 0xFF) {
      Digits group = kRanges6[2].prefix;
      std::copy_n(address.begin() + 3, 3, group.begin() + 13);
      const Ipv6::Address replaced_group = ipv6(group);
      std::copy_n(replaced_group.begin() + 13, 3, result.begin() + 3);
    }
    return result;
  }
  Digits digits{};
  std::copy_n(address.begin(), 6, digits.begin());
  const auto [found, fresh] = known_mac_.try_emplace(digits);
  if (fresh) {
    found->second = replaced(key_, 48, digits, 48, fixed_bits(digits, kRangesMac));
    if (found->second != digits) {
      found->second[0] = static_cast<std::uint8_t>((found->second[0] & 0xFC) | (digits[0] & 3));
    }
  }
  std::copy_n(found->second.begin(), 6, result.begin());
  return result;
}

void Anonymiser::frame(std::uint8_t* p, std::size_t n, std::uint16_t link_type) {
  switch (link_type) {
    case kLinkEthernet:
      return ethernet(p, n);
    case kLinkCookedV1:
      if (n < CookedV1::kBytes) break;
      if (load_be16(p + 4) == 6) replace_mac(p + 6);
      return by_type(CookedV1::read(p).type, p + CookedV1::kBytes, n - CookedV1::kBytes);
    case kLinkCookedV2:
      if (n < CookedV2::kBytes) break;
      if (p[11] == 6) replace_mac(p + 12);
      return by_type(CookedV2::read(p).type, p + CookedV2::kBytes, n - CookedV2::kBytes);
    case kLinkRaw:
    case kLinkIpv4:
    case kLinkIpv6:
      if (n == 0) return;
      return Ipv4::version(p) == 4 ? ip4(p, n) : ip6(p, n);
    default:
      break;
  }
  clear(p, n);
}

void Anonymiser::replace_mac(std::uint8_t* p) {
  Mac address;
  std::copy_n(p, 6, address.begin());
  const Mac fresh = mac(address);
  std::copy_n(fresh.begin(), 6, p);
}

void Anonymiser::ethernet(std::uint8_t* p, std::size_t n) {
  if (n < Ethernet::kBytes) return clear(p, n);
  replace_mac(p);
  replace_mac(p + 6);
  std::size_t at = Ethernet::kBytes;
  std::uint16_t type = load_be16(p + 12);
  while ((type == kEtherVlan || type == kEtherProviderVlan) && n >= at + Vlan::kBytes) {
    type = load_be16(p + at + 2);
    at += Vlan::kBytes;
  }
  by_type(type, p + at, n - at);
}

void Anonymiser::by_type(std::uint16_t type, std::uint8_t* p, std::size_t n) {
  switch (type) {
    case kEtherIpv4:
      return ip4(p, n);
    case kEtherIpv6:
      return ip6(p, n);
    case kEtherArp:
      return arp(p, n);
    case kEtherMacControl:
      return;  // operation and times, no address
    default:
      return clear(p, n);
  }
}

void Anonymiser::arp(std::uint8_t* p, std::size_t n) {
  if (n < Arp::kBytes || !Arp::readable(p)) return clear(p, n);
  replace_mac(p + 8);
  replace_mac(p + 18);
  store_be32(p + 14, ipv4(load_be32(p + 14)));
  store_be32(p + 24, ipv4(load_be32(p + 24)));
  clear_from(p, n, Arp::kBytes);
}

void Anonymiser::ip4(std::uint8_t* p, std::size_t n) {
  if (n < Ipv4::kBytes || Ipv4::version(p) != 4) return clear(p, n);
  const Ipv4 header = Ipv4::read(p);
  const std::size_t head = std::min(header.header_bytes(), n);
  if (head < Ipv4::kBytes || header.total_bytes < head) return clear(p, n);
  clear_from(p, n, header.total_bytes);
  const bool whole = n >= header.total_bytes;
  n = std::min<std::size_t>(n, header.total_bytes);
  const ChecksumKeeper keeper({p, head});
  ip_packet(p, {p + 12, 8}, header.protocol, head, n, whole && !header.is_fragment(),
            (header.fragment & 0x1FFF) != 0, [&] {
              store_be32(p + 12, ipv4(header.src));
              store_be32(p + 16, ipv4(header.dst));
              clear_from(p, head, Ipv4::kBytes);
            });
  keeper.settle(p + 10, false);
}

void Anonymiser::ip6(std::uint8_t* p, std::size_t n) {
  if (n < Ipv6::kBytes || Ipv4::version(p) != 6) return clear(p, n);
  const Ipv6 header = Ipv6::read(p);
  const std::size_t total = Ipv6::kBytes + header.payload_bytes;
  clear_from(p, n, total);
  const bool whole = n >= total;
  ip_packet(p, {p + 8, 32}, header.next_header, Ipv6::kBytes, std::min(n, total), whole, false,
            [&] {
              const Ipv6::Address src = ipv6(header.src);
              const Ipv6::Address dst = ipv6(header.dst);
              std::copy_n(src.begin(), 16, p + 8);
              std::copy_n(dst.begin(), 16, p + 24);
            });
}

template <typename Readdress>
void Anonymiser::ip_packet(std::uint8_t* ip, std::span<const std::uint8_t> addresses,
                           std::uint8_t protocol, std::size_t head, std::size_t n, bool whole,
                           bool later_fragment, Readdress readdress) {
  std::uint8_t* segment = ip + head;
  const std::size_t bytes = n - head;
  if (later_fragment) {
    readdress();
    return clear(segment, bytes);
  }
  const bool roce = is_roce(protocol, segment, bytes);
  const bool has_icrc = roce && whole && bytes >= Udp::kBytes + Bth::kBytes + kIcrcBytes;
  // ICMP over IPv4 is the one whose checksum covers no addresses.
  const auto pseudo = protocol == kProtoIcmp ? std::span<const std::uint8_t>{} : addresses;
  const ChecksumKeeper checksum(pseudo, {segment, bytes});
  const IcrcKeeper crc(ip, has_icrc ? n : 0);
  readdress();
  if (roce) {
    clear_roce(segment + Udp::kBytes, bytes - Udp::kBytes, has_icrc ? kIcrcBytes : 0);
  } else {
    transport(protocol, segment, bytes);
  }
  crc.settle();
  const std::size_t place = checksum_place(protocol);
  if (place > 0 && bytes >= place + 2) checksum.settle(segment + place, protocol == kProtoUdp);
}

void Anonymiser::transport(std::uint8_t protocol, std::uint8_t* p, std::size_t n) {
  constexpr std::size_t kTcpBytes = 20;
  constexpr std::size_t kIcmpBytes = 4;  // type, code, checksum
  switch (protocol) {
    case kProtoUdp:
      if (n >= Udp::kBytes + Vxlan::kBytes && load_be16(p + 2) == kPortVxlan) {
        return ethernet(p + Udp::kBytes + Vxlan::kBytes, n - Udp::kBytes - Vxlan::kBytes);
      }
      return clear_from(p, n, Udp::kBytes);
    case kProtoTcp:
      return clear_from(p, n, kTcpBytes);
    case kProtoIcmp:
    case kProtoIcmpv6:
      return clear_from(p, n, kIcmpBytes);
    default:
      return clear(p, n);
  }
}

}  // namespace emu::wire
