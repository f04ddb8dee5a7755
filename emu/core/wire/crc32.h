// SPDX-License-Identifier: Apache-2.0
// CRC-32 of Ethernet (reflected polynomial 0xEDB88320), resumable.
//
// The register is passed raw: start with 0xFFFFFFFF and complement the end.
// Long runs use carry-less multiplication where the CPU has it, everything else
// slicing by 16; both give the same bits.
// Sources: Kounavis and Berry, "Novel table lookup-based algorithms for
// high-performance CRC generation" (2008); Gopal et al., "Fast CRC computation for
// generic polynomials using PCLMULQDQ" (2009).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "bytes.h"

namespace emu::wire {

namespace detail {

inline constexpr std::uint32_t kCrcPolynomial = 0xEDB88320;

using CrcTables = std::array<std::array<std::uint32_t, 256>, 16>;

constexpr CrcTables make_crc_tables() {
  CrcTables t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kCrcPolynomial : 0);
    t[0][i] = crc;
  }
  for (std::size_t k = 1; k < 16; ++k) {
    for (std::size_t i = 0; i < 256; ++i) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xFF];
  }
  return t;
}

inline constexpr CrcTables kCrcTables = make_crc_tables();

inline std::uint32_t crc32_sliced(std::uint32_t crc, const std::uint8_t* p, std::size_t n) {
  const CrcTables& t = kCrcTables;
  const auto four = [&](std::uint32_t word, std::size_t k) {
    return t[k + 3][word & 0xFF] ^ t[k + 2][(word >> 8) & 0xFF] ^ t[k + 1][(word >> 16) & 0xFF] ^
           t[k][word >> 24];
  };
  for (; n >= 16; n -= 16, p += 16) {
    crc = four(crc ^ load_le32(p), 12) ^ four(load_le32(p + 4), 8) ^ four(load_le32(p + 8), 4) ^
          four(load_le32(p + 12), 0);
  }
  for (; n > 0; --n, ++p) crc = (crc >> 8) ^ t[0][(crc ^ *p) & 0xFF];
  return crc;
}

/// x^n modulo the polynomial, in the reflected form that folding multiplies with.
constexpr std::uint64_t fold_constant(unsigned n) {
  std::uint32_t r = 0x80000000;  // x^0, reflected
  for (unsigned i = 0; i < n; ++i) r = (r >> 1) ^ ((r & 1) != 0 ? kCrcPolynomial : 0);
  return std::uint64_t{r} << 1;
}

#if defined(__x86_64__)

/// `n` is at least 64 and a multiple of 16.
__attribute__((target("pclmul,sse4.1"))) inline std::uint32_t crc32_folded(std::uint32_t crc,
                                                                           const std::uint8_t* p,
                                                                           std::size_t n) {
  const auto load = [](const std::uint8_t* at) __attribute__((target("pclmul,sse4.1"))) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  };
  // Moves a 128-bit remainder by a distance: low and high half have a constant each.
  const auto fold = [](__m128i x, __m128i k,
                       __m128i next) __attribute__((target("pclmul,sse4.1"))) {
    return _mm_xor_si128(
        _mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)), next);
  };
  constexpr auto k = [](unsigned bits) { return static_cast<long long>(fold_constant(bits)); };
  const __m128i by_64 = _mm_set_epi64x(k(512 - 32), k(512 + 32));
  const __m128i by_16 = _mm_set_epi64x(k(128 - 32), k(128 + 32));

  __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128(static_cast<int>(crc)));
  __m128i b = load(p + 16);
  __m128i c = load(p + 32);
  __m128i d = load(p + 48);
  p += 64;
  n -= 64;
  for (; n >= 64; n -= 64, p += 64) {
    a = fold(a, by_64, load(p));
    b = fold(b, by_64, load(p + 16));
    c = fold(c, by_64, load(p + 32));
    d = fold(d, by_64, load(p + 48));
  }
  a = fold(a, by_16, b);
  a = fold(a, by_16, c);
  a = fold(a, by_16, d);
  for (; n >= 16; n -= 16, p += 16) a = fold(a, by_16, load(p));
  // The last 128 bits are congruent to all that was folded in: their CRC, from a
  // register of zero, is the answer.
  alignas(16) std::uint8_t rest[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(rest), a);
  return crc32_sliced(0, rest, 16);
}

inline const bool kHasFolding =
    __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");

#endif

}  // namespace detail

/// Continues a CRC over `n` more bytes; `crc` and the result are the raw register.
inline std::uint32_t crc32_update(std::uint32_t crc, const std::uint8_t* p, std::size_t n) {
#if defined(__x86_64__)
  if (n >= 64 && detail::kHasFolding) {
    const std::size_t folded = n & ~std::size_t{15};
    crc = detail::crc32_folded(crc, p, folded);
    p += folded;
    n -= folded;
  }
#endif
  return detail::crc32_sliced(crc, p, n);
}

/// CRC-32 as zlib and the Ethernet FCS have it.
inline std::uint32_t crc32(const std::uint8_t* p, std::size_t n) {
  return ~crc32_update(0xFFFFFFFF, p, n);
}

}  // namespace emu::wire
