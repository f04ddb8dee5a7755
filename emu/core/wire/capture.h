// SPDX-License-Identifier: Apache-2.0
// What a capture file holds, whatever its format: interfaces and packets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace emu::wire {

/// Numbers of the tcpdump group's list of link-layer header types.
enum LinkType : std::uint16_t {
  kLinkNull = 0,
  kLinkEthernet = 1,
  kLinkRaw = 101,
  kLinkCookedV1 = 113,
  kLinkIpv4 = 228,
  kLinkIpv6 = 229,
  kLinkCookedV2 = 276,
};

struct Interface {
  std::uint16_t link_type = kLinkEthernet;
  std::uint32_t snap_bytes = 0;  // 0: no limit
  std::string name;
  std::string description;
  std::uint64_t speed_bps = 0;        // 0: not told
  std::int64_t offset_s = 0;          // added to every time stamp
  std::uint64_t tick_ps = 1'000'000;  // length of one tick, when it is a whole number of ps
  std::uint64_t ticks_per_ps = 1;     // otherwise; one of the two is 1
  unsigned tick_shift = 0;            // a tick of 2^-shift seconds; 0: decimal
  std::uint64_t dropped = 0;          // packets that the capturing side says it missed
};

/// One packet; the pointers live until the sink returns.
struct Record {
  const std::uint8_t* data = nullptr;
  std::uint32_t captured_bytes = 0;
  std::uint32_t original_bytes = 0;
  std::uint32_t interface = 0;    // index into Capture::interfaces
  std::int64_t time_ps = 0;       // since Capture::base_s
  std::uint64_t number = 0;       // counted from 1
  std::uint64_t offset = 0;       // of its record in the (decompressed) file
  const char* comment = nullptr;  // first comment option; not terminated
  std::uint32_t comment_bytes = 0;
  std::uint32_t flags = 0;  // pcapng's epb_flags: low two bits 1 inbound, 2 outbound
};

enum class Ending : std::uint8_t {
  kReading,
  kWhole,    // the file ended where a record ended
  kCutOff,   // the file ended inside a record
  kDamaged,  // something in it cannot be
};

/// As it stands in every document that says how a capture ended.
inline const char* ending_name(Ending ending) {
  switch (ending) {
    case Ending::kReading:
      return "reading";
    case Ending::kWhole:
      return "whole";
    case Ending::kCutOff:
      return "cut off";
    default:
      return "damaged";
  }
}

/// State that the formats share.
struct Capture {
  std::vector<Interface> interfaces;
  std::string format;       // "pcap" or "pcapng"
  std::int64_t base_s = 0;  // second (since 1970) from which times are counted
  bool has_base = false;
  std::uint64_t packets = 0;
  std::uint64_t untimed = 0;  // packets of a block that holds no time
  std::uint64_t skipped_blocks = 0;
  std::uint64_t sections = 0;
  Ending ending = Ending::kReading;
  std::uint64_t error_offset = 0;
  std::string error;

  void stop(Ending how, std::uint64_t offset, std::string why) {
    ending = how;
    error_offset = offset;
    error = std::move(why);
  }
};

/// More captured bytes in one packet are damage: libpcap's MAXIMUM_SNAPLEN.
inline constexpr std::uint32_t kPacketBytesMax = 262'144;
/// More bytes in a block that has to be looked at are damage (Wireshark's limit).
inline constexpr std::uint32_t kBlockBytesMax = 16U << 20;
/// Interfaces of all sections together; more are damage.
inline constexpr std::size_t kInterfacesMax = 65'536;

}  // namespace emu::wire
