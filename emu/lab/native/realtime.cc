// SPDX-License-Identifier: Apache-2.0
// The traffic manager in time: when the engine goes on, when a frame goes into
// a pipeline, and what happens when something is not there by its moment.
//
// Fabric time follows the wall clock at 1/D, with two exceptions. When this
// process itself was kept from running, fabric time does not jump: it goes on
// from where it stood (a slip). And where asked for, it waits a while for a
// pipeline (a hold). Both are counted.
#include <algorithm>

#include "emu/lab/native/traffic_manager.h"

namespace emu::lab {

namespace {
constexpr double kPsPerNs = 1000;
}  // namespace

std::int64_t TrafficManager::wall_of(Ps at) const {
  return base_ns_ + static_cast<std::int64_t>(static_cast<double>(at - base_ps_) *
                                              params_.dilation / kPsPerNs);
}

void TrafficManager::schedule(Ps at, std::function<void()> action) {
  actions_.push({at, ++order_, std::move(action)});
}

void TrafficManager::act() {
  while (!actions_.empty() && actions_.top().at <= engine_.now()) {
    const std::function<void()> call = actions_.top().call;
    actions_.pop();
    call();
  }
  follow_carrier();
}

/// The nodes at both ends of a link see it go down and come back. The network knows what they
/// have seen: another engine may have run on it before this one.
void TrafficManager::follow_carrier() {
  for (std::uint32_t port = 0; port < engine_.ports().size(); ++port) {
    network_.set_carrier(port, engine_.ports()[port].link_up);
  }
}

void TrafficManager::flush_due() {
  const Ps now = engine_.now();
  while (!due_.empty() && due_.top().at <= now) {
    const Due due = due_.top();
    due_.pop();
    Flight& flight = flights_[due.flight];
    if (flight.order != due.order) continue;  // its link died
    if (flight.state == State::kDelivery) {
      deliver(due.flight);
      continue;
    }
    flight.arrived = true;
    if (flight.crossed && !flight.injected) inject(due.flight);
  }
}

/// Forgets flights whose copies can no longer come, and gives up lost ones.
void TrafficManager::expire() {
  const std::int64_t wall = clock_.now_ns();
  std::size_t left = leaving_.size();
  // Two kinds of deadline share the queue, so the front is not always the first.
  while (left-- > 0 && !leaving_.empty()) {
    const auto [at, number] = leaving_.front();
    if (at > wall) break;
    leaving_.pop_front();
    const State state = flights_[number].state;
    if (state == State::kLate) {
      give_up(number);
    } else if (state == State::kGone) {
      free_flight(number);
    }
  }
}

/// The farthest that the engine may go: `target`, or the moment of a packet
/// that is worth waiting for.
Ps TrafficManager::hold_back(Ps target) {
  const std::int64_t wall = clock_.now_ns();
  while (!inside_.empty() && inside_.top().first < target) {
    const auto [at, number] = inside_.top();
    Flight& flight = flights_[number];
    const bool waiting = flight.state == State::kWaiting && flight.at == at;
    if (!waiting || params_.hold_ns == 0 || !flight.own || suspect_[flight.in_port] != 0) {
      inside_.pop();
      continue;
    }
    if (!flight.held) {
      flight.held = true;
      flight.held_since_ns = wall;
    } else if (wall - flight.held_since_ns > params_.hold_ns) {
      inside_.pop();
      continue;
    }
    return at;
  }
  return target;
}

/// The next moment at which something is to be done.
Ps TrafficManager::next_moment() {
  Ps next = engine_.next_work();
  if (!due_.empty()) next = std::min(next, due_.top().at);
  if (!actions_.empty()) next = std::min(next, actions_.top().at);
  if (params_.sample_ps > 0) next = std::min(next, next_sample_);
  return next;
}

bool TrafficManager::run(Ps until, bool stop_when_done, std::int64_t wall_ns) {
  std::int64_t wall = clock_.now_ns();
  const std::int64_t end_ns = wall + wall_ns;
  follow_carrier();
  if (!started_) {
    started_ = true;
    base_ps_ = engine_.now();
    base_ns_ = wall;
    next_sample_ = params_.sample_ps;
  }
  const Network::Receiver receiver = [this](std::uint32_t port, const std::uint8_t* frame,
                                            std::size_t n) { received(port, frame, n); };
  while (engine_.now() < until) {
    if (stop_when_done && engine_.unfinished() == 0) break;
    wall = clock_.now_ns();
    if (wall >= end_ns) return true;
    ++counters_.loops;
    network_.receive(receiver);
    const Ps now = engine_.now();
    auto clock = base_ps_ + static_cast<Ps>(static_cast<double>(wall - base_ns_) * kPsPerNs /
                                            params_.dilation);
    const auto set_back = [&](Ps to, std::int64_t& lost_ns) {
      lost_ns += wall_of(clock) - wall_of(to);
      base_ps_ = clock = to;
      base_ns_ = wall;
    };
    const Ps most = std::max(now, std::min(next_moment(), until)) + step_max_;
    if (clock > most) set_back(most, lateness_.slipped_ns);
    const Ps held = hold_back(clock);
    if (held < clock) set_back(std::max(held, now), lateness_.held_ns);
    Ps target = std::min(clock, until);
    if (!actions_.empty()) target = std::min(target, actions_.top().at);
    if (params_.sample_ps > 0) target = std::min(target, next_sample_);
    if (target > now) engine_.run_until(target, stop_when_done);
    if (!actions_.empty() && actions_.top().at <= engine_.now()) act();
    if (params_.sample_ps > 0 && engine_.now() >= next_sample_) {
      engine_.sample();
      next_sample_ += params_.sample_ps;
    }
    flush_due();
    expire();
    network_.flush();
    if (tap_ != nullptr) tap_->settled(engine_.now());

    const Ps idle = engine_.now() + static_cast<Ps>(static_cast<double>(params_.idle_ns) *
                                                    kPsPerNs / params_.dilation);
    const Ps next = std::min(next_moment(), idle);
    const bool busy = next <= engine_.now() + step_;
    const std::int64_t wake = wall_of(busy ? engine_.now() + step_ : next);
    clock_.sleep_until(std::min(wake, end_ns), !busy);
  }
  network_.flush();
  return false;
}

}  // namespace emu::lab
