// SPDX-License-Identifier: Apache-2.0
// The state of one switch: its buffer, its tables, and what it has to do while
// it holds somebody in XOFF.
//
// Invariant: while in_order is set, due_at names for every port with packets
// the start of its next one, or an earlier time; a port that is missing there
// has nothing to send before something else is enqueued or resumes.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "forwarding.h"
#include "mmu.h"
#include "port.h"
#include "routing/registry.h"
#include "scheduler.h"
#include "units.h"
#include "watchdog.h"

namespace emu {

struct SwitchProfile {
  MmuParams mmu;
  SchedulerParams scheduler;
  Ps pipeline_ps = 0;
  bool cut_through = false;
  std::uint32_t pfc_quanta = 0xFFFF;
  WatchdogParams watchdog;
};

/// Buffer of one flooded packet, shared by its copies.
struct Replication {
  std::uint32_t copies = 0;
  std::uint16_t ingress = 0;
  std::int64_t size = 0;
};

struct Switch {
  std::uint32_t node = 0;
  std::uint32_t row = 0;  // among the switches
  std::uint32_t first_port = 0;
  std::uint32_t ports = 0;
  std::uint32_t profile = 0;
  // Its rows of the engine's arrays, which stand still after finish_build().
  Port* port = nullptr;            // by index
  EgressQueue* queue = nullptr;    // index * 8 + priority
  PriorityGroup* group = nullptr;  // index * 8 + priority
  const SwitchTables* table = nullptr;
  const SwitchProfile* chip = nullptr;
  Routing routing{Ecmp({})};  // asked only if the table does not say by_hash
  bool routes = false;        // its tables alone say where packets go, whenever they come
  bool plain = false;         // that, and nobody looks closer at any of its links
  bool in_order = false;      // a priority group is in XOFF: departures run in time order
  bool stopping = false;      // that, or there are refreshes
  Mmu mmu;
  std::vector<std::uint64_t> active;  // bit by port: egress queues may hold packets
  std::vector<std::uint64_t> heard;   // bit by port: some have come in this window
  std::uint32_t seen = 0;             // bit p: packets of priority p have come in
  std::vector<std::uint32_t> xoff;    // priority groups (index * 8 + priority) in XOFF
  std::int64_t xoff_usage_min = 0;    // of those with empty headroom, none uses less
  // While a group is in XOFF, ports by the start of their next packet. An entry
  // counts if it is the one in due_at; a start may turn out later, never earlier.
  using Due = std::pair<Ps, std::uint32_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due;
  std::vector<Ps> due_at;  // by port
  using Refresh = std::pair<Ps, std::uint32_t>;
  std::priority_queue<Refresh, std::vector<Refresh>, std::greater<>> refresh;
  std::vector<Replication> replications;
  std::vector<std::uint32_t> free_replications;
  std::uint64_t flooded_packets = 0;
  std::uint64_t marked_packets = 0;
  std::vector<std::uint16_t> forgotten;  // ECN profiles by port, while it marks nothing
};

}  // namespace emu
