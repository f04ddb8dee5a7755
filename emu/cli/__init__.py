# SPDX-License-Identifier: Apache-2.0
"""The `emu` command: one file per verb group, and no logic in any of them."""

from __future__ import annotations

import gc
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command."""
    # Importing makes objects by the ten thousand that stay: to look through them again and again
    # for garbage takes 6 % of the time until a run's first packet.
    gc.set_threshold(50_000)
    from emu.cli.app import main as run

    run()
