# SPDX-License-Identifier: Apache-2.0
# The C++ tests; one of them has main(). Paths from the repository's root.
set(EMU_TEST_SOURCES)
