// SPDX-License-Identifier: Apache-2.0
// Flowlets: a flow that was silent for longer than a gap may take another next
// hop, the one of the best grade of load and queue; otherwise it keeps its own.
//
// Invariant: with a gap above the difference of the paths' delays nothing is
// reordered, since what went before has arrived.
// Sources: CONGA (Alizadeh et al., SIGCOMM 2014) for grades of load; LetFlow
// (Vanini et al., NSDI 2017) for what the gap alone does; switches' dynamic load
// balancing has one flowlet table per group and grades load and queue, 3 bits each.
#pragma once

#include <cstdint>
#include <vector>

#include "../packet.h"
#include "../rng.h"
#include "params.h"
#include "quality.h"

namespace emu {

struct Flowlet {
  static constexpr const char* kName = "flowlet";

  explicit Flowlet(const RoutingParams& params)
      : gap_ps_(params.at("gap_ps")),
        interval_ps_(params.at("load_interval_ps")),
        quantum_bytes_(params.at("quantum_bytes")),
        load_weight_(static_cast<std::uint32_t>(params.at("load_weight"))),
        queue_weight_(static_cast<std::uint32_t>(params.at("queue_weight"))),
        slots_(static_cast<std::uint32_t>(params.at("slots"))),
        seed_(static_cast<std::uint64_t>(params.at("seed"))) {}

  template <typename Hops>
  std::uint32_t pick(const Hops& hops, const Packet& packet) {
    const std::uint32_t group = hops.group();
    if (group >= table_of_.size() || table_of_[group] == 0) [[unlikely]]
      add_table(group);
    const std::uint64_t hash = mix64(seed_ ^ packet.entropy) >> 32;
    Entry& entry = entries_[table_of_[group] - 1 + ((hash * slots_) >> 32)];
    const Ps now = hops.now();
    // Of a port that is down nobody waits for the gap.
    if (now - entry.last > gap_ps_ || !hops.alive(entry.member)) [[unlikely]]
      entry.member = best(hops, packet);
    entry.last = now;
    return entry.member;
  }

  /// The members of a group are others now: its flows begin anew.
  void forget(std::uint32_t group) {
    if (group >= table_of_.size() || table_of_[group] == 0) return;
    for (std::uint32_t i = 0; i < slots_; ++i) entries_[table_of_[group] - 1 + i] = Entry{};
  }

 private:
  struct Entry {
    Ps last = -kNever;
    std::uint32_t member = 0;
  };
  /// Load of one port between the last two times that somebody asked, at least
  /// an interval apart.
  struct Meter {
    Ps at = 0;
    std::uint64_t bytes = 0;
    std::uint32_t grade = 0;
  };

  void add_table(std::uint32_t group) {
    if (group >= table_of_.size()) table_of_.resize(group + 1);
    table_of_[group] = static_cast<std::uint32_t>(entries_.size()) + 1;
    entries_.resize(entries_.size() + slots_);
  }

  template <typename Hops>
  std::uint32_t best(const Hops& hops, const Packet& packet) {
    const std::uint32_t n = hops.size();
    const auto first = static_cast<std::uint32_t>(((mix64(seed_ + draws_++) >> 32) * n) >> 32);
    std::uint32_t chosen = first;
    std::uint32_t least = ~0U;
    for (std::uint32_t k = 0; k < n; ++k) {
      const std::uint32_t i = first + k < n ? first + k : first + k - n;
      if (!hops.alive(i)) continue;
      const std::uint32_t queue = queue_grade(hops.queue_bytes(i, packet), quantum_bytes_);
      const std::uint32_t cost = load_weight_ * load(hops, i, packet) + queue_weight_ * queue;
      if (cost < least) {
        chosen = i;
        least = cost;
      }
    }
    return chosen;
  }

  template <typename Hops>
  std::uint32_t load(const Hops& hops, std::uint32_t i, const Packet& packet) {
    const std::uint32_t port = hops.port_index(i);
    if (port >= meters_.size()) meters_.resize(port + 1);
    Meter& meter = meters_[port];
    const Ps elapsed = hops.now() - meter.at;
    if (elapsed >= interval_ps_) {
      const std::uint64_t bytes = hops.sent_bytes(i, packet);
      const auto grown = static_cast<std::int64_t>(bytes - meter.bytes);
      meter = {hops.now(), bytes, load_grade(hops.time_of(i, grown), elapsed)};
    }
    return meter.grade;
  }

  Ps gap_ps_;
  Ps interval_ps_;
  std::int64_t quantum_bytes_;
  std::uint32_t load_weight_;
  std::uint32_t queue_weight_;
  std::uint32_t slots_;
  std::uint64_t seed_;
  std::uint64_t draws_ = 0;
  std::vector<std::uint32_t> table_of_;  // by group: its first entry + 1, 0 = none yet
  std::vector<Entry> entries_;
  std::vector<Meter> meters_;  // by port of the switch
};

}  // namespace emu
