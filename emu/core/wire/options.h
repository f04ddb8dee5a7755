// SPDX-License-Identifier: Apache-2.0
// What the user can set for an inspection.
#pragma once

#include <cstdint>

namespace emu::wire {

struct Options {
  bool keep_messages = false;
  bool keep_episodes = false;
  bool verify_icrc = true;
  std::uint64_t speed_bps = 0;  // for interfaces that do not tell theirs
  std::uint32_t mtu_bytes = 0;  // largest IP packet allowed; 0: not checked
  // A packet that fills a gap within this time, without a NAK, was late, not sent again.
  std::int64_t reorder_ps = 100'000'000;
  std::int64_t reaction_ps = 100'000'000;         // window on either side of a CNP
  std::int64_t pause_limit_ps = 200'000'000'000;  // a longer pause is a finding
};

}  // namespace emu::wire
