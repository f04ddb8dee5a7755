// SPDX-License-Identifier: Apache-2.0
// Invariant CRC of RoCEv2: over everything that no switch on the way may change.
//
// Marking ECN, ageing the TTL and rewriting checksums leave it valid, because
// those fields count as ones. Source: IBTA annex A17.3.3; the fields as in Linux,
// rxe_icrc.c. Not needed for FCS or VXLAN: of an encapsulated packet the inner IP
// header is where it begins.
#pragma once

#include <cstdint>
#include <cstring>

#include "bth.h"
#include "bytes.h"
#include "crc32.h"
#include "ip.h"
#include "udp.h"

namespace emu::wire {

/// CRC register behind the eight bytes of ones that stand for the missing LRH.
inline constexpr std::uint32_t kIcrcSeed = 0xDEBB20E3;

/// ICRC of a RoCEv2 packet, over IPv4 (options allowed) or over IPv6 without
/// extension headers.
///
/// `ip` points at the IP header; `n` is the length from there up to the ICRC, pad
/// included. At least the IP, UDP and BTH headers must be there.
inline std::uint32_t icrc(const std::uint8_t* ip, std::size_t n) {
  constexpr std::size_t kHeadersMax = 60 + Udp::kBytes + Bth::kBytes;
  std::uint8_t masked[kHeadersMax];
  const bool v4 = Ipv4::version(ip) == 4;
  const std::size_t ip_bytes = v4 ? std::size_t{ip[0] & 0x0FU} * 4 : Ipv6::kBytes;
  const std::size_t headers = ip_bytes + Udp::kBytes + Bth::kBytes;
  std::memcpy(masked, ip, headers);
  if (v4) {
    masked[1] = 0xFF;   // DSCP and ECN
    masked[8] = 0xFF;   // TTL
    masked[10] = 0xFF;  // checksum
    masked[11] = 0xFF;
  } else {
    masked[0] = 0x6F;  // traffic class and flow label
    masked[1] = masked[2] = masked[3] = 0xFF;
    masked[7] = 0xFF;  // hop limit
  }
  masked[ip_bytes + 6] = 0xFF;  // UDP checksum
  masked[ip_bytes + 7] = 0xFF;
  masked[ip_bytes + Udp::kBytes + 4] = 0xFF;  // FECN, BECN and the bits beside them
  const std::uint32_t head = crc32_update(kIcrcSeed, masked, headers);
  return ~crc32_update(head, ip + headers, n - headers);
}

/// The ICRC stands behind the packet in little endian, unlike every other field.
inline void icrc_store(std::uint8_t* p, std::uint32_t value) { store_le32(p, value); }
inline std::uint32_t icrc_load(const std::uint8_t* p) { return load_le32(p); }

}  // namespace emu::wire
