// SPDX-License-Identifier: Apache-2.0
// All state of one simulated fabric, in flat arrays that the engine's parts
// share: what each part does with it stands in that part's own file. shared.h says
// what is in the arrays.
//
// Invariant: ports are numbered node by node, endpoints first; what belongs to
// a port, a queue (port * 8 + priority) or a queue pair stands in its row.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <tuple>
#include <vector>

#include "counters.h"
#include "crew.h"
#include "deadlock.h"
#include "lane.h"
#include "large.h"
#include "shared.h"
#include "watchdog.h"

namespace emu {

class EngineState : protected Settings {
 protected:
  Ps window_ps_ = 1;
  std::vector<std::uint32_t> hash_words_;  // see set_hash_words()
  std::vector<NodeRef> nodes_;
  std::vector<NodeRef> turns_;  // the same by slot
  std::uint32_t threads_ = 1;
  std::vector<std::unique_ptr<Lane>> lanes_;  // as many as threads
  std::unique_ptr<Crew> crew_;                // once there was work for it
  std::uint64_t hops_of_window_ = 0;          // packet-hops in the last window, if they count
  std::vector<Ring<PfcFrame>> pfc_wires_;
  std::vector<std::uint64_t> pfc_coming_;
  std::vector<Endpoint> endpoints_;
  std::vector<NicPort> nic_ports_;
  std::vector<Switch> switches_;
  LargeVector<Port> ports_;
  std::vector<DropCounts> drops_;
  LargeVector<EgressQueue> queues_;
  LargeVector<PriorityGroup> pgs_;
  std::vector<std::vector<std::uint16_t>> hole_routes_;  // rarely used
  std::vector<CodewordLoss> codeword_loss_;              // empty until one fails
  std::vector<SwitchProfile> switch_profiles_;
  std::vector<NicParams> nic_profiles_;
  std::vector<EcnProfile> ecn_profiles_;
  std::uint16_t unmarked_profile_ = 0;  // of a switch that has forgotten its own
  std::vector<Ps> receive_ps_;
  std::vector<Ps> reaction_ps_;  // by port: PFC reaction
  ForwardingTables tables_;
  RemoteState remote_;

  std::vector<QueuePair> qps_;
  std::vector<SendQp> send_;
  std::vector<RecvQp> recv_;
  std::vector<Cc::State> cc_;
  std::vector<AnyOrder> any_order_;            // by queue pair, unless all go back N
  std::vector<EntropySource> entropy_source_;  // by queue pair, if NICs spray
  std::vector<std::uint32_t> pins_;            // by queue pair: its path, where chosen
  std::vector<Message> messages_;
  std::vector<std::uint32_t> free_messages_;  // slots of retired ones
  std::uint32_t posted_ = 0;
  using Posted = std::tuple<Ps, std::uint32_t, std::uint32_t>;  // when, number, slot
  std::priority_queue<Posted, std::vector<Posted>, std::greater<>> posts_;
  std::uint64_t unfinished_ = 0;       // that lanes have not counted as ended
  std::function<bool()> interrupted_;  // asked every kHopsPerLook packet-hops
  std::uint64_t looks_at_hops_ = 0;

  std::uint32_t deadlocks_found_ = 0;
  std::vector<QueueSample> queue_samples_;
  std::vector<SeriesSample> series_;
  std::vector<Event> events_;
  std::vector<Watchdog> watchdogs_;  // one for each switch profile that has one
  DeadlockWatch deadlocks_;
  std::vector<std::int64_t> watermarks_;  // by queue, taken so far; empty: none was taken
};

}  // namespace emu
