// SPDX-License-Identifier: Apache-2.0
// Runs every registered test, or those whose name contains the first argument.
#include <cstdio>
#include <cstring>
#include <exception>

#include "check.h"

int main(int argc, char** argv) {
  int failed = 0;
  int ran = 0;
  for (const emu::test::Case& test : emu::test::cases()) {
    if (argc > 1 && std::strstr(test.name, argv[1]) == nullptr) continue;
    ++ran;
    try {
      test.run();
    } catch (const std::exception& error) {
      ++failed;
      std::printf("FAILED %s\n  %s\n", test.name, error.what());
    }
  }
  std::printf("%d C++ tests, %d failed\n", ran, failed);
  return failed == 0 && ran > 0 ? 0 : 1;
}
