// SPDX-License-Identifier: Apache-2.0
// pcapng: sections of blocks, each with its length at both ends.
//
// A section sets the byte order and starts its interfaces anew. Blocks that hold
// no packets are skipped without being kept, so their length needs no limit.
// Source: draft-ietf-opsawg-pcapng.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "bytes.h"
#include "capture.h"
#include "pcap.h"
#include "timestamp.h"

namespace emu::wire {

inline constexpr std::uint32_t kPcapngSectionHeader = 0x0A0D0D0A;

struct Pcapng {
  enum Block : std::uint32_t {
    kInterface = 1,
    kPacket = 2,  // obsolete
    kSimplePacket = 3,
    kStatistics = 5,
    kEnhancedPacket = 6,
  };
  static constexpr std::size_t kBlockBytesMin = 12;

  bool begun = false;
  bool swapped = false;
  std::size_t first_interface = 0;  // of this section, in Capture::interfaces

  std::uint16_t u16(const std::uint8_t* p) const {
    const auto v = load_native<std::uint16_t>(p);
    return swapped ? swap16(v) : v;
  }
  std::uint32_t u32(const std::uint8_t* p) const {
    const auto v = load_native<std::uint32_t>(p);
    return swapped ? swap32(v) : v;
  }
  std::uint64_t u64(const std::uint8_t* p) const {
    const auto v = load_native<std::uint64_t>(p);
    return swapped ? swap64(v) : v;
  }
  /// Two words, the upper first in either byte order.
  std::uint64_t stamp(const std::uint8_t* p) const {
    return (std::uint64_t{u32(p)} << 32) | u32(p + 4);
  }

  template <typename Sink>
  Step step(Capture& capture, const std::uint8_t* p, std::size_t n, std::uint64_t offset,
            Sink& sink) {
    if (n < kBlockBytesMin) return {.need = kBlockBytesMin};
    // The type of a section header reads the same in both orders, and its order mark
    // must be known before its length is.
    const bool section = load_be32(p) == kPcapngSectionHeader;
    if (section && !byte_order(capture, p, offset)) return {};
    const std::uint32_t type = u32(p);
    const std::uint32_t length = u32(p + 4);
    if (length < kBlockBytesMin || length % 4 != 0) {
      return bad(capture, offset,
                 "a block claims a length of " + std::to_string(length) +
                     "; it is at least 12 and a multiple of 4");
    }
    const bool wanted = section || type == kInterface || type == kPacket || type == kSimplePacket ||
                        type == kStatistics || type == kEnhancedPacket;
    if (!wanted) {
      ++capture.skipped_blocks;
      return {.used = kBlockBytesMin, .skip = length - kBlockBytesMin};
    }
    if (length > kBlockBytesMax) {
      return bad(capture, offset,
                 "a block of type " + std::to_string(type) + " claims " + std::to_string(length) +
                     " bytes; at most " + std::to_string(kBlockBytesMax) + " are possible");
    }
    if (n < length) return {.need = length};
    if (u32(p + length - 4) != length) {
      return bad(capture, offset,
                 "a block begins with length " + std::to_string(length) + " and ends with length " +
                     std::to_string(u32(p + length - 4)));
    }
    const std::uint8_t* body = p + 8;
    const std::size_t bytes = length - kBlockBytesMin;
    if (section) {
      if (bytes < 16) return bad(capture, offset, "the section header is too short");
      if (u16(body + 4) != 1) {
        return bad(capture, offset,
                   "pcapng version " + std::to_string(u16(body + 4)) + "." +
                       std::to_string(u16(body + 6)) + "; 1.0 is known");
      }
      begun = true;
      ++capture.sections;
      first_interface = capture.interfaces.size();
    } else if (type == kInterface) {
      interface(capture, body, bytes, offset);
    } else if (type == kStatistics) {
      statistics(capture, body, bytes, offset);
    } else {
      packet(capture, type, body, bytes, offset, sink);
    }
    return capture.ending == Ending::kReading ? Step{.used = length} : Step{};
  }

 private:
  static Step bad(Capture& capture, std::uint64_t offset, std::string why) {
    capture.stop(Ending::kDamaged, offset, std::move(why));
    return {};
  }

  bool byte_order(Capture& capture, const std::uint8_t* p, std::uint64_t offset) {
    const auto mark = load_native<std::uint32_t>(p + 8);
    if (mark != 0x1A2B3C4D && mark != 0x4D3C2B1A) {
      bad(capture, offset, "the section header has no byte-order mark");
      return false;
    }
    swapped = mark == 0x4D3C2B1A;
    return true;
  }

  /// Calls `use(code, value, bytes)` for each option; false when one leads out.
  template <typename Use>
  bool options(const std::uint8_t* p, std::size_t n, Use use) const {
    while (n >= 4) {
      const std::uint16_t code = u16(p);
      const std::size_t length = u16(p + 2);
      if (code == 0) return true;
      const std::size_t padded = (length + 3) & ~std::size_t{3};
      if (padded > n - 4) return false;
      use(code, p + 4, length);
      p += 4 + padded;
      n -= 4 + padded;
    }
    return n == 0;
  }

  void interface(Capture& capture, const std::uint8_t* body, std::size_t bytes,
                 std::uint64_t offset) {
    if (bytes < 8) {
      bad(capture, offset, "the interface block is too short");
      return;
    }
    if (capture.interfaces.size() >= kInterfacesMax) {
      bad(capture, offset, "more than " + std::to_string(kInterfacesMax) + " interfaces");
      return;
    }
    Interface out;
    out.link_type = u16(body);
    out.snap_bytes = u32(body + 4);
    bool resolution_ok = true;
    std::uint8_t resolution = 6;
    const auto text = [](const std::uint8_t* v, std::size_t n) {
      // Long enough for any name, short enough for a table.
      return std::string(reinterpret_cast<const char*>(v), std::min<std::size_t>(n, 256));
    };
    const bool ok =
        options(body + 8, bytes - 8, [&](std::uint16_t code, const std::uint8_t* v, std::size_t n) {
          if (code == 2) out.name = text(v, n);
          if (code == 3) out.description = text(v, n);
          if (code == 8 && n == 8) out.speed_bps = u64(v);
          if (code == 9 && n == 1) resolution = v[0];
          if (code == 14 && n == 8) {
            out.offset_s = static_cast<std::int64_t>(u64(v));
          }
        });
    resolution_ok = set_resolution(out, resolution);
    if (!ok) {
      bad(capture, offset, "an option of the interface block is longer than the block");
    } else if (!resolution_ok) {
      bad(capture, offset,
          "time resolution " + std::to_string(resolution) + " of an interface: too fine");
    } else {
      capture.interfaces.push_back(std::move(out));
    }
  }

  Interface* find(Capture& capture, std::uint32_t id, const char* what, std::uint64_t offset) {
    const std::size_t here = capture.interfaces.size() - first_interface;
    if (begun && id < here) return &capture.interfaces[first_interface + id];
    bad(capture, offset,
        std::string(what) + " names interface " + std::to_string(id) + "; the section has " +
            std::to_string(here) + " (counted from 0)");
    return nullptr;
  }

  void statistics(Capture& capture, const std::uint8_t* body, std::size_t bytes,
                  std::uint64_t offset) {
    if (bytes < 12) {
      bad(capture, offset, "the statistics block is too short");
      return;
    }
    Interface* at = find(capture, u32(body), "a statistics block", offset);
    if (at == nullptr) return;
    // Counters since the start; the last block counts. Damaged options lose nothing else.
    std::uint64_t dropped = 0;
    options(body + 12, bytes - 12, [&](std::uint16_t code, const std::uint8_t* v, std::size_t n) {
      if ((code == 5 || code == 7) && n == 8) dropped += u64(v);
    });
    at->dropped = std::max(at->dropped, dropped);
  }

  template <typename Sink>
  void packet(Capture& capture, std::uint32_t type, const std::uint8_t* body, std::size_t bytes,
              std::uint64_t offset, Sink& sink) {
    const std::size_t header = type == kSimplePacket ? 4 : 20;
    if (bytes < header) {
      bad(capture, offset, "packet block " + std::to_string(capture.packets + 1) + " is too short");
      return;
    }
    std::uint32_t id = 0;
    if (type == kEnhancedPacket) id = u32(body);
    if (type == kPacket) id = u16(body);
    const Interface* from = find(capture, id, "a packet", offset);
    if (from == nullptr) return;
    Record record;
    record.data = body + header;
    record.offset = offset;
    record.interface = static_cast<std::uint32_t>(first_interface) + id;
    if (type == kSimplePacket) {
      record.original_bytes = u32(body);
      record.captured_bytes =
          std::min(record.original_bytes, static_cast<std::uint32_t>(bytes - 4));
      if (from->snap_bytes != 0) {
        record.captured_bytes = std::min(record.captured_bytes, from->snap_bytes);
      }
      // It has no time: it stands where the packet before it stood.
      record.time_ps = last_ps_;
      ++capture.untimed;
    } else {
      record.captured_bytes = u32(body + 12);
      record.original_bytes = std::max(u32(body + 16), record.captured_bytes);
      record.time_ps = relative_ps(capture, absolute_ps(*from, stamp(body + 4)));
      last_ps_ = record.time_ps;
    }
    const std::size_t padded = (std::size_t{record.captured_bytes} + 3) & ~std::size_t{3};
    if (padded > bytes - header || record.captured_bytes > kPacketBytesMax) {
      bad(capture, offset,
          "packet " + std::to_string(capture.packets + 1) + " claims " +
              std::to_string(record.captured_bytes) + " captured bytes; its block has room for " +
              std::to_string(bytes - header));
      return;
    }
    if (type == kEnhancedPacket && bytes > header + padded) {
      options(body + header + padded, bytes - header - padded,
              [&](std::uint16_t code, const std::uint8_t* v, std::size_t n) {
                if (code == 1 && record.comment == nullptr) {
                  record.comment = reinterpret_cast<const char*>(v);
                  record.comment_bytes = static_cast<std::uint32_t>(n);
                }
                if (code == 2 && n == 4) record.flags = u32(v);
              });
    }
    record.number = ++capture.packets;
    sink(record);
  }

  std::int64_t last_ps_ = 0;
};

}  // namespace emu::wire
