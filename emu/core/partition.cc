// SPDX-License-Identifier: Apache-2.0
#include "partition.h"

#include <algorithm>
#include <numeric>

namespace emu {

namespace {
constexpr std::uint32_t kFar = ~std::uint32_t{0};

/// Hops from the nearest endpoint.
std::vector<std::uint32_t> tiers_of(const std::vector<NodeRef>& nodes,
                                    const LargeVector<Port>& ports) {
  std::vector<std::uint32_t> tier(nodes.size(), kFar);
  std::vector<std::uint32_t> reached;
  for (const NodeRef& node : nodes) {
    if (node.is_switch) continue;
    tier[node.node] = 0;
    reached.push_back(node.node);
  }
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const NodeRef& node = nodes[reached[i]];
    for (std::uint32_t p = 0; p < node.ports; ++p) {
      const std::uint32_t peer = ports[node.first_port + p].peer_node;
      if (tier[peer] != kFar) continue;
      tier[peer] = tier[node.node] + 1;
      reached.push_back(peer);
    }
  }
  return tier;
}
}  // namespace

std::vector<std::uint16_t> deal_nodes(const std::vector<NodeRef>& nodes,
                                      const LargeVector<Port>& ports, std::uint32_t lanes) {
  std::vector<std::uint16_t> lane(nodes.size(), 0);
  const std::vector<std::uint32_t> tier = tiers_of(nodes, ports);
  std::vector<std::uint64_t> weight(nodes.size());
  std::vector<std::uint32_t> leaf(nodes.size(), kFar);  // of an endpoint
  for (const NodeRef& node : nodes) {
    weight[node.node] += node.ports;
    if (node.is_switch) continue;
    const std::uint32_t peer = ports[node.first_port].peer_node;
    if (!nodes[peer].is_switch) continue;
    leaf[node.node] = peer;
    weight[peer] += std::exchange(weight[node.node], 0);
  }
  std::vector<std::uint32_t> order(nodes.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return tier[a] < tier[b]; });
  for (auto first = order.begin(); first != order.end();) {
    const auto last =
        std::find_if(first, order.end(), [&](auto node) { return tier[node] != tier[*first]; });
    std::uint64_t total = 0;
    for (auto node = first; node != last; ++node) total += weight[*node];
    std::uint64_t before = 0;
    for (; first != last; ++first) {
      const std::uint64_t middle = 2 * before + weight[*first];
      before += weight[*first];
      if (total != 0) lane[*first] = static_cast<std::uint16_t>(middle * lanes / (2 * total));
      lane[*first] = std::min(lane[*first], static_cast<std::uint16_t>(lanes - 1));
    }
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (leaf[i] != kFar) lane[i] = lane[leaf[i]];
  }
  return lane;
}

}  // namespace emu
