# SPDX-License-Identifier: Apache-2.0
"""The live view: on a terminal it shows how far it is, elsewhere it is silent."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from emu.cli import pcap_live
from emu.cli.pcap_live import LiveView
from emu.core import _wire
from emu.wire.inspection import Progress
from tests.wire.scenarios import SCENARIOS, pcapng


def progress(total_bytes: int | None) -> Progress:
    data = pcapng(SCENARIOS["go-back"]())
    inspector = _wire.Inspector()
    inspector.feed(data, len(data))
    return Progress(len(data), total_bytes, inspector)


def shown(view: LiveView, at: Progress, elapsed_s: float) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(view.picture(at, elapsed_s))
    return out.getvalue()


@pytest.mark.parametrize("total_bytes", [None, 10_000])
def test_the_picture_holds_the_counts_so_far(total_bytes: int | None) -> None:
    text = shown(LiveView("a.pcap"), progress(total_bytes), 1e-6)
    for part in ("a.pcap", "8 (8.00 M/s)", "RoCEv2", "sent again", "3"):
        assert part in text
    assert ("MB read" in text) == (total_bytes is None)


def test_without_a_terminal_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 100.0, 200.0])
    with LiveView("a.pcap", clock=lambda: next(clock)) as view:
        view.update(progress(None))
        view.update(progress(None))
    assert capfd.readouterr() == ("", "")


def test_a_terminal_is_drawn_on_after_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    monkeypatch.setattr(pcap_live, "stderr", lambda: console)
    clock = iter([0.0, 0.4, 0.6, 0.7])
    with LiveView("a.pcap", clock=lambda: next(clock)) as view:
        view.update(progress(None))
        assert out.getvalue() == ""
        view.update(progress(None))
        assert "a.pcap" in out.getvalue()
        drawn = len(out.getvalue())
        view.update(progress(None))  # too soon
        assert len(out.getvalue()) == drawn
