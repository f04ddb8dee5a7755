// SPDX-License-Identifier: Apache-2.0
// MAC control frames: PAUSE of a link and PFC of single priorities.
// Source: IEEE 802.3 annex 31B and 31D, IEEE 802.1Qbb; one quantum is 512 bit times.
#pragma once

#include <array>
#include <cstdint>

#include "bytes.h"
#include "ethernet.h"

namespace emu::wire {

/// Where every pause goes; no bridge forwards it.
inline constexpr Mac kMacControlAddress = {0x01, 0x80, 0xC2, 0x00, 0x00, 0x01};
inline constexpr std::uint16_t kMacControlPause = 0x0001;
inline constexpr std::uint16_t kMacControlPfc = 0x0101;
inline constexpr std::int64_t kQuantumBits = 512;

/// Behind the Ethernet header of type kEtherMacControl, opcode included.
struct Pfc {
  static constexpr std::size_t kBytes = 20;
  std::uint16_t opcode = kMacControlPfc;
  std::uint16_t enabled = 0;              // bit n: the time of priority n counts
  std::array<std::uint16_t, 8> quanta{};  // 0 resumes

  bool enables(unsigned priority) const { return ((enabled >> priority) & 1) != 0; }

  static Pfc read(const std::uint8_t* p) {
    Pfc h{.opcode = load_be16(p), .enabled = load_be16(p + 2)};
    for (std::size_t i = 0; i < 8; ++i) h.quanta[i] = load_be16(p + 4 + 2 * i);
    return h;
  }
  void write(std::uint8_t* p) const {
    store_be16(p, opcode);
    store_be16(p + 2, enabled);
    for (std::size_t i = 0; i < 8; ++i) store_be16(p + 4 + 2 * i, quanta[i]);
  }
  bool operator==(const Pfc&) const = default;
};

/// The older PAUSE, which stops the whole link.
struct Pause {
  static constexpr std::size_t kBytes = 4;
  std::uint16_t opcode = kMacControlPause;
  std::uint16_t quanta = 0;

  static Pause read(const std::uint8_t* p) {
    return {.opcode = load_be16(p), .quanta = load_be16(p + 2)};
  }
  void write(std::uint8_t* p) const {
    store_be16(p, opcode);
    store_be16(p + 2, quanta);
  }
  bool operator==(const Pause&) const = default;
};

}  // namespace emu::wire
