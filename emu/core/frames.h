// SPDX-License-Identifier: Apache-2.0
// What the engine's packets look like on a wire, byte for byte.
//
// Invariant: a frame has exactly the bytes that the engine reckoned with, less
// the FCS, which captures leave out; a difference is a fault of ours and stops
// the run. The addresses come from a plan; everything else from the packet, its
// queue pair and the port it was seen at.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine.h"
#include "wire/bth.h"
#include "wire/ethernet.h"
#include "wire/ip.h"

namespace emu {

/// Addresses and header values of one fabric under one design.
struct FramePlan {
  std::vector<wire::Mac> node_mac;         // by node: NICs, then routers
  std::vector<std::uint8_t> node_tier;     // by node: 0 NICs, 1 leaves and so on
  wire::Mac gateway_mac{};                 // where hosts send what is routed
  std::vector<std::uint32_t> endpoint_ip;  // by endpoint
  std::vector<std::uint32_t> vtep_ip;      // by VTEP
  std::vector<std::uint32_t> vtep_node;    // by VTEP: the switch
  std::vector<std::uint32_t> src_qpn;      // by queue pair, of the end that sends data
  std::vector<std::uint32_t> dst_qpn;      // and of the one that receives it
  std::vector<std::uint16_t> udp_sport;    // by queue pair, both directions
  std::array<std::uint8_t, kPriorities> dscp{};
  bool routed = true;               // hosts talk to a gateway, not to each other's MAC
  std::uint32_t vni = 0;            // of the tunnels
  std::uint16_t underlay_vlan = 0;  // tag of the outer frame; 0: none
};

enum class Payload : std::uint8_t {
  kSnapped,  // the frame ends on disk where its payload begins
  kPattern,  // 8-byte words: message number, then number of the word in the message
};

struct Frame {
  static constexpr std::size_t kBytesMax = 0x10000;
  std::vector<std::uint8_t> data = std::vector<std::uint8_t>(kBytesMax);
  std::uint32_t captured = 0;  // bytes of `data` to keep
  std::uint32_t length = 0;    // on the wire, without FCS
  bool broadcast = false;
  bool multicast = false;
};

class FrameEncoder {
 public:
  FrameEncoder(const Engine& engine, FramePlan plan);

  /// Builds the frame of a sighting.
  void encode(const Sighting& sighting, Payload payload, Frame& frame);
  /// Message that a packet belongs to, kNone for ARP and for a CNP, which speaks
  /// of a whole queue pair.
  std::uint32_t message_of(const Packet& packet);

  const FramePlan& plan() const { return plan_; }

 private:
  struct Ends {
    std::uint32_t from;  // node that sends the frame over this link
    std::uint32_t to;
  };
  struct Cursor {
    std::uint32_t message = kNone;
    std::uint32_t ordinal = 0;  // among the messages of the queue pair
  };
  struct Headers;

  void pfc(const Sighting& sighting, const Ends& ends, Frame& frame) const;
  void packet(const Sighting& sighting, const Ends& ends, Payload payload, Frame& frame);
  std::uint8_t* ethernet(std::uint8_t* p, const wire::Mac& from, const wire::Mac& to,
                         std::uint16_t type) const;
  std::uint8_t* tunnel(std::uint8_t* p, const Packet& packet, const Ends& ends);
  std::uint8_t* arp(std::uint8_t* p, const Sighting& sighting) const;
  std::uint8_t* roce(std::uint8_t* p, const Packet& packet, std::uint8_t ttl, Payload payload,
                     const std::uint8_t** snap);
  std::uint8_t inner_ttl(const Packet& packet, const Ends& ends);
  Headers headers_of(const Packet& packet);
  Cursor& seek(std::uint32_t qp, std::uint32_t psn);
  std::uint32_t completed(std::uint32_t qp, std::uint32_t psn);
  std::uint32_t source_of(const Packet& packet) const;
  std::uint32_t ingress_vtep(const Packet& packet) const;
  bool is_home(std::uint32_t endpoint, std::uint32_t node) const;
  std::uint32_t distance(std::uint32_t from, std::uint32_t to);

  const Engine& engine_;
  FramePlan plan_;
  std::vector<std::int32_t> vtep_of_node_;
  std::vector<Cursor> cursors_;                        // by queue pair
  std::vector<std::vector<std::uint32_t>> distances_;  // by node, where asked for: hops to nodes
};

}  // namespace emu
