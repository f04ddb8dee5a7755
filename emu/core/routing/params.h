// SPDX-License-Identifier: Apache-2.0
// Parameters of a routing policy as they come from outside: name and number.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace emu {

class RoutingParams {
 public:
  RoutingParams() = default;
  RoutingParams(const std::vector<std::string>& names, const std::vector<std::int64_t>& values) {
    if (names.size() != values.size()) throw std::invalid_argument("a value for each name");
    for (std::size_t i = 0; i < names.size(); ++i) items_.emplace_back(names[i], values[i]);
  }
  /// The parameter of this name.
  std::int64_t at(std::string_view name) const {
    for (const auto& [key, value] : items_) {
      if (key == name) return value;
    }
    throw std::invalid_argument("routing parameter missing: " + std::string(name));
  }
  /// All values that have this name, in the order given.
  std::vector<std::int64_t> all(std::string_view name) const {
    std::vector<std::int64_t> values;
    for (const auto& [key, value] : items_) {
      if (key == name) values.push_back(value);
    }
    return values;
  }

 private:
  std::vector<std::pair<std::string, std::int64_t>> items_;
};

}  // namespace emu
