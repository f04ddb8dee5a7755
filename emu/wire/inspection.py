# SPDX-License-Identifier: Apache-2.0
"""Runs a capture through the native inspection and holds what came out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from emu.core import _wire
from emu.errors import CaptureError, InputError
from emu.wire.source import Source, SourceDamaged

__all__ = ["Inspection", "Progress", "Settings", "inspect"]

BATCH_ROWS = 65_536
"""So many messages or pauses wait natively before they are handed over."""


@dataclass(frozen=True)
class Settings:
    """What can be set about an inspection; times in picoseconds.

    Parameters
    ----------
    speed_bps : int
        Link speed for interfaces that do not tell theirs; 0: not known.
    mtu_bytes : int
        Largest IP packet that the network should carry; 0: not checked.
    reorder_ps : int
        A packet that fills a gap within this time, without a NAK, was late, not sent again.
    reaction_ps : int
        Window before and after a CNP in which a sender's rate is measured.
    pause_limit_ps : int
        A longer pause is a finding. The default is the PFC watchdog's detection time of SONiC's
        `start_default` for up to 32 ports: 200 ms (sonic-utilities, pfcwd/main.py).
    verify_icrc : bool
        Verify the ICRC of packets that are captured whole.
    """

    speed_bps: int = 0
    mtu_bytes: int = 0
    reorder_ps: int = 100_000_000
    reaction_ps: int = 100_000_000
    pause_limit_ps: int = 200_000_000_000
    verify_icrc: bool = True


@dataclass(frozen=True)
class Progress:
    """How far the reading is."""

    read_bytes: int
    total_bytes: int | None
    inspector: _wire.Inspector


@dataclass
class Inspection:
    """What one capture holds; each table is made when it is asked for."""

    name: str
    settings: Settings
    inspector: _wire.Inspector
    capture: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def totals(self) -> dict[str, Any]:
        """Counts over all packets."""
        return self.inspector.totals()

    @cached_property
    def flows(self) -> dict[str, Any]:
        """One row per direction of a queue pair, as native columns."""
        return self.inspector.flows()

    @cached_property
    def findings(self) -> dict[str, Any]:
        """What the checks need: (how often, first packet numbers)."""
        return self.inspector.findings()

    @cached_property
    def pauses(self) -> dict[str, Any]:
        """One row per pausing port and priority."""
        return self.inspector.pauses()

    @property
    def span_ps(self) -> int:
        """From the first packet to the last."""
        return int(self.totals["last_ps"] - self.totals["first_ps"])

    def error(self) -> CaptureError | None:
        """What is wrong with the file; None when it is whole."""
        c = self.capture
        if c["ending"] == "whole":
            return None
        return CaptureError(
            c["error"], file=self.name, offset=c["error_offset"], packets=c["packets"]
        )


def inspect(
    path: str,
    settings: Settings | None = None,
    *,
    on_messages: Callable[[_wire.Inspector, dict[str, Any]], None] | None = None,
    on_episodes: Callable[[_wire.Inspector, dict[str, Any]], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Inspection:
    """Inspect a capture from front to back in bounded memory.

    Parameters
    ----------
    path : str
        pcap or pcapng, plain, gzip or zstd; "-" is standard input.
    settings : Settings
        See there.
    on_messages, on_episodes : callable
        Get the RDMA messages, the pauses, in batches as they end.
    on_progress : callable
        Called after every piece that was read.

    Returns
    -------
    Inspection
        Also for a damaged file: then of everything before the damage, and `error()` says where
        it is.

    Raises
    ------
    InputError
        The file cannot be read, or is no capture at all.
    """
    settings = settings or Settings()
    inspector = _wire.Inspector(
        keep_messages=on_messages is not None,
        keep_episodes=on_episodes is not None,
        verify_icrc=settings.verify_icrc,
        speed_bps=settings.speed_bps,
        mtu_bytes=settings.mtu_bytes,
        reorder_ps=settings.reorder_ps,
        reaction_ps=settings.reaction_ps,
        pause_limit_ps=settings.pause_limit_ps,
    )

    def hand_over(rows_min: int) -> None:
        if on_messages is not None and inspector.messages_waiting >= rows_min:
            on_messages(inspector, inspector.take_messages())
        if on_episodes is not None and inspector.episodes_waiting >= rows_min:
            on_episodes(inspector, inspector.take_episodes())

    with Source(path) as source:
        try:
            for _ in source.feed(inspector):
                hand_over(BATCH_ROWS)
                if on_progress is not None:
                    on_progress(Progress(source.read_bytes, source.total_bytes, inspector))
                if not inspector.running:
                    break
        except SourceDamaged as damage:
            inspector.fail(str(damage))
        inspector.finish()
        hand_over(1)
        capture = inspector.capture()
        if capture["ending"] == "damaged" and not capture["format"]:
            raise InputError(capture["error"], file=source.name)
        return Inspection(source.name, settings, inspector, capture)
