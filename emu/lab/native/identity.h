// SPDX-License-Identifier: Apache-2.0
// What a forwarding pipeline leaves as it is: by that, a frame that comes out of
// a switch is known to be the one that went in.
//
// Invariant: the key covers nothing that a pipeline may change (MAC addresses,
// TTL, checksum, DSCP, ECN, everything outside a tunnel) and enough to tell the
// packets of a queue pair apart (addresses, ports, BTH with its PSN).
#pragma once

#include <cstddef>
#include <cstdint>

namespace emu::lab {

struct Identity {
  std::uint64_t key = 0;
  bool ip = false;             // IPv4: the fields below hold
  bool encapsulated = false;   // in a VXLAN tunnel
  std::uint8_t outer_tos = 0;  // of the header that a switch looks at
  std::uint8_t inner_tos = 0;  // of the packet's own header; the same outside a tunnel
  std::uint8_t ttl = 0;        // of the header that a switch looks at
  std::uint32_t inner_at = 0;  // where the packet's own IP header begins
  std::uint32_t outer_at = 0;
};

/// Reads a frame of `n` bytes without FCS; never looks beyond them.
Identity identify(const std::uint8_t* frame, std::size_t n);

/// Sets the ECN field of the IPv4 header at `ip` and repairs its checksum.
void set_ecn(std::uint8_t* ip, std::uint8_t ecn);

}  // namespace emu::lab
