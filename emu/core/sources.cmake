# SPDX-License-Identifier: Apache-2.0
# The engine's translation units, without bindings.cc; paths from the repository's root.
set(EMU_CORE_SOURCES)
