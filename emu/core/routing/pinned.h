// SPDX-License-Identifier: Apache-2.0
// Pinned paths: each queue pair has a path that somebody chose who knew all of
// them. A number per queue pair, of which each tier reads its digit.
//
// Where the wanted port is gone the hash decides, for the queue pairs of that
// port alone; the others stay where they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../packet.h"
#include "params.h"

namespace emu {

struct Pinned {
  static constexpr const char* kName = "pinned";
  explicit Pinned(const RoutingParams& params)
      : digit_(static_cast<std::uint32_t>(std::max<std::int64_t>(1, params.at("digit")))) {
    for (const std::int64_t port : params.all("uplink")) {
      uplinks_.push_back(static_cast<std::uint32_t>(port));
    }
  }

  template <typename Hops>
  std::uint32_t pick(const Hops& hops, const Packet& packet) {
    const auto ports = static_cast<std::uint32_t>(uplinks_.size());
    if (ports == 0) return hops.hashed();
    const std::uint32_t digit = hops.pin(packet) / digit_ % ports;
    const std::uint32_t wanted = uplinks_[digit];
    if (digit < hops.size() && hops.port_index(digit) == wanted && hops.alive(digit)) return digit;
    for (std::uint32_t i = 0; i < hops.size(); ++i) {
      if (hops.port_index(i) == wanted && hops.alive(i)) return i;
    }
    return hops.hashed();
  }
  void forget(std::uint32_t /*group*/) {}

 private:
  std::uint32_t digit_;
  std::vector<std::uint32_t> uplinks_;  // ports of the switch, in the order of the digit
};

}  // namespace emu
