// SPDX-License-Identifier: Apache-2.0
#include "crew.h"

#include <utility>

namespace emu {

namespace {
/// About 50 microseconds: longer than two members' windows differ, mostly.
constexpr int kSpins = 2000;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Returns when `value` is no longer `old`.
void wait_while(std::atomic<std::uint32_t>& value, std::uint32_t old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  value.wait(old, std::memory_order_acquire);
}
}  // namespace

Crew::Crew(std::uint32_t members) : errors_(members) {
  for (std::uint32_t i = 1; i < members; ++i) threads_.emplace_back([this, i] { attend(i); });
}

Crew::~Crew() {
  ends_ = true;
  turn_.fetch_add(1, std::memory_order_release);
  turn_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Crew::run(Call call, void* what) {
  call_ = call;
  what_ = what;
  left_.store(static_cast<std::uint32_t>(threads_.size()), std::memory_order_relaxed);
  turn_.fetch_add(1, std::memory_order_release);
  turn_.notify_all();
  perform(0);
  for (;;) {
    const std::uint32_t left = left_.load(std::memory_order_acquire);
    if (left == 0) break;
    wait_while(left_, left);
  }
  for (std::exception_ptr& error : errors_) {
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
  }
}

void Crew::attend(std::uint32_t member) {
  for (std::uint32_t seen = 0;; ++seen) {
    wait_while(turn_, seen);
    if (ends_) return;
    perform(member);
    left_.fetch_sub(1, std::memory_order_release);
    left_.notify_one();
  }
}

void Crew::perform(std::uint32_t member) noexcept {
  try {
    call_(what_, member);
  } catch (...) {
    errors_[member] = std::current_exception();
  }
}

}  // namespace emu
