// SPDX-License-Identifier: Apache-2.0
// What those that visit nodes see of the fabric: its settings, and its arrays
// without the right to make them longer.
//
// Invariant: while nodes are visited no array grows and no setting changes. What
// stands in a row is written by the lane of the node that it belongs to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ecn.h"
#include "endpoint.h"
#include "forwarding.h"
#include "observer.h"
#include "outside.h"
#include "port.h"
#include "recorder.h"
#include "remote.h"
#include "ring.h"
#include "switch.h"
#include "transport.h"

namespace emu {

struct NodeRef {
  std::uint32_t node = 0;
  std::uint32_t index = 0;  // among endpoints or switches
  std::uint32_t first_port = 0;
  std::uint32_t ports = 0;
  std::uint32_t wire_word = 0;  // first word of its flags in pfc_coming_
  std::uint32_t slot = 0;       // its turn in a window: lanes one after the other, then nodes
  std::uint16_t lane = 0;
  bool is_switch = false;
};

struct ArpPlan {
  Ps period_ps = 0;  // 0: none
  std::uint16_t bytes = 64;
  std::uint8_t priority = 0;
};

/// A frame that lies in n + 1 codewords is lost with lost_q32[n].
struct CodewordLoss {
  std::uint32_t bytes = 1;  // of frames that a codeword carries
  std::vector<std::uint64_t> lost_q32;
};

/// What holds for the whole fabric.
struct Settings {
  std::uint64_t seed_ = 0;
  Ps now_ = 0;
  Framing framing_;
  ArpPlan arp_;
  bool pauses_hold_ = false;
  bool turns_by_due_ = false;
  bool done_when_acked_ = false;
  bool sprays_ = false;                      // data packets have entropy values
  std::uint32_t middle_header_bytes_ = 0;    // of a data packet in the middle of its message
  std::array<std::int16_t, 256> headers_{};  // of frames by kind and flags: see header_row()
  Outside* outside_ = nullptr;
  Observer* observer_ = nullptr;
  Recorder* recorder_ = nullptr;

  /// Does the packet have an entropy value of its own in its lowest 14 bits?
  bool sprayed(const Packet& packet) const { return sprays_ && carries_data(packet.kind); }
};

/// An array that somebody else owns.
template <typename T>
class View {
 public:
  View() = default;
  template <typename Array>
  View(Array& array) : data_(array.data()), size_(array.size()) {}
  T& operator[](std::size_t i) const { return data_[i]; }
  T* data() const { return data_; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

struct Shared : Settings {
  View<const std::uint32_t> hash_words_;
  View<const NodeRef> nodes_;
  View<const NodeRef> turns_;       // by slot
  View<Ring<PfcFrame>> pfc_wires_;  // by port: pause frames on the way to it
  View<std::uint64_t> pfc_coming_;  // by node, bit by port: there are some
  View<Endpoint> endpoints_;
  View<NicPort> nic_ports_;  // by port number: endpoints come first
  View<Switch> switches_;
  View<Port> ports_;
  View<DropCounts> drops_;                              // by port
  View<EgressQueue> queues_;                            // port * 8 + priority
  View<PriorityGroup> pgs_;                             // port * 8 + priority
  View<const std::vector<std::uint16_t>> hole_routes_;  // by port
  View<const CodewordLoss> codeword_loss_;              // by port
  View<const SwitchProfile> switch_profiles_;
  View<const NicParams> nic_profiles_;
  View<const EcnProfile> ecn_profiles_;
  View<const Ps> receive_ps_;  // by node: pipeline or NIC latency
  ForwardingTables* tables_ = nullptr;
  const RemoteState* remote_ = nullptr;
  View<QueuePair> qps_;
  View<SendQp> send_;
  View<RecvQp> recv_;
  View<Cc::State> cc_;
  View<AnyOrder> any_order_;
  View<EntropySource> entropy_source_;
  View<const std::uint32_t> pins_;
  View<Message> messages_;  // slots
};

}  // namespace emu
