// SPDX-License-Identifier: Apache-2.0
// A test registers itself; a failed check ends its test, says where and shows
// both values, and the others still run.
#pragma once

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace emu::test {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct Registration {
  Registration(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  std::ostringstream out;
  out << file << ":" << line << ": " << what;
  throw Failure(out.str());
}

template <typename A, typename B>
void check_equal(const char* file, int line, const char* text, const A& got, const B& wanted) {
  if (got == static_cast<A>(wanted)) return;
  std::ostringstream out;
  out << text << ": got " << +got << ", wanted " << +wanted;
  fail(file, line, out.str());
}

inline void check_near(const char* file, int line, const char* text, double got, double wanted,
                       double margin) {
  if (got >= wanted - margin && got <= wanted + margin) return;
  std::ostringstream out;
  out << text << ": got " << got << ", wanted " << wanted << " +- " << margin;
  fail(file, line, out.str());
}

}  // namespace emu::test

#define TEST(name)                                                       \
  static void name();                                                    \
  static const ::emu::test::Registration registered_##name{#name, name}; \
  static void name()

#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) ::emu::test::fail(__FILE__, __LINE__, "not true: " #condition); \
  } while (false)

#define CHECK_EQ(got, wanted) ::emu::test::check_equal(__FILE__, __LINE__, #got, (got), (wanted))

#define CHECK_NEAR(got, wanted, margin) \
  ::emu::test::check_near(__FILE__, __LINE__, #got, (got), (wanted), (margin))
