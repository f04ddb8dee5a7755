// SPDX-License-Identifier: Apache-2.0
// How a sender sprays: the entropy value of each packet, which is what remains
// of the UDP source port when the upper two bits are set (14 bits, RoCEv2).
//
// kCounter: values in turn, whatever becomes of the packets.
// kFeedback: a value whose packet came through without a mark is used again, one
// whose packet was marked or lost is not; new ones are drawn at random as long
// as too few are known. After a loss nothing new is tried for a while.
// Source: REPS (Bonato et al., 2024, arXiv 2407.21625): recycled entropies in a
// small circular buffer, "freezing" after a failure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "rng.h"
#include "units.h"

namespace emu {

enum class EntropyMode : std::uint8_t { kFixed, kCounter, kFeedback };

inline constexpr std::uint32_t kEntropyBits = 14;
inline constexpr std::uint32_t kEntropyMask = (1U << kEntropyBits) - 1;

/// Entropy of a packet: what the flow has in common, and the packet's value.
constexpr std::uint32_t with_value(std::uint32_t flow, std::uint32_t value) {
  return (flow & ~kEntropyMask) | (value & kEntropyMask);
}

/// UDP source port that says the value: the upper two bits are set.
constexpr std::uint16_t sprayed_port(std::uint32_t entropy) {
  return static_cast<std::uint16_t>(0xC000U | (entropy & kEntropyMask));
}

struct EntropyParams {
  EntropyMode mode = EntropyMode::kFixed;
  std::uint32_t values = 1;  // as many different ones
  std::uint32_t kept = 0;    // feedback: entries of the circular buffer
  Ps freeze_ps = 0;          // feedback: after a loss
};

/// One queue pair's.
struct EntropySource {
  std::uint32_t drawn = 0;
  std::vector<std::uint16_t> kept;  // circular
  std::uint32_t written = 0;        // entries ever written
  std::uint32_t valid = 0;          // of the latest, not used again yet
  Ps frozen_until = 0;

  std::uint32_t next(const EntropyParams& params, std::uint64_t seed, std::uint32_t stream,
                     Ps now) {
    if (params.mode == EntropyMode::kCounter) return (stream + drawn++) % params.values;
    const auto size = static_cast<std::uint32_t>(kept.size());
    if (valid > 0) return kept[(written - valid--) % size];
    if (now < frozen_until && written > 0) {  // old ones in turn: they were good once
      return kept[drawn++ % std::min(written, size)];
    }
    return draw32(seed ^ 0xe5, stream, drawn++) % params.values;
  }
  void came_through(const EntropyParams& params, std::uint16_t value) {
    if (kept.empty()) kept.resize(params.kept);
    const auto size = static_cast<std::uint32_t>(kept.size());
    kept[written++ % size] = value;
    if (valid < size) ++valid;
  }
  void lost(const EntropyParams& params, Ps now) { frozen_until = now + params.freeze_ps; }
};

}  // namespace emu
