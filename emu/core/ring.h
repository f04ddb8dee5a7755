// SPDX-License-Identifier: Apache-2.0
// A FIFO in one growing power-of-two array.
//
// Invariant: elements leave in the order in which they came; an empty ring
// that was never used owns no memory (a fabric has many idle queues).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace emu {

/// `kFirst` elements fit before it grows for the first time.
template <typename T, std::uint32_t kFirst = 8>
class Ring {
  static_assert(std::is_trivially_copyable_v<T>);
  static_assert((kFirst & (kFirst - 1)) == 0);

 public:
  bool empty() const { return head_ == tail_; }
  std::uint32_t size() const { return tail_ - head_; }
  T& front() { return slots_[head_ & mask_]; }
  const T& front() const { return slots_[head_ & mask_]; }
  T& back() { return slots_[(tail_ - 1) & mask_]; }
  const T& back() const { return slots_[(tail_ - 1) & mask_]; }
  T& operator[](std::uint32_t i) { return slots_[(head_ + i) & mask_]; }
  const T& operator[](std::uint32_t i) const { return slots_[(head_ + i) & mask_]; }
  void pop() { ++head_; }
  void pop(std::uint32_t n) { head_ += n; }
  void push(const T& value) { push_slot() = value; }
  /// Appends an element that the caller fills in; it holds anything until then.
  [[gnu::always_inline]] T& push_slot() {
    if (size() == capacity()) [[unlikely]]
      grow();
    return slots_[tail_++ & mask_];
  }
  void pop_back() { --tail_; }
  void clear() { head_ = tail_; }
  /// Brings the ends of the ring into the cache, where the next steps will look.
  void prefetch() const {
    if (capacity() == 0) return;
    for (const std::uint32_t at : {head_ & mask_, (tail_ - 1) & mask_}) {
      const auto* p = reinterpret_cast<const char*>(&slots_[at]);
      __builtin_prefetch(p, 1);
      if constexpr (sizeof(T) > 64) __builtin_prefetch(p + sizeof(T) - 1, 1);
    }
  }

  /// Keeps the elements for which `keep` is true, in order.
  template <typename Keep>
  void filter(Keep keep) {
    const std::uint32_t n = size();
    const std::uint32_t first = head_;
    std::uint32_t to = first;
    for (std::uint32_t i = 0; i < n; ++i) {
      T value = slots_[(first + i) & mask_];
      if (keep(value)) slots_[to++ & mask_] = value;
    }
    tail_ = to;
  }

 private:
  std::uint32_t capacity() const { return mask_ + 1; }
  [[gnu::noinline]] void grow() {
    const std::uint32_t n = size();
    const std::uint32_t capacity = std::max(kFirst, this->capacity() * 2);
    auto slots = std::make_unique_for_overwrite<T[]>(capacity);
    for (std::uint32_t i = 0; i < n; ++i) slots[i] = slots_[(head_ + i) & mask_];
    slots_ = std::move(slots);
    mask_ = capacity - 1;
    head_ = 0;
    tail_ = n;
  }

  std::unique_ptr<T[]> slots_;
  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;
  std::uint32_t mask_ = ~std::uint32_t{0};  // capacity - 1
};

}  // namespace emu
