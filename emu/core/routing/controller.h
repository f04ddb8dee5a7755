// SPDX-License-Identifier: Apache-2.0
// Slots of a controller: flows are hashed into slots, each slot goes through one
// member of the group, and somebody outside points slots at other members.
//
// Invariant: a slot points to a member of its group. When the members change,
// slots stay where their port still is, as with a switch's select group; if a
// port has come (back), all are dealt out anew.
// Source: controllers/adaptive.py, which does the same to OpenFlow switches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "../forwarding.h"
#include "../packet.h"
#include "params.h"

namespace emu {

struct Controlled {
  static constexpr const char* kName = "controller";

  struct Slot {
    std::uint32_t port = 0;    // of the switch
    std::uint32_t member = 0;  // of the group
    std::uint64_t bytes = 0;   // of frames that went through it
  };
  struct Table {
    bool stale = true;                 // the group has other members than `ports`
    std::vector<std::uint32_t> ports;  // of the switch, in the order of the members
    std::vector<Slot> slots;
  };

  explicit Controlled(const RoutingParams& params)
      : slots_(static_cast<std::uint32_t>(params.at("slots"))),
        seed_(static_cast<std::uint64_t>(params.at("seed"))) {}

  template <typename Hops>
  std::uint32_t pick(const Hops& hops, const Packet& packet) {
    const std::uint32_t group = hops.group();
    if (group >= tables_.size()) [[unlikely]]
      tables_.resize(group + 1);
    Table& table = tables_[group];
    if (table.stale) [[unlikely]]
      deal(hops, table);
    Slot& slot = table.slots[hash_member(packet.entropy, seed_, slots_)];
    slot.bytes += packet.bytes;
    return slot.member;
  }
  void forget(std::uint32_t group) {
    if (group < tables_.size()) tables_[group].stale = true;
  }

  /// By group; those that no packet has asked for have no slots.
  const std::vector<Table>& tables() const { return tables_; }
  /// Sends a slot of a group through a port of the switch from now on. Nothing
  /// when the port has left the group meanwhile.
  void point(std::uint32_t group, std::uint32_t number, std::uint32_t port) {
    Table& table = tables_.at(group);
    Slot& slot = table.slots.at(number);
    const auto found = std::find(table.ports.begin(), table.ports.end(), port);
    if (table.stale || found == table.ports.end()) return;
    slot.port = port;
    slot.member = static_cast<std::uint32_t>(found - table.ports.begin());
  }

 private:
  template <typename Hops>
  void deal(const Hops& hops, Table& table) {
    const std::vector<std::uint32_t> old = table.ports;
    table.ports.clear();
    for (std::uint32_t i = 0; i < hops.size(); ++i) table.ports.push_back(hops.port_index(i));
    bool anew = table.slots.empty();
    for (const std::uint32_t port : table.ports) {
      anew = anew || std::find(old.begin(), old.end(), port) == old.end();
    }
    table.slots.resize(slots_);
    for (std::uint32_t number = 0; number < slots_; ++number) {
      Slot& slot = table.slots[number];
      const auto kept = std::find(table.ports.begin(), table.ports.end(), slot.port);
      slot.member = anew || kept == table.ports.end()
                        ? number % hops.size()
                        : static_cast<std::uint32_t>(kept - table.ports.begin());
      slot.port = table.ports[slot.member];
    }
    table.stale = false;
  }

  std::uint32_t slots_;
  std::uint64_t seed_;
  std::vector<Table> tables_;
};

}  // namespace emu
