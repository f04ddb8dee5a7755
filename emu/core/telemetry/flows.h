// SPDX-License-Identifier: Apache-2.0
// Which flow a packet belongs to, and lists of flows with their bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../engine.h"

namespace emu::telemetry {

/// Flow (number of its message) and bytes of it.
struct Share {
  std::uint32_t flow = 0;
  std::int64_t bytes = 0;
};

/// Bytes by flow. Few flows meet in one queue, and often by turns, so a list is
/// searched from behind the last one found.
class Shares {
 public:
  void add(std::uint32_t flow, std::int64_t bytes) {
    for (std::size_t looked = 0; looked < list_.size(); ++looked) {
      if (++at_ >= list_.size()) at_ = 0;
      if (list_[at_].flow != flow) continue;
      list_[at_].bytes += bytes;
      return;
    }
    list_.push_back({flow, bytes});
    at_ = list_.size() - 1;
  }
  bool has(std::uint32_t flow) const {
    return std::any_of(list_.begin(), list_.end(), [&](const Share& s) { return s.flow == flow; });
  }
  /// The largest first; of equal ones the flow with the lower number.
  std::vector<Share> sorted() const {
    std::vector<Share> out = list_;
    std::sort(out.begin(), out.end(), [](const Share& a, const Share& b) {
      return a.bytes != b.bytes ? a.bytes > b.bytes : a.flow < b.flow;
    });
    return out;
  }
  bool empty() const { return list_.empty(); }

 private:
  std::vector<Share> list_;
  std::size_t at_ = 0;
};

/// The message of a queue pair that holds a PSN: the one asked for last or one
/// near it, almost always.
class FlowFinder {
 public:
  explicit FlowFinder(const Engine& engine) : engine_(engine) {}

  /// kNone for what belongs to no flow.
  std::uint32_t flow_of(const Packet& packet) {
    return carries_data(packet.kind) ? flow_of(packet.qp, packet.psn) : kNone;
  }
  std::uint32_t flow_of(std::uint32_t qp, std::uint32_t psn) {
    const std::vector<Message>& messages = engine_.messages();
    if (at_.size() < engine_.queue_pairs().size()) at_.resize(engine_.queue_pairs().size(), kNone);
    std::uint32_t& at = at_[qp];
    if (at == kNone) at = engine_.queue_pairs()[qp].first_message;
    if (at == kNone) return kNone;
    while (psn < messages[at].first_psn) at = messages[at].previous;
    while (psn >= messages[at].end_psn() && messages[at].next != kNone) at = messages[at].next;
    return at;
  }

 private:
  const Engine& engine_;
  std::vector<std::uint32_t> at_;  // by queue pair
};

}  // namespace emu::telemetry
