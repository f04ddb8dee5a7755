// SPDX-License-Identifier: Apache-2.0
#include "capture_writer.h"

#include <algorithm>

#include "pcapng.h"
#include "timestamp.h"

namespace emu::wire {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::int64_t kPsPerNs = 1000;
/// Packets may come out of order: so far before the first one a time can be told in ps.
constexpr std::int64_t kSecondsBefore = 1000;

void u16(Bytes& out, std::uint16_t v) {
  out.push_back(static_cast<std::uint8_t>(v));
  out.push_back(static_cast<std::uint8_t>(v >> 8));
}
void u32(Bytes& out, std::uint32_t v) {
  u16(out, static_cast<std::uint16_t>(v));
  u16(out, static_cast<std::uint16_t>(v >> 16));
}
void u64(Bytes& out, std::uint64_t v) {
  u32(out, static_cast<std::uint32_t>(v));
  u32(out, static_cast<std::uint32_t>(v >> 32));
}
void pad(Bytes& out, std::size_t n) { out.insert(out.end(), (4 - n % 4) % 4, 0); }

std::size_t open_block(Bytes& out, std::uint32_t type) {
  const std::size_t at = out.size();
  u32(out, type);
  u32(out, 0);
  return at;
}
void close_block(Bytes& out, std::size_t at) {
  const auto length = static_cast<std::uint32_t>(out.size() - at + 4);
  store_le32(out.data() + at + 4, length);
  u32(out, length);
}

void text(Bytes& out, std::uint16_t code, std::string_view value) {
  if (value.empty()) return;
  value = value.substr(0, 65'535);
  u16(out, code);
  u16(out, static_cast<std::uint16_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
  pad(out, value.size());
}

bool finer_than_ns(const Interface& interface) {
  if (interface.tick_shift != 0) return interface.tick_shift > 30;
  return interface.tick_ps < 1000;
}

}  // namespace

void CaptureWriter::begin(std::string_view comment, Bytes& out) {
  if (format_ == Format::kPcap) return;  // its header waits for the link type
  const std::size_t block = open_block(out, kPcapngSectionHeader);
  u32(out, 0x1A2B3C4D);
  u16(out, 1);
  u16(out, 0);
  u64(out, ~std::uint64_t{0});
  text(out, 1, comment);
  text(out, 4, "emu");
  u32(out, 0);
  close_block(out, block);
}

void CaptureWriter::pcap_header(std::uint16_t link_type, Bytes& out) {
  begun_ = true;
  link_type_ = link_type;
  u32(out, 0xA1B23C4D);
  u16(out, 2);
  u16(out, 4);
  u64(out, 0);
  u32(out, kPacketBytesMax);
  u32(out, link_type_);
}

void CaptureWriter::interfaces(const Capture& capture, std::size_t count, Bytes& out) {
  while (clocks_.size() < count) {
    const Interface& from = capture.interfaces[clocks_.size()];
    const Clock clock{finer_than_ns(from),
                      finer_than_ns(from) ? capture.base_s - kSecondsBefore : 0};
    const std::size_t block = open_block(out, Pcapng::kInterface);
    u16(out, from.link_type);
    u16(out, 0);
    u32(out, from.snap_bytes);
    if (hide_names) {
      text(out, 2, "interface " + std::to_string(clocks_.size()));
    } else {
      text(out, 2, from.name);
      text(out, 3, from.description);
    }
    if (from.speed_bps != 0) {
      u16(out, 8);
      u16(out, 8);
      u64(out, from.speed_bps);
    }
    u16(out, 9);
    u16(out, 1);
    u32(out, clock.picoseconds ? 12 : 9);
    if (clock.offset_s != 0) {
      u16(out, 14);
      u16(out, 8);
      u64(out, static_cast<std::uint64_t>(clock.offset_s));
    }
    u32(out, 0);
    close_block(out, block);
    clocks_.push_back(clock);
  }
}

bool CaptureWriter::packet(const Capture& capture, const Record& record, std::string_view comment,
                           Bytes& out) {
  const Interface& from = capture.interfaces[record.interface];
  const Int128 absolute_ps =
      static_cast<Int128>(capture.base_s) * kPsPerSecond + Int128{record.time_ps};
  if (format_ == Format::kPcap) {
    if (!begun_) pcap_header(from.link_type, out);
    if (from.link_type != link_type_) return false;
    const Int128 ns = std::max<Int128>(absolute_ps, 0) / kPsPerNs;
    u32(out, static_cast<std::uint32_t>(ns / 1'000'000'000));
    u32(out, static_cast<std::uint32_t>(ns % 1'000'000'000));
    u32(out, record.captured_bytes);
    u32(out, record.original_bytes);
    out.insert(out.end(), record.data, record.data + record.captured_bytes);
    return true;
  }
  interfaces(capture, std::size_t{record.interface} + 1, out);
  const Clock& clock = clocks_[record.interface];
  const Int128 since = absolute_ps - static_cast<Int128>(clock.offset_s) * kPsPerSecond;
  const auto ticks =
      static_cast<std::uint64_t>(std::max<Int128>(since, 0) / (clock.picoseconds ? 1 : kPsPerNs));
  const std::size_t block = open_block(out, Pcapng::kEnhancedPacket);
  u32(out, record.interface);
  u32(out, static_cast<std::uint32_t>(ticks >> 32));
  u32(out, static_cast<std::uint32_t>(ticks));
  u32(out, record.captured_bytes);
  u32(out, record.original_bytes);
  out.insert(out.end(), record.data, record.data + record.captured_bytes);
  pad(out, record.captured_bytes);
  if (!comment.empty() || record.flags != 0) {
    text(out, 1, comment);
    if (record.flags != 0) {
      u16(out, 2);
      u16(out, 4);
      u32(out, record.flags);
    }
    u32(out, 0);
  }
  close_block(out, block);
  return true;
}

void CaptureWriter::end(const Capture& capture, std::string_view comment, Bytes& out) {
  if (format_ == Format::kPcap) {
    const auto& known = capture.interfaces;
    if (!begun_) {
      pcap_header(known.empty() ? std::uint16_t{kLinkEthernet} : known[0].link_type, out);
    }
    return;
  }
  if (clocks_.empty() || comment.empty()) return;
  const std::size_t block = open_block(out, Pcapng::kStatistics);
  u32(out, 0);
  u64(out, 0);
  text(out, 1, comment);
  u32(out, 0);
  close_block(out, block);
}

}  // namespace emu::wire
