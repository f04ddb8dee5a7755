# SPDX-License-Identifier: Apache-2.0
"""Built from the C++ in this folder: `_core` is the engine, `_wire` inspects captures."""
