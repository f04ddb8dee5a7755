// SPDX-License-Identifier: Apache-2.0
// LLDP: who is at the other end of a cable. Source: IEEE 802.1AB clause 8.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "bytes.h"
#include "ethernet.h"

namespace emu::wire {

inline constexpr Mac kLldpAddress = {0x01, 0x80, 0xC2, 0x00, 0x00, 0x0E};

/// The fields that name a neighbour; the views point into the frame.
struct Lldp {
  enum Type : std::uint8_t { kEnd, kChassis, kPort, kTtl, kPortDescription, kSystemName };
  static constexpr std::size_t kLengthMax = 511;

  std::uint8_t chassis_subtype = 0;
  std::string_view chassis;
  std::uint8_t port_subtype = 0;
  std::string_view port;
  std::uint16_t ttl_s = 0;
  std::string_view system_name;

  /// Reads up to `n` bytes behind the Ethernet header. False when a length leads
  /// out of the frame or chassis, port or TTL is missing.
  bool read(const std::uint8_t* p, std::size_t n) {
    *this = {};
    unsigned seen = 0;
    while (n >= 2) {
      const std::uint16_t head = load_be16(p);
      const std::size_t length = head & 0x1FF;
      const unsigned type = head >> 9;
      p += 2;
      n -= 2;
      if (length > n) return false;
      const std::string_view text(reinterpret_cast<const char*>(p), length);
      if (type == kEnd) break;
      if (type <= kTtl) {
        if (length < 2) return false;
        seen |= 1U << type;
      }
      if (type == kChassis) {
        chassis_subtype = p[0];
        chassis = text.substr(1);
      } else if (type == kPort) {
        port_subtype = p[0];
        port = text.substr(1);
      } else if (type == kTtl) {
        ttl_s = load_be16(p);
      } else if (type == kSystemName) {
        system_name = text;
      }
      p += length;
      n -= length;
    }
    return seen == 0b1110;
  }

  std::size_t bytes() const {
    return 3 + chassis.size() + 3 + port.size() + 4 +
           (system_name.empty() ? 0 : 2 + system_name.size()) + 2;
  }

  /// Writes bytes() bytes; every text is at most kLengthMax - 1 long.
  void write(std::uint8_t* p) const {
    p = put_id(p, kChassis, chassis_subtype, chassis);
    p = put_id(p, kPort, port_subtype, port);
    store_be16(p, head_of(kTtl, 2));
    store_be16(p + 2, ttl_s);
    p += 4;
    if (!system_name.empty()) {
      store_be16(p, head_of(kSystemName, system_name.size()));
      std::memcpy(p + 2, system_name.data(), system_name.size());
      p += 2 + system_name.size();
    }
    store_be16(p, 0);
  }

 private:
  static std::uint16_t head_of(unsigned type, std::size_t length) {
    return static_cast<std::uint16_t>((type << 9) | (length & 0x1FF));
  }
  static std::uint8_t* put_id(std::uint8_t* p, unsigned type, std::uint8_t subtype,
                              std::string_view id) {
    store_be16(p, head_of(type, id.size() + 1));
    p[2] = subtype;
    if (!id.empty()) std::memcpy(p + 3, id.data(), id.size());
    return p + 3 + id.size();
  }
};

}  // namespace emu::wire
