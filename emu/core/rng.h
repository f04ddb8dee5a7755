// SPDX-License-Identifier: Apache-2.0
// Counter-based randomness: the n-th draw of a stream is a function of
// (seed, stream, n) alone.
//
// Invariant: no generator is shared, so what one port draws never depends on
// which other ports exist or on the order in which nodes are visited.
// Mixing function: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#pragma once

#include <cstdint>

namespace emu {

constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// MurmurHash3 (Appleby, public domain; the 32-bit variant) of whole words.
constexpr std::uint32_t murmur3(const std::uint32_t* words, std::uint32_t n, std::uint32_t seed) {
  std::uint32_t h = seed;
  for (std::uint32_t i = 0; i < n; ++i) {
    std::uint32_t k = words[i] * 0xcc9e2d51U;
    k = (k << 15) | (k >> 17);
    h ^= k * 0x1b873593U;
    h = (h << 13) | (h >> 19);
    h = h * 5 + 0xe6546b64U;
  }
  h ^= 4 * n;
  h = (h ^ (h >> 16)) * 0x85ebca6bU;
  h = (h ^ (h >> 13)) * 0xc2b2ae35U;
  return h ^ (h >> 16);
}

/// 32 uniform bits for draw `n` of `stream`.
constexpr std::uint32_t draw32(std::uint64_t seed, std::uint32_t stream, std::uint32_t n) {
  return static_cast<std::uint32_t>(
      mix64(seed ^ mix64((static_cast<std::uint64_t>(stream) << 32) | n)) >> 32);
}

/// A probability as a 32-bit threshold: an event happens when draw < threshold.
constexpr std::uint64_t probability_q32(double p) {
  return static_cast<std::uint64_t>(p * 4294967296.0);
}

}  // namespace emu
