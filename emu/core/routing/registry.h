// SPDX-License-Identifier: Apache-2.0
// The routing policies: a new one is a header and its name in this list.
//
// A policy is a class with
//   kName                     by which a switch is given it;
//   Policy(const RoutingParams&);
//   pick(hops, packet)        the member of the group that a data packet takes;
//   forget(group)             the group has other members from now on.
// `hops` is what the switch knows of the group's members at this moment: see
// next_hops.h. Control packets never ask: they keep the path of their hash.
#pragma once

#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "adaptive.h"
#include "controller.h"
#include "ecmp.h"
#include "flowlet.h"
#include "params.h"
#include "pinned.h"
#include "spray.h"

namespace emu {

using Routing = std::variant<Ecmp, Flowlet, Adaptive, Spray, Pinned, Controlled>;

namespace routing_detail {
template <typename... Policies>
Routing make(const std::variant<Policies...>* /*list*/, const std::string& name,
             const RoutingParams& params) {
  std::vector<Routing> found;
  ((name == Policies::kName ? void(found.emplace_back(Policies(params))) : void()), ...);
  if (found.empty()) throw std::invalid_argument("no routing policy " + name);
  return std::move(found.front());
}
template <typename... Policies>
std::vector<std::string> names(const std::variant<Policies...>* /*list*/) {
  return {Policies::kName...};
}
}  // namespace routing_detail

/// The policy of this name.
inline Routing make_routing(const std::string& name, const RoutingParams& params) {
  return routing_detail::make(static_cast<const Routing*>(nullptr), name, params);
}

inline std::vector<std::string> routing_names() {
  return routing_detail::names(static_cast<const Routing*>(nullptr));
}

}  // namespace emu
