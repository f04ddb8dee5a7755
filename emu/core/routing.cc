// SPDX-License-Identifier: Apache-2.0
// Which switch picks next hops how, and what switches tell each other.
#include <algorithm>
#include <stdexcept>

#include "buffer.h"
#include "engine.h"
#include "routing/quality.h"

namespace emu {

void Engine::set_routing(std::uint32_t sw, const std::string& policy, const RoutingParams& params) {
  switches_.at(sw).routing = make_routing(policy, params);
  tables_.switches.at(sw).by_hash = policy == Ecmp::kName;
}

void Engine::settle_switches() {
  for (Switch& sw : switches_) lane_of(sw.node).settle_all(sw, now_);
}

void Engine::set_hash_words(std::vector<std::uint32_t> words) {
  hash_words_ = std::move(words);
  for (SwitchTables& table : tables_.switches) table.by_hash = false;
}

void Engine::set_remote_state(Ps interval_ps, std::uint32_t lag, std::int64_t quantum_bytes) {
  if (interval_ps <= 0) throw std::invalid_argument("an interval is longer than nothing");
  remote_.interval_ps = remote_.next_ps = interval_ps;
  remote_.quantum_bytes = quantum_bytes;
  remote_.grades.assign(lag + 1, std::vector<std::uint8_t>(ports_.size()));
  remote_.written = 0;
}

/// Once all tables stand.
void Engine::prepare_remote_state() {
  remote_.peer.assign(ports_.size(), nullptr);
  for (std::size_t number = 0; number < ports_.size(); ++number) {
    const NodeRef& peer = nodes_[ports_[number].peer_node];
    if (peer.is_switch) remote_.peer[number] = tables_.switches[peer.index].fib.data();
  }
  remote_.of_route.assign(std::size_t{kRouteDrop} + 1, kGradeMax);
  remote_.of_route[kRouteLocal] = 0;
  for (std::uint32_t group = 0; group < tables_.groups.size(); ++group) note_remote_grade(group);
}

/// What is known elsewhere of a group: as good as its best member.
void Engine::note_remote_grade(std::uint32_t group) {
  const Groups& groups = tables_.groups;
  const std::vector<std::uint8_t>& grades = remote_.visible();
  std::uint8_t best = kGradeMax;
  if (groups.count(group) == 1) {
    best = grades[groups.pick(group, 0, 0)];
  } else if (groups.count(group) != 0) {
    const Groups::Members members = groups.members(group);
    for (std::uint32_t i = 0; i < members.count; ++i) {
      best = std::min(best, grades[members.ports[i]]);
    }
  }
  remote_.of_route[group] = best;
}

/// Publishes what the queues hold now, and once more for every interval that
/// ends before `idle_until`, until which nothing happens.
void Engine::publish_grades(Ps idle_until) {
  const Ps times = 1 + std::max<Ps>(0, idle_until - remote_.next_ps) / remote_.interval_ps;
  remote_.next_ps += times * remote_.interval_ps;
  std::vector<std::uint8_t> now(ports_.size());
  for (Switch& sw : switches_) {
    lane_of(sw.node).settle_all(sw, now_);
    for (std::uint32_t index = 0; index < sw.ports; ++index) {
      std::int64_t bytes = 0;
      for (std::uint32_t p = 0; p < kPriorities; ++p) {
        bytes += sw.queue[index * kPriorities + p].bytes;
      }
      const bool down = sw.port[index].known_down;
      const std::uint32_t grade = down ? kGradeMax : queue_grade(bytes, remote_.quantum_bytes);
      now[sw.first_port + index] = static_cast<std::uint8_t>(grade);
    }
  }
  const auto rows = static_cast<Ps>(remote_.grades.size());
  for (Ps i = 0; i < std::min(times, rows); ++i) {
    remote_.grades[remote_.written] = now;
    remote_.written = (remote_.written + 1) % remote_.grades.size();
  }
  for (std::uint32_t group = 0; group < tables_.groups.size(); ++group) note_remote_grade(group);
}

}  // namespace emu
