// SPDX-License-Identifier: Apache-2.0
// ECMP: a hash of the packet's header fields picks the next hop (RFC 2992), so
// that a flow keeps its path and flows are thrown like balls into bins.
//
// Weights and resilient tables need nothing here: a member that stands in a
// group several times gets as many shares (RFC 2992 §2, "hash-threshold").
#pragma once

#include <cstdint>

#include "../packet.h"
#include "params.h"

namespace emu {

struct Ecmp {
  static constexpr const char* kName = "ecmp";
  explicit Ecmp(const RoutingParams& /*params*/) {}

  template <typename Hops>
  std::uint32_t pick(const Hops& hops, const Packet& /*packet*/) {
    return hops.hashed();
  }
  void forget(std::uint32_t /*group*/) {}
};

}  // namespace emu
