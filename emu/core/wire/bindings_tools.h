// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

namespace emu::wire {

/// Adds the tools to the Python module of the inspection.
void bind_tools(nanobind::module_& m);

}  // namespace emu::wire
