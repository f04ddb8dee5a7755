// SPDX-License-Identifier: Apache-2.0
// Adaptive routing per packet: each data packet takes a next hop whose queue has
// the best grade at this moment, wherever the packet before it went.
//
// The search begins at a random member and ends at the first of grade 0, so that
// packets that see equal grades spread evenly. With a remote state the grade of a
// next hop is the worse of its own queue's and of the queue that waits behind it,
// as that was known some time ago.
// Sources: DRILL (Ghorbani et al., SIGCOMM 2017) for queue-length decisions per
// packet; vendors' adaptive routing grades queues and excludes ports that are down.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../packet.h"
#include "../rng.h"
#include "params.h"
#include "quality.h"

namespace emu {

struct Adaptive {
  static constexpr const char* kName = "adaptive";

  explicit Adaptive(const RoutingParams& params)
      : quantum_bytes_(params.at("quantum_bytes")),
        seed_(static_cast<std::uint64_t>(params.at("seed"))),
        remote_(params.at("remote") != 0) {}

  template <typename Hops>
  std::uint32_t pick(const Hops& hops, const Packet& packet) {
    const std::uint32_t n = hops.size();
    const auto first = static_cast<std::uint32_t>(((mix64(seed_ + draws_++) >> 32) * n) >> 32);
    std::uint32_t best = first;
    std::uint32_t best_grade = kGradeMax + 1;
    std::uint32_t i = first;
    do {
      if (hops.alive(i)) [[likely]] {
        // An upper bound that is good enough spares looking closer.
        std::uint32_t grade = 0;
        if (hops.queue_bytes_bound(i, packet) >= quantum_bytes_) {
          grade = queue_grade(hops.queue_bytes(i, packet), quantum_bytes_);
        }
        if (grade < best_grade) {
          if (remote_) grade = std::max(grade, hops.remote_grade(i, packet));
          if (grade == 0) return i;
          if (grade < best_grade) {
            best = i;
            best_grade = grade;
          }
        }
      }
      if (++i == n) i = 0;
    } while (i != first);
    return best;
  }
  void forget(std::uint32_t /*group*/) {}

 private:
  std::int64_t quantum_bytes_;
  std::uint64_t seed_;
  std::uint64_t draws_ = 0;
  bool remote_;
};

}  // namespace emu
