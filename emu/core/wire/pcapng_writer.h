// SPDX-License-Identifier: Apache-2.0
// Writes pcapng files: one section, little endian, times in nanoseconds.
//
// Invariant: what has been written is a valid file at every block boundary, so
// that an interrupted capture can be read up to its end.
// Source: draft-ietf-opsawg-pcapng ("PCAP Next Generation Capture File Format").
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ethernet.h"

namespace emu::wire {

/// Bits of an enhanced packet block's flags option.
enum PacketFlags : std::uint32_t {
  kDirectionUnknown = 0,
  kInbound = 1,
  kOutbound = 2,
  kUnicast = 1U << 2,
  kMulticast = 2U << 2,
  kBroadcast = 3U << 2,
};

struct PcapngInterface {
  std::string name;
  std::string description;
  Mac mac{};
  std::uint64_t speed_bps = 0;  // 0: not said
};

struct PcapngPacket {
  std::uint32_t interface = 0;
  std::int64_t time_ns = 0;
  std::uint32_t original_bytes = 0;  // on the wire, without FCS
  const std::uint8_t* data = nullptr;
  std::uint32_t captured_bytes = 0;
  std::uint32_t flags = 0;   // PacketFlags
  std::string_view comment;  // empty: none
};

class PcapngWriter {
 public:
  static constexpr std::uint16_t kLinkEthernet = 1;

  /// Opens `path` anew and begins its section.
  PcapngWriter(const std::string& path, std::string_view application, std::string_view comment);
  ~PcapngWriter();
  PcapngWriter(const PcapngWriter&) = delete;
  PcapngWriter& operator=(const PcapngWriter&) = delete;

  /// Returns the number by which packets name it. All interfaces are Ethernet.
  std::uint32_t add_interface(const PcapngInterface& interface);
  /// Names of IPv4 addresses, for those who read the file.
  void add_names(const std::vector<std::pair<std::uint32_t, std::string>>& names);
  void write(const PcapngPacket& packet);
  /// Writes out what is still held; afterwards nothing may be written.
  void close();

  /// errno of the first thing that failed, 0 if nothing did. After a failure
  /// nothing more is written.
  int error() const { return error_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void option(std::uint16_t code, const void* value, std::size_t bytes);
  void option(std::uint16_t code, std::string_view text) { option(code, text.data(), text.size()); }
  void end_of_options();
  std::size_t begin(std::uint32_t type);
  void end(std::size_t block);
  void u16(std::uint16_t v);
  void u32(std::uint32_t v);
  void bytes(const void* data, std::size_t n);
  void flush();

  std::unique_ptr<std::FILE, Closer> file_;
  std::vector<std::uint8_t> held_;
  std::uint32_t interfaces_ = 0;
  int error_ = 0;
};

}  // namespace emu::wire
