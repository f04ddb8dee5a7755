// SPDX-License-Identifier: Apache-2.0
// Integers in network byte order (and, where a format asks for it, in little
// endian) at any address.
//
// Invariant: a function touches exactly the bytes that its name says; none
// needs alignment, and all give the same on a big-endian machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace emu::wire {

template <typename T>
inline T load_native(const std::uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline constexpr bool kLittleHost = std::endian::native == std::endian::little;

inline std::uint16_t swap16(std::uint16_t v) { return __builtin_bswap16(v); }
inline std::uint32_t swap32(std::uint32_t v) { return __builtin_bswap32(v); }
inline std::uint64_t swap64(std::uint64_t v) { return __builtin_bswap64(v); }

inline std::uint16_t load_be16(const std::uint8_t* p) {
  const auto v = load_native<std::uint16_t>(p);
  return kLittleHost ? swap16(v) : v;
}
inline std::uint32_t load_be32(const std::uint8_t* p) {
  const auto v = load_native<std::uint32_t>(p);
  return kLittleHost ? swap32(v) : v;
}
inline std::uint64_t load_be64(const std::uint8_t* p) {
  const auto v = load_native<std::uint64_t>(p);
  return kLittleHost ? swap64(v) : v;
}
inline std::uint32_t load_be24(const std::uint8_t* p) {
  return (std::uint32_t{p[0]} << 16) | (std::uint32_t{p[1]} << 8) | p[2];
}
inline std::uint32_t load_le32(const std::uint8_t* p) {
  const auto v = load_native<std::uint32_t>(p);
  return kLittleHost ? v : swap32(v);
}

template <typename T>
inline void store_native(std::uint8_t* p, T value) {
  std::memcpy(p, &value, sizeof value);
}
inline void store_be16(std::uint8_t* p, std::uint16_t v) {
  store_native(p, kLittleHost ? swap16(v) : v);
}
inline void store_be32(std::uint8_t* p, std::uint32_t v) {
  store_native(p, kLittleHost ? swap32(v) : v);
}
inline void store_be64(std::uint8_t* p, std::uint64_t v) {
  store_native(p, kLittleHost ? swap64(v) : v);
}
inline void store_be24(std::uint8_t* p, std::uint32_t v) {
  p[0] = static_cast<std::uint8_t>(v >> 16);
  p[1] = static_cast<std::uint8_t>(v >> 8);
  p[2] = static_cast<std::uint8_t>(v);
}
inline void store_le32(std::uint8_t* p, std::uint32_t v) {
  store_native(p, kLittleHost ? v : swap32(v));
}

}  // namespace emu::wire
