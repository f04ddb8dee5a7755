// SPDX-License-Identifier: Apache-2.0
#include "deadlock.h"

#include <algorithm>

#include "engine.h"

namespace emu {

std::vector<std::uint32_t> DeadlockWatch::look(std::vector<StoppedQueue> stopped, Ps now) {
  std::vector<std::uint32_t> stuck;
  auto before = stopped_.begin();
  for (StoppedQueue& queue : stopped) {
    while (before != stopped_.end() && before->number < queue.number) ++before;
    if (before != stopped_.end() && before->number == queue.number &&
        before->tx_packets == queue.tx_packets) {
      queue.since = before->since;
    }
    if (now - queue.since >= kDeadlockPs) stuck.push_back(queue.number);
  }
  stopped_ = std::move(stopped);
  return stuck;
}

std::vector<QueueCircle> DeadlockWatch::fresh(std::vector<QueueCircle> circles) {
  std::vector<QueueCircle> added;
  for (const QueueCircle& circle : circles) {
    if (std::find(standing_.begin(), standing_.end(), circle) == standing_.end()) {
      added.push_back(circle);
    }
  }
  standing_ = std::move(circles);
  return added;
}

std::vector<QueueCircle> circles_of(const std::vector<std::vector<std::uint32_t>>& next) {
  const auto n = static_cast<std::uint32_t>(next.size());
  std::vector<bool> gone(n, false);
  std::vector<QueueCircle> circles;
  for (;;) {
    // What waits for nothing that is left is in no circle.
    for (bool again = true; again;) {
      again = false;
      for (std::uint32_t i = 0; i < n; ++i) {
        const auto left = [&](std::uint32_t j) { return !gone[j]; };
        if (gone[i] || std::any_of(next[i].begin(), next[i].end(), left)) continue;
        gone[i] = again = true;
      }
    }
    const auto first = std::find(gone.begin(), gone.end(), false);
    if (first == gone.end()) return circles;
    // From any node that is left a walk comes back to where it has been.
    QueueCircle path{static_cast<std::uint32_t>(first - gone.begin())};
    for (;;) {
      const auto& ways = next[path.back()];
      const auto way = std::find_if(ways.begin(), ways.end(), [&](auto j) { return !gone[j]; });
      const auto seen = std::find(path.begin(), path.end(), *way);
      if (seen == path.end()) {
        path.push_back(*way);
        continue;
      }
      path.erase(path.begin(), seen);
      break;
    }
    std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());
    for (const std::uint32_t i : path) gone[i] = true;
    circles.push_back(std::move(path));
  }
}

/// Does the egress queue hold packets that came in by this port and priority?
bool Engine::holds_from(std::uint32_t number, std::uint32_t port, std::uint32_t priority) const {
  const Switch& sw = switches_[nodes_[ports_[port].node].index];
  for (const Packet& packet : queues_[number].packets) {
    std::uint16_t tag = packet.ingress;
    if (IngressTag::replicated(tag)) tag = sw.replications[IngressTag::replication(tag)].ingress;
    if (IngressTag::port(tag) == ports_[port].index && IngressTag::priority(tag) == priority) {
      return true;
    }
  }
  return false;
}

/// Looks for circles of stopped queues at now() and records the new ones.
void Engine::look_for_deadlocks() {
  std::vector<StoppedQueue> stopped;
  for (std::uint32_t number = 0; number < ports_.size(); ++number) {
    const Port& port = ports_[number];
    if (port.paused == 0 || !nodes_[port.node].is_switch || !nodes_[port.peer_node].is_switch) {
      continue;
    }
    for (std::uint32_t p = 0; p < kPriorities; ++p) {
      const std::uint32_t q = number * kPriorities + p;
      const EgressQueue& queue = queues_[q];
      if ((port.paused >> p & 1) == 0 || queue.paused_until <= now_ || queue.packets.empty()) {
        continue;
      }
      stopped.push_back({q, queue.tx_packets, now_});
    }
  }
  const std::vector<std::uint32_t> stuck = deadlocks_.look(std::move(stopped), now_);
  std::vector<std::vector<std::uint32_t>> next(stuck.size());
  for (std::size_t i = 0; i < stuck.size(); ++i) {
    const std::uint32_t far = ports_[stuck[i] / kPriorities].peer;
    const std::uint32_t priority = stuck[i] % kPriorities;
    for (std::uint32_t j = 0; j < stuck.size(); ++j) {
      if (ports_[stuck[j] / kPriorities].node != ports_[far].node) continue;
      if (holds_from(stuck[j], far, priority)) next[i].push_back(j);
    }
  }
  std::vector<QueueCircle> circles = circles_of(next);
  for (QueueCircle& circle : circles) {
    for (std::uint32_t& i : circle) i = stuck[i];
  }
  for (const QueueCircle& circle : deadlocks_.fresh(std::move(circles))) {
    for (const std::uint32_t q : circle) {
      events_.push_back({now_, EventKind::kDeadlock, ports_[q / kPriorities].node, q / kPriorities,
                         q % kPriorities | deadlocks_found_ << 8});
    }
    ++deadlocks_found_;
  }
}

}  // namespace emu
