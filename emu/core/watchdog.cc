// SPDX-License-Identifier: Apache-2.0
// What a switch does when its PFC watchdog has found a storm, or its end.
#include "watchdog.h"

#include <algorithm>

#include "engine.h"

namespace emu {

/// Puts the lossless queues of every switch that has a watchdog under watch.
void Engine::watch_queues() {
  for (std::uint32_t profile = 0; profile < switch_profiles_.size(); ++profile) {
    const SwitchProfile& chip = switch_profiles_[profile];
    if (chip.watchdog.poll_ps == 0) continue;
    Watchdog watchdog{chip.watchdog, chip.watchdog.poll_ps, {}};
    for (const Switch& sw : switches_) {
      if (sw.profile != profile) continue;
      for (std::uint32_t row = 0; row < sw.ports * kPriorities; ++row) {
        if (!sw.mmu.lossless(row % kPriorities)) continue;
        watchdog.queues.emplace_back(sw.first_port * kPriorities + row);
      }
    }
    watchdogs_.push_back(std::move(watchdog));
  }
}

Ps Engine::next_watchdog_poll() const {
  Ps next = kNever;
  for (const Watchdog& watchdog : watchdogs_) next = std::min(next, watchdog.next_poll);
  return next;
}

/// All polls that are due at now().
void Engine::poll_watchdogs() {
  for (Watchdog& watchdog : watchdogs_) {
    if (watchdog.next_poll != now_) continue;
    watchdog.next_poll += watchdog.params.poll_ps;
    for (WatchedQueue& watched : watchdog.queues) {
      switch (watched.poll(queues_[watched.number], watchdog.params, now_)) {
        case WatchedQueue::Verdict::kNothing:
          break;
        case WatchedQueue::Verdict::kStorm:
          begin_storm(watched.number, watchdog.params.action);
          break;
        case WatchedQueue::Verdict::kRestored:
          end_storm(watched.number);
          break;
      }
    }
  }
}

void Engine::begin_storm(std::uint32_t number, WatchdogAction action) {
  Port& port = ports_[number / kPriorities];
  EgressQueue& queue = queues_[number];
  events_.push_back(
      {now_, EventKind::kWatchdogStorm, port.node, number / kPriorities, number % kPriorities});
  ++queue.storms;
  if (action == WatchdogAction::kAlert) return;
  queue.obeys_pauses = false;
  queue.pause(now_, now_);  // what waits goes from now on
  if (action == WatchdogAction::kDrop) {
    port.lost |= static_cast<std::uint8_t>(1U << number % kPriorities);
    port.note_impairment();
    port.to->note_impairment();
  }
  Switch& sw = switches_[nodes_[port.node].index];
  Lane& lane = lane_of(port.node);
  if (sw.in_order) lane.note_due(sw, port.index);
  lane.wake(port.node, now_);
}

void Engine::end_storm(std::uint32_t number) {
  Port& port = ports_[number / kPriorities];
  events_.push_back(
      {now_, EventKind::kWatchdogRestored, port.node, number / kPriorities, number % kPriorities});
  EgressQueue& queue = queues_[number];
  ++queue.restored;
  queue.obeys_pauses = true;
  port.lost &= static_cast<std::uint8_t>(~(1U << number % kPriorities));
  port.note_impairment();
  port.to->note_impairment();
}

}  // namespace emu
