// SPDX-License-Identifier: Apache-2.0
// Arrays on large pages, where the system has them and the array is large.
//
// Why: in a big fabric every packet-hop touches another corner of arrays of a
// hundred megabytes. With pages of 4 KiB the processor then looks for the page
// longer than for the data. Where there are no large pages nothing is lost.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace emu {

template <typename T>
struct LargePages {
  using value_type = T;
  static constexpr std::size_t kPage = std::size_t{2} << 20;

  LargePages() = default;
  template <typename U>
  LargePages(const LargePages<U>& /*other*/) {}

  T* allocate(std::size_t n) {
    const std::size_t bytes = n * sizeof(T);
    const bool large = bytes >= kPage;
    void* memory = ::operator new(bytes, std::align_val_t{large ? kPage : alignof(T)});
#ifdef MADV_HUGEPAGE
    if (large) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t n) {
    const bool large = n * sizeof(T) >= kPage;
    ::operator delete(memory, std::align_val_t{large ? kPage : alignof(T)});
  }
  /// What has no first value of its own is not cleared: large arrays are filled in anyway.
  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Given>
  void construct(U* at, Given&&... given) {
    ::new (static_cast<void*>(at)) U(std::forward<Given>(given)...);
  }
  bool operator==(const LargePages& /*other*/) const { return true; }
};

template <typename T>
using LargeVector = std::vector<T, LargePages<T>>;

}  // namespace emu
