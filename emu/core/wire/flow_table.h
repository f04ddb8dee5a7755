// SPDX-License-Identifier: Apache-2.0
// From a key to a small number: open addressing, one probe in the usual case.
#pragma once

#include <cstdint>
#include <vector>

#include "flow.h"

namespace emu::wire {

class FlowTable {
 public:
  /// Steps in front of a look-up: `prefetch` brings its slot into the cache, `peek` is
  /// the likely number, kNoFlow when there is none.
  static std::uint64_t hash_of(const FlowKey& key) { return hash(key); }
  void prefetch(std::uint64_t h) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[h & mask_]);
  }
  std::uint32_t peek(std::uint64_t h) const { return slots_.empty() ? kNoFlow : slots_[h & mask_]; }

  /// The number of a key, in order of first appearance; `fresh` when it is new.
  std::uint32_t find_or_add(const FlowKey& key, bool& fresh) {
    return find_or_add(key, hash(key), fresh);
  }
  std::uint32_t find_or_add(const FlowKey& key, std::uint64_t key_hash, bool& fresh) {
    if (keys_.size() * 2 >= slots_.size()) grow();
    std::size_t at = key_hash & mask_;
    for (; slots_[at] != kEmpty; at = (at + 1) & mask_) {
      if (keys_[slots_[at]] == key) {
        fresh = false;
        return slots_[at];
      }
    }
    fresh = true;
    slots_[at] = static_cast<std::uint32_t>(keys_.size());
    keys_.push_back(key);
    return slots_[at];
  }

  /// kNoFlow when there is no such key.
  std::uint32_t find(const FlowKey& key) const {
    if (slots_.empty()) return kNoFlow;
    for (std::size_t at = hash(key) & mask_; slots_[at] != kEmpty; at = (at + 1) & mask_) {
      if (keys_[slots_[at]] == key) return slots_[at];
    }
    return kNoFlow;
  }

 private:
  static constexpr std::uint32_t kEmpty = 0xFFFFFFFF;

  // Multiply and fold: every bit of the key reaches the bits that choose the slot.
  static std::uint64_t mix(std::uint64_t h, std::uint64_t v) {
    h = (h ^ v) * 0x9E3779B97F4A7C15ULL;
    return h ^ (h >> 29);
  }
  static std::uint64_t hash(const FlowKey& k) {
    std::uint64_t h = mix(0, k.src.low);
    h = mix(h, k.dst.low);
    h = mix(h, k.src.high ^ (k.dst.high << 1));
    h = mix(h, (std::uint64_t{k.vni} << 32) | k.qp);
    return h ^ (h >> 32);
  }

  void grow() {
    const std::size_t n = slots_.empty() ? 1024 : slots_.size() * 2;
    slots_.assign(n, kEmpty);
    mask_ = n - 1;
    for (std::uint32_t i = 0; i < keys_.size(); ++i) {
      std::size_t at = hash(keys_[i]) & mask_;
      while (slots_[at] != kEmpty) at = (at + 1) & mask_;
      slots_[at] = i;
    }
  }

  std::vector<std::uint32_t> slots_;
  std::vector<FlowKey> keys_;
  std::size_t mask_ = 0;
};

}  // namespace emu::wire
