// SPDX-License-Identifier: Apache-2.0
// How often something was seen, and in which packets first.
#pragma once

#include <array>
#include <cstdint>

namespace emu::wire {

struct Finding {
  static constexpr std::size_t kShown = 10;
  std::uint64_t count = 0;
  std::array<std::uint64_t, kShown> packets{};  // numbers, counted from 1

  void add(std::uint64_t number) {
    if (count < kShown) packets[count] = number;
    ++count;
  }
};

}  // namespace emu::wire
