// SPDX-License-Identifier: Apache-2.0
#include "pcapng_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace emu::wire {

namespace {
constexpr std::size_t kHeldBytes = 1 << 16;

constexpr std::uint32_t kSectionHeader = 0x0A0D0D0A;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kNameResolution = 4;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1A2B3C4D;

constexpr std::uint16_t kOptEnd = 0;
constexpr std::uint16_t kOptComment = 1;
constexpr std::uint16_t kShbApplication = 4;
constexpr std::uint16_t kIfName = 2;
constexpr std::uint16_t kIfDescription = 3;
constexpr std::uint16_t kIfMac = 6;
constexpr std::uint16_t kIfSpeed = 8;
constexpr std::uint16_t kIfTimeResolution = 9;
constexpr std::uint16_t kEpbFlags = 2;
constexpr std::uint16_t kNrbIpv4 = 1;

constexpr std::size_t padding(std::size_t n) { return (4 - n % 4) % 4; }
}  // namespace

PcapngWriter::PcapngWriter(const std::string& path, std::string_view application,
                           std::string_view comment)
    : file_(std::fopen(path.c_str(), "wb")) {
  if (file_ == nullptr) error_ = errno;
  held_.reserve(2 * kHeldBytes);
  const std::size_t block = begin(kSectionHeader);
  u32(kByteOrderMagic);
  u16(1);  // version 1.0
  u16(0);
  u32(0xFFFFFFFF);  // length of the section: not said
  u32(0xFFFFFFFF);
  if (!comment.empty()) option(kOptComment, comment);
  option(kShbApplication, application);
  end_of_options();
  end(block);
}

PcapngWriter::~PcapngWriter() { close(); }

std::uint32_t PcapngWriter::add_interface(const PcapngInterface& interface) {
  const std::size_t block = begin(kInterfaceDescription);
  u16(kLinkEthernet);
  u16(0);
  u32(0);  // no snap length
  option(kIfName, interface.name);
  if (!interface.description.empty()) option(kIfDescription, interface.description);
  option(kIfMac, interface.mac.data(), interface.mac.size());
  if (interface.speed_bps != 0) {
    std::uint8_t speed[8];
    for (std::size_t i = 0; i < 8; ++i) {
      speed[i] = static_cast<std::uint8_t>(interface.speed_bps >> (8 * i));
    }
    option(kIfSpeed, speed, sizeof speed);
  }
  const std::uint8_t nanoseconds = 9;  // 10^-9 s
  option(kIfTimeResolution, &nanoseconds, 1);
  end_of_options();
  end(block);
  return interfaces_++;
}

void PcapngWriter::add_names(const std::vector<std::pair<std::uint32_t, std::string>>& names) {
  if (names.empty()) return;
  const std::size_t block = begin(kNameResolution);
  for (const auto& [address, name] : names) {
    std::string value(4, '\0');
    for (std::size_t i = 0; i < 4; ++i) value[i] = static_cast<char>(address >> (24 - 8 * i));
    value += name;
    value += '\0';
    option(kNrbIpv4, value);
  }
  end_of_options();
  end(block);
}

void PcapngWriter::write(const PcapngPacket& packet) {
  const std::size_t block = begin(kEnhancedPacket);
  u32(packet.interface);
  const auto time = static_cast<std::uint64_t>(packet.time_ns);
  u32(static_cast<std::uint32_t>(time >> 32));
  u32(static_cast<std::uint32_t>(time));
  u32(packet.captured_bytes);
  u32(packet.original_bytes);
  bytes(packet.data, packet.captured_bytes);
  held_.resize(held_.size() + padding(packet.captured_bytes));
  if (!packet.comment.empty()) option(kOptComment, packet.comment);
  if (packet.flags != 0) {
    std::uint8_t flags[4];
    for (std::size_t i = 0; i < 4; ++i) {
      flags[i] = static_cast<std::uint8_t>(packet.flags >> (8 * i));
    }
    option(kEpbFlags, flags, sizeof flags);
  }
  if (!packet.comment.empty() || packet.flags != 0) end_of_options();
  end(block);
}

void PcapngWriter::close() {
  if (file_ == nullptr) return;
  flush();
  std::FILE* file = file_.release();
  if (std::fclose(file) != 0 && error_ == 0) error_ = errno;
}

void PcapngWriter::option(std::uint16_t code, const void* value, std::size_t n) {
  n = std::min<std::size_t>(n, 0xFFFF);
  u16(code);
  u16(static_cast<std::uint16_t>(n));
  bytes(value, n);
  held_.resize(held_.size() + padding(n));
}

void PcapngWriter::end_of_options() {
  u16(kOptEnd);
  u16(0);
}

/// Begins a block; its length stands at both ends and is known when it ends.
std::size_t PcapngWriter::begin(std::uint32_t type) {
  const std::size_t block = held_.size();
  u32(type);
  u32(0);
  return block;
}

void PcapngWriter::end(std::size_t block) {
  const auto length = static_cast<std::uint32_t>(held_.size() - block + 4);
  u32(length);
  for (std::size_t i = 0; i < 4; ++i) {
    held_[block + 4 + i] = static_cast<std::uint8_t>(length >> (8 * i));
  }
  if (held_.size() >= kHeldBytes) flush();
}

void PcapngWriter::u16(std::uint16_t v) {
  held_.push_back(static_cast<std::uint8_t>(v));
  held_.push_back(static_cast<std::uint8_t>(v >> 8));
}

void PcapngWriter::u32(std::uint32_t v) {
  u16(static_cast<std::uint16_t>(v));
  u16(static_cast<std::uint16_t>(v >> 16));
}

void PcapngWriter::bytes(const void* data, std::size_t n) {
  const auto* from = static_cast<const std::uint8_t*>(data);
  held_.insert(held_.end(), from, from + n);
}

void PcapngWriter::flush() {
  if (file_ != nullptr && error_ == 0 &&
      std::fwrite(held_.data(), 1, held_.size(), file_.get()) != held_.size()) {
    error_ = errno;
  }
  held_.clear();
}

}  // namespace emu::wire
