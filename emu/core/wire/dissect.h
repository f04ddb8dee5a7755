// SPDX-License-Identifier: Apache-2.0
// From the bytes of one packet to the fields that the inspection asks for.
//
// Never reads beyond the captured bytes; what was cut off is missing from
// `known`, and lengths come from headers, so a snapped packet keeps its true size.
#pragma once

#include <array>
#include <cstdint>

#include "bth.h"
#include "capture.h"
#include "ethernet.h"
#include "pfc.h"
#include "protocol.h"
#include "vxlan.h"

namespace emu::wire {

/// An address of either version: IPv4 ones as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
struct Address {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static Address v4(std::uint32_t a) { return {0, 0x0000FFFF00000000ULL | a}; }
  bool is_v4() const { return high == 0 && (low >> 32) == 0xFFFF; }
  bool operator==(const Address&) const = default;
};

/// One IP header, of the packet itself or of its tunnel.
struct IpInfo {
  Address src;
  Address dst;
  std::uint32_t offset = 0;        // of the header in the captured bytes
  std::uint32_t header_bytes = 0;  // extension headers included
  std::uint32_t bytes = 0;         // header and payload, as the header says
  std::uint8_t version = 0;
  std::uint8_t protocol = 0;
  std::uint8_t dscp = 0;
  std::uint8_t ecn = 0;
  std::uint8_t ttl = 0;
  bool fragment = false;
  bool extended = false;      // IPv6 extension headers are there
  bool checksum_bad = false;  // of an IPv4 header
};

struct Dissected {
  enum Known : std::uint16_t {
    kMacs = 1,
    kTagged = 2,     // vlan: the outermost tag
    kIp = 4,         // ip: innermost
    kOuterIp = 8,    // outer: of the tunnel
    kUdpPorts = 16,  // of the innermost UDP
    kVxlan = 32,
    kBth = 64,
    kReth = 128,
    kAeth = 256,
    kPfcFrame = 512,
    kPauseFrame = 1024,
    kIcrcThere = 2048,  // the payload is whole: the ICRC can be verified
  };

  std::uint16_t known = 0;
  Protocol protocol = Protocol::kCutShort;
  std::uint8_t pcp = 0;
  std::uint16_t vid = 0;
  Mac src_mac{};
  IpInfo ip;
  IpInfo outer;
  std::uint32_t vni = 0;
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  std::uint32_t udp_bytes = 0;
  std::uint16_t udp_checksum = 0;
  bool length_bad = false;  // IP, UDP and RoCE lengths do not fit into each other
  Bth bth;
  Reth reth;
  Aeth aeth;
  std::uint32_t payload_bytes = 0;  // of RoCE, without pad
  Pfc pfc;

  /// ECN field of the packet when it has left its tunnel: that of its own header, with
  /// a mark that the tunnel's header got on the way.
  std::uint8_t ecn() const {
    bool drop = false;
    return (known & kOuterIp) != 0 ? ecn_decapsulated(ip.ecn, outer.ecn, drop) : ip.ecn;
  }

  bool has(unsigned bits) const { return (known & bits) == bits; }
};

/// Dissects a packet of the given link type.
void dissect(const Record& record, std::uint16_t link_type, Dissected& out);

/// Compares the ICRC of a packet with kIcrcThere.
bool icrc_ok(const Record& record, const Dissected& d);

/// Is the UDP checksum wrong? False as well when it is absent or cannot be judged.
bool udp_checksum_bad(const Record& record, const Dissected& d);

}  // namespace emu::wire
