// SPDX-License-Identifier: Apache-2.0
// Threads that do a piece of work at the same time, many times over.
//
// Invariant: what was written before run() is seen by all members, and what they
// wrote is seen when it returns. Whoever waits spins for a short while, because
// the next piece mostly comes within microseconds, and then sleeps, because the
// cores may be wanted elsewhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace emu {

class Crew {
 public:
  /// So many members, of whom the caller of run() is the first.
  explicit Crew(std::uint32_t members);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls work(i) once for every member i, on its own thread; throws what the
  /// first of them threw.
  template <typename Work>
  void run(Work& work) {
    run([](void* what, std::uint32_t member) { (*static_cast<Work*>(what))(member); }, &work);
  }

 private:
  using Call = void (*)(void*, std::uint32_t);
  void run(Call call, void* what);
  void attend(std::uint32_t member);
  void perform(std::uint32_t member) noexcept;

  Call call_ = nullptr;
  void* what_ = nullptr;
  bool ends_ = false;
  std::vector<std::exception_ptr> errors_;          // by member
  alignas(64) std::atomic<std::uint32_t> turn_{0};  // pieces of work handed out
  alignas(64) std::atomic<std::uint32_t> left_{0};  // members that are not done with this one
  std::vector<std::thread> threads_;
};

}  // namespace emu
