# SPDX-License-Identifier: Apache-2.0
"""RDMA messages: one row per SEND, WRITE, READ and atomic operation."""

from __future__ import annotations

from typing import Any

from emu.core import _wire
from emu.wire.columns import Columns, nullable, plain

__all__ = ["MessageTable"]

_TIMES = ("start_ps", "first_ps", "last_ps", "acked_ps")


class MessageTable:
    """Turns native batches into tables with addresses instead of flow numbers.

    A message starts with its first packet (a READ: with the request), `first_ps` and `last_ps`
    are those of its data packets, `acked_ps` is the acknowledgement that covers it (a READ: its
    last response). `length_bytes` is the length in the RETH, or for a SEND what was seen of it.
    `end` says how it ended: acked, unacked (whole, but no acknowledgement seen) or unfinished.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._keys: dict[str, list[Any]] = {}
        self._known = 0
        self._rows = 0

    def table(self, inspector: _wire.Inspector, batch: dict[str, Any]) -> Columns:
        """The next batch as columns."""
        fresh = inspector.flow_keys(self._known)
        for name, values in fresh.items():
            self._keys.setdefault(name, []).extend(plain(values))
        self._known = len(self._keys["src"])
        flows = plain(batch["flow"])
        n = len(flows)
        out: Columns = {
            "file": [self._file] * n,
            "message": list(range(self._rows, self._rows + n)),
            "flow": flows,
        }
        self._rows += n
        for name in ("src", "dst", "dst_qp", "src_port"):
            column = self._keys[name]
            out[name] = [column[flow] for flow in flows]
        out["vni"] = nullable(self._keys["vni"][flow] for flow in flows)
        for name, values in batch.items():
            if name == "flow":
                continue
            if name in _TIMES:
                out[name] = nullable(values, _wire.NEVER_PS)
            elif name in ("immediate", "headless", "length_known"):
                out[name] = [bool(v) for v in values]
            elif name == "last_psn":
                out[name] = nullable(values)
            else:
                out[name] = plain(values)
        out["completion_ps"] = [
            acked - start if acked is not None and start is not None else None
            for start, acked in zip(out["start_ps"], out["acked_ps"], strict=True)
        ]
        return out
