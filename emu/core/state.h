// SPDX-License-Identifier: Apache-2.0
// All state of one simulated fabric, in flat arrays that the engine's parts
// share: what each part does with it stands in that part's own file.
//
// Invariant: ports are numbered node by node, endpoints first; what belongs to
// a port, a queue (port * 8 + priority) or a queue pair stands in its row.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "arrivals.h"
#include "counters.h"
#include "deadlock.h"
#include "ecn.h"
#include "endpoint.h"
#include "fifo.h"
#include "forwarding.h"
#include "inbox.h"
#include "large.h"
#include "observer.h"
#include "outside.h"
#include "port.h"
#include "recorder.h"
#include "remote.h"
#include "ring.h"
#include "switch.h"
#include "transport.h"
#include "watchdog.h"
#include "window.h"

namespace emu {

struct NodeRef {
  std::uint32_t index = 0;  // among endpoints or switches
  std::uint32_t first_port = 0;
  std::uint32_t ports = 0;
  std::uint32_t wire_word = 0;  // first word of its flags in pfc_coming_
  bool is_switch = false;
};

struct ArpPlan {
  Ps period_ps = 0;  // 0: none
  std::uint16_t bytes = 64;
  std::uint8_t priority = 0;
};

class EngineState {
 protected:
  std::uint64_t seed_ = 0;
  Ps now_ = 0;
  Ps window_ps_ = 1;
  Framing framing_;
  bool pauses_hold_ = false;
  bool turns_by_due_ = false;
  bool done_when_acked_ = false;
  std::vector<std::uint32_t> hash_words_;  // see set_hash_words()
  Calendar calendar_;
  std::vector<NodeRef> nodes_;
  PacketPool pool_;
  Inboxes inboxes_;
  std::vector<Ring<PfcFrame>> pfc_wires_;  // by port: pause frames on the way to it
  std::vector<std::uint64_t> pfc_coming_;  // by node, bit by port: there are some
  std::vector<Endpoint> endpoints_;
  std::vector<NicPort> nic_ports_;  // by port number: endpoints come first
  std::vector<Switch> switches_;
  LargeVector<Port> ports_;
  std::vector<DropCounts> drops_;                        // by port
  LargeVector<EgressQueue> queues_;                      // port * 8 + priority
  LargeVector<PriorityGroup> pgs_;                       // port * 8 + priority
  std::vector<std::vector<std::uint16_t>> hole_routes_;  // by port, rarely used
  /// A frame that lies in n + 1 codewords is lost with lost_q32[n].
  struct CodewordLoss {
    std::uint32_t bytes = 1;  // of frames that a codeword carries
    std::vector<std::uint64_t> lost_q32;
  };
  std::vector<CodewordLoss> codeword_loss_;  // by port, empty until one fails
  std::vector<SwitchProfile> switch_profiles_;
  std::vector<NicParams> nic_profiles_;
  std::vector<EcnProfile> ecn_profiles_;
  std::uint16_t unmarked_profile_ = 0;  // of a switch that has forgotten its own
  std::vector<Ps> receive_ps_;          // by node: pipeline or NIC latency
  std::vector<Ps> reaction_ps_;         // by port: PFC reaction
  ForwardingTables tables_;
  RemoteState remote_;
  ArpPlan arp_;

  std::vector<QueuePair> qps_;
  std::vector<SendQp> send_;
  std::vector<RecvQp> recv_;
  std::vector<Cc::State> cc_;
  std::vector<AnyOrder> any_order_;            // by queue pair, unless all go back N
  std::vector<EntropySource> entropy_source_;  // by queue pair, if NICs spray
  std::vector<std::uint32_t> pins_;            // by queue pair: its path, where chosen
  bool sprays_ = false;                        // data packets have entropy values
  std::vector<Message> messages_;              // slots
  std::vector<std::uint32_t> free_messages_;   // slots of retired ones
  std::uint32_t posted_ = 0;
  using Posted = std::tuple<Ps, std::uint32_t, std::uint32_t>;  // when, number, slot
  std::priority_queue<Posted, std::vector<Posted>, std::greater<>> posts_;
  std::uint64_t unfinished_ = 0;
  std::function<bool()> interrupted_;  // asked every kHopsPerLook packet-hops
  std::uint64_t looks_at_hops_ = 0;

  Outside* outside_ = nullptr;
  std::vector<Copy> copies_;  // scratch of receive_outside
  Arrivals arrivals_;         // scratch of process_switch: what comes in the window
  std::vector<Packet*> due_;  // scratch of process_endpoint: the same
  std::array<std::uint64_t, IngressTag::kPortsMax / 64> heard_{};  // by port: some came
  std::uint32_t middle_header_bytes_ = 0;    // of a data packet in the middle of its message
  std::array<std::int16_t, 256> headers_{};  // of frames by kind and flags: see header_row()
  Totals totals_;
  std::vector<QueueSample> queue_samples_;
  std::vector<SeriesSample> series_;
  std::vector<Event> events_;
  std::vector<Watchdog> watchdogs_;  // one for each switch profile that has one
  DeadlockWatch deadlocks_;
  Observer* observer_ = nullptr;
  Recorder* recorder_ = nullptr;
  std::vector<std::int64_t> watermarks_;  // by queue, taken so far; empty: none was taken
};

}  // namespace emu
