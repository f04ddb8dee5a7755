// SPDX-License-Identifier: Apache-2.0
// MAC addresses from Python, where they are integers.
#pragma once

#include <cstdint>
#include <vector>

#include "emu/bindings/columns.h"
#include "emu/core/wire/ethernet.h"

namespace emu::bindings {

inline wire::Mac mac_of(std::uint64_t number) {
  wire::Mac mac;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    mac[i] = static_cast<std::uint8_t>(number >> (40 - 8 * i));
  }
  return mac;
}

inline std::vector<wire::Mac> macs_of(const Input<std::uint64_t>& numbers) {
  std::vector<wire::Mac> macs;
  for (std::size_t i = 0; i < numbers.size(); ++i) macs.push_back(mac_of(numbers.data()[i]));
  return macs;
}

}  // namespace emu::bindings
