// SPDX-License-Identifier: Apache-2.0
// Addresses as people write them. Source: RFC 5952 for IPv6.
#pragma once

#include <arpa/inet.h>

#include <cstdio>
#include <string>

#include "bytes.h"
#include "dissect.h"

namespace emu::wire {

inline std::string to_text(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  std::uint8_t raw[16];
  store_be64(raw, address.high);
  store_be64(raw + 8, address.low);
  if (address.is_v4()) {
    inet_ntop(AF_INET, raw + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, raw, text, sizeof text);
  }
  return text;
}

inline std::string to_text(const Mac& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                mac[4], mac[5]);
  return text;
}

}  // namespace emu::wire
