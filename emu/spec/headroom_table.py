# SPDX-License-Identifier: Apache-2.0
"""Headroom as a vendor publishes it: bytes by port rate and cable length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from emu.spec.ecn import rate_keys
from emu.units import Size, format_length, format_rate, parse_length


def _length_keys(value: object) -> object:
    """Mapping with lengths as keys, the shortest first."""
    if not isinstance(value, dict):
        return value
    lengths = sorted((parse_length(key), item) for key, item in value.items())
    rows = {format_length(length): item for length, item in lengths}
    if len(rows) < len(value):
        raise ValueError("a cable length is given twice")
    return rows


Row = Annotated[dict[str, Size], BeforeValidator(_length_keys), Field(min_length=1)]
HeadroomTable = Annotated[dict[str, Row], BeforeValidator(rate_keys)]


def headroom_table_bytes(
    table: Mapping[str, Mapping[str, int]], rate_bps: int, cable_m: float
) -> int:
    """Bytes of the row for the rate and for the next longer cable.

    ValueError when the table has no such row.
    """
    row = table.get(format_rate(rate_bps))
    if row is None:
        known = ", ".join(table) or "none"
        raise ValueError(
            f"headroom_table has no row for {format_rate(rate_bps)}: it has {known}; "
            "headroom: auto computes it"
        )
    for length, size in row.items():
        if cable_m <= parse_length(length):
            return size
    raise ValueError(
        f"headroom_table at {format_rate(rate_bps)} ends at {list(row)[-1]}, and the cable has "
        f"{cable_m:g}m; headroom: auto computes it"
    )
