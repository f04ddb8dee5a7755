# SPDX-License-Identifier: Apache-2.0
"""The `emu` command: one file per verb group, and no logic in any of them."""

from emu.cli.app import main

__all__ = ["main"]
