# SPDX-License-Identifier: Apache-2.0
"""The command with all its verbs, for what describes it: `make docs`."""

from __future__ import annotations

from emu.cli.app import make_app

__all__ = ["app"]

app = make_app()
