// SPDX-License-Identifier: Apache-2.0
// The loop over windows, by one thread or by several.
//
// Between windows one thread is at work: it brings what lanes have for each other
// to where it will be looked for, and settles what no node may decide alone.
#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "engine.h"
#include "partition.h"

namespace emu {

namespace {
/// Between two questions whether to go on: a tenth of a second or so.
constexpr std::uint64_t kHopsPerLook = 1 << 20;
/// After a window with fewer packet-hops the next one is visited by one thread:
/// waking the others takes longer.
constexpr std::uint64_t kHopsAlone = 128;
constexpr std::uint32_t kSlotsPerWord = 64;  // of a calendar
}  // namespace

void Engine::set_threads(std::uint32_t threads) {
  if (!lanes_.empty()) throw std::logic_error("threads are set before finish_build()");
  if (threads == 0) throw std::invalid_argument("there is at least one thread");
  threads_ = threads;
}

/// Deals the nodes out, and gives each its turn.
void Engine::make_lanes() {
  // Who has remote state reads the tables of other switches, which a bridge writes.
  const bool bridged = std::any_of(tables_.switches.begin(), tables_.switches.end(),
                                   [](const SwitchTables& table) { return table.bridged; });
  if (bridged && remote_.interval_ps != 0) threads_ = 1;
  const std::vector<std::uint16_t> lane = deal_nodes(nodes_, ports_, threads_);
  turns_.clear();
  std::vector<std::pair<std::uint32_t, std::uint32_t>> slots;
  for (std::uint32_t number = 0; number < threads_; ++number) {
    const auto first = static_cast<std::uint32_t>(turns_.size());
    for (NodeRef& node : nodes_) {
      if (lane[node.node] != number) continue;
      node.lane = lane[node.node];
      node.slot = static_cast<std::uint32_t>(turns_.size());
      turns_.push_back(node);
    }
    // A word of a calendar belongs to one lane.
    const std::size_t words = (turns_.size() + kSlotsPerWord - 1) / kSlotsPerWord;
    if (threads_ > 1) turns_.resize(words * kSlotsPerWord);
    slots.emplace_back(first, static_cast<std::uint32_t>(turns_.size()));
  }
  for (Port& port : ports_) port.peer_slot = nodes_[port.peer_node].slot;
  for (const auto& [first, end] : slots) {
    lanes_.push_back(std::make_unique<Lane>(static_cast<std::uint16_t>(lanes_.size()),
                                            static_cast<std::uint32_t>(turns_.size()), first, end,
                                            window_ps_));
  }
  for (const auto& own : lanes_) {
    for (const auto& other : lanes_) own->meet(*other);
  }
}

Shared Engine::shared() {
  Shared shared;
  static_cast<Settings&>(shared) = *this;
  shared.hash_words_ = hash_words_;
  shared.nodes_ = nodes_;
  shared.turns_ = turns_;
  shared.pfc_wires_ = pfc_wires_;
  shared.pfc_coming_ = pfc_coming_;
  shared.endpoints_ = endpoints_;
  shared.nic_ports_ = nic_ports_;
  shared.switches_ = switches_;
  shared.ports_ = ports_;
  shared.drops_ = drops_;
  shared.queues_ = queues_;
  shared.pgs_ = pgs_;
  shared.hole_routes_ = hole_routes_;
  shared.codeword_loss_ = codeword_loss_;
  shared.switch_profiles_ = switch_profiles_;
  shared.nic_profiles_ = nic_profiles_;
  shared.ecn_profiles_ = ecn_profiles_;
  shared.receive_ps_ = receive_ps_;
  shared.tables_ = &tables_;
  shared.remote_ = &remote_;
  shared.qps_ = qps_;
  shared.send_ = send_;
  shared.recv_ = recv_;
  shared.cc_ = cc_;
  shared.any_order_ = any_order_;
  shared.entropy_source_ = entropy_source_;
  shared.pins_ = pins_;
  shared.messages_ = messages_;
  return shared;
}

/// The lane of a node, for what is done to the node between windows.
Lane& Engine::lane_of(std::uint32_t node) {
  Lane& lane = *lanes_[nodes_[node].lane];
  lane.see(shared());
  return lane;
}

void Engine::run_until(Ps until, bool stop_when_done) {
  for (Ps poll = next_watchdog_poll(); poll < until; poll = next_watchdog_poll()) {
    run_windows(poll, stop_when_done);
    if (now_ < poll) return;
    poll_watchdogs();
  }
  run_windows(until, stop_when_done);
}

/// What waits between lanes goes to where it is looked for, in an order that does
/// not depend on how many there are.
void Engine::collect() {
  const Lane& first = *lanes_.front();
  if (first.alone_ && first.events_.empty() && first.failures_.empty()) [[likely]]
    return;
  for (const auto& lane : lanes_) {
    for (const std::uint32_t qp : lane->failures_) settle_failure(*lane, qp);
    lane->failures_.clear();
  }
  if (lanes_.size() > 1) {
    for (const auto& lane : lanes_) exchange(*lane);
  }
  const std::size_t before = events_.size();
  for (const auto& lane : lanes_) {
    if (lane->events_.empty()) [[likely]]
      continue;
    events_.insert(events_.end(), lane->events_.begin(), lane->events_.end());
    lane->events_.clear();
  }
  if (events_.size() - before < 2) [[likely]]
    return;
  std::sort(events_.begin() + static_cast<std::ptrdiff_t>(before), events_.end(),
            [](const Event& a, const Event& b) {
              return std::tie(a.at, a.node, a.port, a.kind, a.detail) <
                     std::tie(b.at, b.node, b.port, b.kind, b.detail);
            });
}

/// A queue pair has given up: both ends know from here on.
void Engine::settle_failure(Lane& lane, std::uint32_t number) {
  QueuePair& qp = qps_[number];
  qp.failed = true;
  send_[number].state = SendState::kFailed;
  lane.ended_ += std::exchange(qp.expected, 0);
  for (std::uint32_t m = qp.first_message; m != kNone; m = messages_[m].next) {
    Message& message = messages_[m];
    const bool done = (done_when_acked_ ? message.acked : message.end) >= 0;
    if (message.failed || done) continue;
    message.failed = message.end < 0;
    ++lane.ended_;
  }
}

/// Delivers what a lane has for others.
void Engine::exchange(Lane& from) {
  Outbox& out = from.out_;
  for (const auto& [port, frame] : out.pauses) from.expect_pause(ports_[port], frame);
  for (const auto& [qp, echo] : out.echoes) any_order_[qp].placement.echoes.push(echo);
  for (const auto& [qp, mark] : out.marks) any_order_[qp].placement.acks.push(mark);
  for (const auto& [port, packet, reason] : out.drops) {
    lanes_[nodes_[ports_[port].node].lane]->count_drop(port, packet, reason);
  }
  for (const Sighting& sighting : out.sightings) {
    observer_->see(sighting, from.calendar_.start());
  }
  out.clear();
  for (std::size_t to = 0; to < lanes_.size(); ++to) lanes_[to]->pool_.take_back(out.chunks[to]);
}

std::uint64_t Engine::hops() const {
  std::uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->totals_.packet_hops;
  return sum;
}

bool Engine::idle() const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [](const auto& lane) { return lane->calendar_.idle(); });
}

/// All turns of the current window up to `limit`, which is its end unless `partial`.
void Engine::visit(Ps limit, bool partial) {
  for (const auto& lane : lanes_) lane->begin_window();
  if (lanes_.size() == 1) [[likely]] {
    lanes_.front()->visit(limit, partial);
    return;
  }
  const std::uint64_t before = hops();
  auto work = [&](std::uint32_t number) { lanes_[number]->visit(limit, partial); };
  if (hops_of_window_ >= kHopsAlone) {
    if (!crew_) crew_ = std::make_unique<Crew>(static_cast<std::uint32_t>(lanes_.size()));
    crew_->run(work);
  } else {
    for (std::uint32_t number = 0; number < lanes_.size(); ++number) work(number);
  }
  hops_of_window_ = hops() - before;
}

void Engine::run_windows(Ps until, bool stop_when_done) {
  for (Switch& sw : switches_) note_routes(sw);  // tables and links change between calls
  const Shared seen = shared();
  for (const auto& lane : lanes_) lane->see(seen);
  collect();
  const Calendar& calendar = lanes_.front()->calendar_;  // they keep the same time
  while (now_ < until) {
    if (stop_when_done && unfinished() == 0) return;
    if (const std::uint64_t sum = hops(); sum >= looks_at_hops_) [[unlikely]] {
      looks_at_hops_ = sum + kHopsPerLook;
      if (interrupted_ && interrupted_()) return;
    }
    const Ps next = next_work();
    if (next >= until) {
      now_ = until;
      return;
    }
    if (remote_.interval_ps != 0) [[unlikely]] {
      const bool idle = this->idle();
      if (now_ >= remote_.next_ps || (idle && next > remote_.next_ps)) {
        publish_grades(idle ? next : now_);
        collect();
      }
    }
    if (idle()) {
      for (const auto& lane : lanes_) lane->calendar_.skip_to(next);
    }
    Ps limit = std::min(calendar.end(), until);
    if (remote_.interval_ps != 0) [[unlikely]]
      limit = std::min(limit, remote_.next_ps);
    while (!posts_.empty() && std::get<0>(posts_.top()) < limit) {
      const auto [at, number, slot] = posts_.top();
      posts_.pop();
      const QueuePair& qp = qps_[messages_[slot].qp];
      Endpoint& ep = endpoints_[qp.verb == Verb::kRead ? qp.dst : qp.src];
      lanes_[nodes_[ep.node].lane]->arm(ep, at, TimerKind::kPost, number, slot);
    }
    const bool partial = limit < calendar.end();
    visit(limit, partial);
    collect();
    now_ = limit;
    for (const auto& lane : lanes_) {
      lane->now_ = limit;
      if (!partial) lane->calendar_.advance();
    }
  }
}

}  // namespace emu
