// SPDX-License-Identifier: Apache-2.0
// The congestion controls: a new one is a header and its name in this list
// (docs/add-a-congestion-control.md).
//
// Invariant: what a queue pair's state is of, its NIC's parameters are of.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "contract.h"
#include "dcqcn.h"
#include "timely.h"

namespace emu {

template <CongestionControl... Algorithms>
struct CcList {
  using Params = std::variant<typename Algorithms::Params...>;
  using State = std::variant<typename Algorithms::State...>;

  static Params make(const std::string& name, const std::map<std::string, double>& values) {
    const CcFields fields(values);
    std::vector<Params> found;
    const auto look = [&]<typename A>() {
      if (name == A::kName) found.emplace_back(typename A::Params(fields));
    };
    (look.template operator()<Algorithms>(), ...);
    if (found.empty()) throw std::invalid_argument("no congestion control " + name);
    return found.front();
  }
  static std::vector<std::string> names() { return {Algorithms::kName...}; }
  /// State of a new queue pair.
  static State start(const Params& params, Bps line) {
    State state;
    const auto look = [&]<typename A>() {
      if (!std::holds_alternative<typename A::Params>(params)) return;
      A::start(state.template emplace<typename A::State>(), line);
    };
    (look.template operator()<Algorithms>(), ...);
    return state;
  }
};

using Cc = CcList<Dcqcn, Timely>;

inline Pacing& pacing(Cc::State& state) {
  return std::visit([](auto& s) -> Pacing& { return s; }, state);
}
inline const Pacing& pacing(const Cc::State& state) {
  return std::visit([](const auto& s) -> const Pacing& { return s; }, state);
}

/// Calls `what(Algorithm{}, state, params)` with the types of this queue pair.
template <typename What>
decltype(auto) with_cc(Cc::State& state, const Cc::Params& params, What what) {
  return std::visit(
      [&](auto& s) -> decltype(auto) {
        using A = typename std::remove_reference_t<decltype(s)>::Algorithm;
        return what(A{}, s, *std::get_if<typename A::Params>(&params));
      },
      state);
}

}  // namespace emu
