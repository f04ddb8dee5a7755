// SPDX-License-Identifier: Apache-2.0
// pcap and pcapng as bytes, for whoever writes them to a file or a pipe.
//
// Little endian. Times are in nanoseconds, or in picoseconds when an interface that
// was read is finer than that: 64 bits of picoseconds do not reach back to 1970, so
// they count from `if_tsoffset`. Source: draft-ietf-opsawg-pcap and -pcapng.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "capture.h"

namespace emu::wire {

enum class Format : std::uint8_t { kPcap, kPcapng };

class CaptureWriter {
 public:
  explicit CaptureWriter(Format format) : format_(format) {}

  /// Begins the file: `comment` goes into a pcapng's section header.
  void begin(std::string_view comment, std::vector<std::uint8_t>& out);

  /// Writes a packet and, before the first one of an interface, that interface. False
  /// when the format cannot hold it: a pcap has one link type.
  bool packet(const Capture& capture, const Record& record, std::string_view comment,
              std::vector<std::uint8_t>& out);

  /// Ends a pcapng with a statistics block that carries `comment`; gives a pcap without a
  /// packet its header.
  void end(const Capture& capture, std::string_view comment, std::vector<std::uint8_t>& out);

  /// Interfaces are numbered instead of named.
  bool hide_names = false;

 private:
  void pcap_header(std::uint16_t link_type, std::vector<std::uint8_t>& out);
  void interfaces(const Capture& capture, std::size_t count, std::vector<std::uint8_t>& out);

  Format format_;
  bool begun_ = false;
  std::uint16_t link_type_ = 0;  // of a pcap
  struct Clock {
    bool picoseconds = false;
    std::int64_t offset_s = 0;
  };
  std::vector<Clock> clocks_;  // one for each interface written
};

}  // namespace emu::wire
