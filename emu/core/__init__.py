# SPDX-License-Identifier: Apache-2.0
"""The engine: `_core` is built from the C++ in this folder."""
