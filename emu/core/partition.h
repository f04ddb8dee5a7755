// SPDX-License-Identifier: Apache-2.0
// Which thread visits which node.
//
// Invariant: the same fabric is dealt out the same way, so a packet of one port
// always comes from one lane. A host goes with its leaf, because that is where
// most of its packets go; of every tier each lane gets nodes that follow each
// other and have about as many ports as those of the other lanes.
#pragma once

#include <cstdint>
#include <vector>

#include "large.h"
#include "port.h"
#include "shared.h"

namespace emu {

/// Lane of every node, below `lanes`. Needs port.peer_node.
std::vector<std::uint16_t> deal_nodes(const std::vector<NodeRef>& nodes,
                                      const LargeVector<Port>& ports, std::uint32_t lanes);

}  // namespace emu
