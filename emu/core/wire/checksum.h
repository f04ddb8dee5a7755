// SPDX-License-Identifier: Apache-2.0
// The Internet checksum: ones' complement of the ones' complement sum.
// Source: RFC 1071; pseudo headers RFC 768 (IPv4) and RFC 8200 section 8.1 (IPv6).
#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace emu::wire {

/// Sum of 16-bit words, unfolded; an odd last byte counts as its high half.
inline std::uint64_t sum16(const std::uint8_t* p, std::size_t n, std::uint64_t sum = 0) {
  for (; n >= 4; n -= 4, p += 4) sum += load_be32(p);
  if (n >= 2) {
    sum += load_be16(p);
    p += 2;
    n -= 2;
  }
  if (n == 1) sum += std::uint64_t{*p} << 8;
  return sum;
}

/// Folds a sum to 16 bits and complements it.
inline std::uint16_t fold16(std::uint64_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// Checksum of `n` bytes; 0 over data that holds its right checksum.
inline std::uint16_t checksum16(const std::uint8_t* p, std::size_t n) {
  return fold16(sum16(p, n));
}

}  // namespace emu::wire
