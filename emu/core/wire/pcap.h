// SPDX-License-Identifier: Apache-2.0
// The classic pcap format: one header, then packets.
// Source: draft-ietf-opsawg-pcap.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "bytes.h"
#include "capture.h"
#include "timestamp.h"

namespace emu::wire {

/// What one call of a parser did: used bytes, or how many it needs to go on.
struct Step {
  std::size_t used = 0;
  std::size_t need = 0;    // not 0: nothing was used, so many are needed from here
  std::uint64_t skip = 0;  // so many behind `used` are of no interest
};

struct Pcap {
  static constexpr std::size_t kHeaderBytes = 24;
  static constexpr std::size_t kRecordBytes = 16;
  bool begun = false;
  bool swapped = false;  // its byte order is not this machine's

  static bool known(std::uint32_t magic) {
    return magic == 0xA1B2C3D4 || magic == 0xD4C3B2A1 || magic == 0xA1B23C4D || magic == 0x4D3CB2A1;
  }
  /// Alexey Kuznetzov's variant: 24 bytes in front of a packet.
  static bool unsupported(std::uint32_t magic) {
    return magic == 0xA1B2CD34 || magic == 0x34CDB2A1;
  }

  std::uint32_t u32(const std::uint8_t* p) const {
    const auto v = load_native<std::uint32_t>(p);
    return swapped ? swap32(v) : v;
  }

  template <typename Sink>
  Step step(Capture& capture, const std::uint8_t* p, std::size_t n, std::uint64_t offset,
            Sink& sink) {
    if (!begun) return header(capture, p, n);
    if (n < kRecordBytes) return {.need = kRecordBytes};
    const std::uint32_t captured = u32(p + 8);
    if (captured > kPacketBytesMax) {
      capture.stop(Ending::kDamaged, offset,
                   "packet " + std::to_string(capture.packets + 1) + " claims " +
                       std::to_string(captured) + " captured bytes; at most " +
                       std::to_string(kPacketBytesMax) + " are possible");
      return {};
    }
    const std::size_t whole = kRecordBytes + captured;
    if (n < whole) return {.need = whole};
    const Int128 absolute =
        static_cast<Int128>(u32(p)) * kPsPerSecond +
        static_cast<Int128>(u32(p + 4)) * static_cast<Int128>(capture.interfaces[0].tick_ps);
    const Record record{.data = p + kRecordBytes,
                        .captured_bytes = captured,
                        .original_bytes = std::max(u32(p + 12), captured),
                        .interface = 0,
                        .time_ps = relative_ps(capture, absolute),
                        .number = ++capture.packets,
                        .offset = offset};
    sink(record);
    return {.used = whole};
  }

 private:
  Step header(Capture& capture, const std::uint8_t* p, std::size_t n) {
    if (n < kHeaderBytes) return {.need = kHeaderBytes};
    const std::uint32_t magic = load_native<std::uint32_t>(p);
    swapped = magic == 0xD4C3B2A1 || magic == 0x4D3CB2A1;
    const bool nano = u32(p) == 0xA1B23C4D;
    Interface interface;
    // The upper half tells the length of the FCS, which no decoder here needs.
    interface.link_type = static_cast<std::uint16_t>(u32(p + 20) & 0xFFFF);
    interface.snap_bytes = u32(p + 16);
    interface.tick_ps = nano ? 1'000 : 1'000'000;
    capture.interfaces.push_back(interface);
    capture.sections = 1;
    begun = true;
    return {.used = kHeaderBytes};
  }
};

}  // namespace emu::wire
