# SPDX-License-Identifier: Apache-2.0
"""A journal of all calls to an engine, which `benchmarks/replay.cc` replays without Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from emu.core import _core

__all__ = ["recording_engine"]

_ANSWERS = {
    "messages", "queues", "port_drops", "switches", "reordering", "queue_samples", "series",
    "events", "totals", "port_loads", "slots",
}  # fmt: skip
"""Calls that change nothing."""

_BY_NAME = {"add_switch_profile", "add_nic_profile", "set_framing"}


def recording_engine(seed: int, out: TextIO) -> _core.Engine:
    """An engine whose calls are also written to `out`, one a line.

    A line holds the name of the call and its arguments in the order of the bindings: numbers as
    they are, truth values as 0 and 1, a word as it is, a list as its length and then its items, a
    mapping as its length, names and values. An argument that the bindings take by name only is
    preceded by it.
    """
    return _Recorder(seed, out)  # type: ignore[return-value]


class _Recorder:
    def __init__(self, seed: int, out: TextIO) -> None:
        self._engine = _core.Engine(seed)
        self._out = out
        out.write(f"Engine {seed}\n")

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        if not callable(found) or name in _ANSWERS:
            return found
        return self._recorded(name, found)

    def _recorded(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*args: Any, **kwargs: Any) -> Any:
            words = [name]
            for argument in args:
                _put(words, argument)
            for key, argument in kwargs.items():
                if name in _BY_NAME:
                    words.append(key)
                _put(words, argument)
            if name == "run_until" and len(args) + len(kwargs) == 1:
                words.append("0")
            self._out.write(" ".join(words) + "\n")
            return call(*args, **kwargs)

        return recorded


def _put(words: list[str], argument: Any) -> None:
    if isinstance(argument, np.ndarray):
        argument = argument.tolist()
    if isinstance(argument, list | tuple):
        words.append(str(len(argument)))
        for item in argument:
            _put(words, item)
    elif isinstance(argument, dict):
        words.append(str(len(argument)))
        for name, value in argument.items():
            words.append(name)
            _put(words, value)
    elif isinstance(argument, bool | np.bool_):
        words.append(str(int(argument)))
    elif isinstance(argument, str):
        words.append(argument)
    elif isinstance(argument, float):
        words.append(repr(argument))
    else:
        words.append(str(int(argument)))
