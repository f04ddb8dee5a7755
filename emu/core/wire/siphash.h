// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4: a keyed hash of short inputs whose bits nobody without the key can
// foretell. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace emu::wire {

using SipKey = std::array<std::uint8_t, 16>;

inline std::uint64_t siphash(const SipKey& key, const std::uint8_t* p, std::size_t n) {
  const auto load = [](const std::uint8_t* at) {
    const auto v = load_native<std::uint64_t>(at);
    return kLittleHost ? v : swap64(v);
  };
  const std::uint64_t k0 = load(key.data());
  const std::uint64_t k1 = load(key.data() + 8);
  std::uint64_t v0 = k0 ^ 0x736f6d6570736575;
  std::uint64_t v1 = k1 ^ 0x646f72616e646f6d;
  std::uint64_t v2 = k0 ^ 0x6c7967656e657261;
  std::uint64_t v3 = k1 ^ 0x7465646279746573;
  const auto rounds = [&](int count) {
    for (; count > 0; --count) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  };
  const std::uint64_t length = std::uint64_t{n & 0xFF} << 56;
  for (; n >= 8; n -= 8, p += 8) {
    const std::uint64_t word = load(p);
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  std::uint64_t last = length;
  for (std::size_t i = 0; i < n; ++i) last |= std::uint64_t{p[i]} << (8 * i);
  v3 ^= last;
  rounds(2);
  v0 ^= last;
  v2 ^= 0xFF;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace emu::wire
