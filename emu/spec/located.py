# SPDX-License-Identifier: Apache-2.0
"""Faults that a model finds in one of its parts, beyond what a single field shows."""

from __future__ import annotations

from typing import Any


class At(ValueError):
    """Raised by a validator: each message with the path of the part that it is about."""

    def __init__(self, *items: tuple[tuple[Any, ...], str]) -> None:
        super().__init__("; ".join(message for _, message in items))
        self.items = items


def at(path: str | tuple[Any, ...], message: str) -> At:
    """A fault of one field, or of the part at a path."""
    return At(((path,) if isinstance(path, str) else path, message))
