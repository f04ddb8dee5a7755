// SPDX-License-Identifier: Apache-2.0
#include "bursts.h"

namespace emu::telemetry {

/// The queue is above the threshold; the packet that brought it there is in it.
Burst& Bursts::begin(std::uint32_t queue) {
  Burst burst;
  burst.port = queue / kPriorities;
  burst.priority = static_cast<std::uint8_t>(queue % kPriorities);
  std::int64_t level = 0;
  for (const Packet& packet : engine_.queues()[queue].packets) {
    if (level > threshold_) break;
    level += packet.bytes;
    burst.start = packet.at;
  }
  open_[queue] = static_cast<std::int32_t>(rows_.size());
  rows_.push_back(std::move(burst));
  return rows_.back();
}

void Bursts::count(Burst& burst, const Packet& packet) {
  ++burst.packets;
  const std::uint32_t flow = finder_.flow_of(packet);
  if (flow != kNone) burst.flows.add(flow, packet.bytes);
}

void Bursts::end(std::uint32_t queue, Ps now, bool over) {
  Burst& burst = rows_[static_cast<std::size_t>(open_[queue])];
  burst.end = now;
  burst.over = over;
  open_[queue] = -1;
}

void Bursts::departs(std::uint32_t port, const Packet& packet, Ps start) {
  const std::uint32_t number = port * kPriorities + packet.current_priority();
  const EgressQueue& queue = engine_.queues()[number];
  const std::int64_t before = queue.bytes + packet.bytes;
  if (open_[number] < 0 && before <= threshold_) [[likely]]
    return;
  Burst& burst = open_[number] < 0 ? begin(number) : rows_[static_cast<std::size_t>(open_[number])];
  if (before > burst.peak_bytes) {
    burst.peak_bytes = before;
    burst.peak_at = queue.packets.back().at;
  }
  count(burst, packet);
  if (queue.bytes > threshold_) return;
  bool first = true;  // in a switch it is this one
  for (const Packet& queued : queue.packets) {
    if (!first) count(burst, queued);
    first = false;
  }
  end(number, start, true);
}

void Bursts::flushes(std::uint32_t port, Ps now) {
  for (std::uint32_t p = 0; p < kPriorities; ++p) {
    const std::uint32_t number = port * kPriorities + p;
    const EgressQueue& queue = engine_.queues()[number];
    if (open_[number] < 0 && queue.bytes <= threshold_) continue;
    Burst& burst =
        open_[number] < 0 ? begin(number) : rows_[static_cast<std::size_t>(open_[number])];
    if (queue.bytes > burst.peak_bytes) {
      burst.peak_bytes = queue.bytes;
      burst.peak_at = queue.packets.back().at;
    }
    for (const Packet& packet : queue.packets) count(burst, packet);
    end(number, now, true);
  }
}

void Bursts::finish(Ps now) {
  const std::uint32_t first = engine_.switches().empty() ? 0 : engine_.switches()[0].first_port;
  for (std::uint32_t port = first; port < engine_.ports().size(); ++port) flushes(port, now);
  for (Burst& burst : rows_) {
    if (burst.end == now) burst.over = false;
  }
}

}  // namespace emu::telemetry
