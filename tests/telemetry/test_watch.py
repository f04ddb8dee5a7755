# SPDX-License-Identifier: Apache-2.0
"""What people see of a run, under way and finished."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emu.cli.watch import _shown
from emu.errors import InputError
from emu.telemetry.live import LiveView, QueueView, TransferView, find_live, read_live, write_live
from emu.telemetry.watch import look, sparkline
from tests.telemetry.conftest import write_experiment, write_flows

VIEW = LiveView(
    experiment="e", variant="l3", design="l3", seed=1, t_ps=2 * 10**9, fraction=0.25, packets=7,
    drops=3, ecn_marked=1, pfc_frames=2, transfers_done=3, transfers=4,
    uplinks={"leaf0:Ethernet4": [0.0, 0.5, 1.0]},
    queues=[QueueView("leaf1:Ethernet0", 3, 1000, 2000, 0.125)],
    slowest=[TransferView(9, 5 * 10**6, 0.5, 2.5)],
)  # fmt: skip


def shown(path: Path) -> str:
    from rich.console import Console

    console = Console(width=120, highlight=False)
    with console.capture() as capture:
        console.print(_shown(look(path), width=20))
    return capture.get()


def test_a_run_under_way(tmp_path: Path) -> None:
    partial = tmp_path / "l3" / ".seed-1.partial-1"
    partial.mkdir(parents=True)
    write_live(partial, VIEW, [])
    (tmp_path / "experiment.json").write_text(
        json.dumps({"experiment": "e", "runs": ["l3/seed-1", "l3/seed-2"]})
    )
    found = look(tmp_path)
    assert found.under_way
    assert [(run.run, run.state) for run in found.runs] == [
        ("l3/seed-1", "running"),
        ("l3/seed-2", "waiting"),
    ]
    text = shown(tmp_path)
    assert re.search(r"l3/seed-1 +running +25 % +2\.00 +3 +2 +3/4", text)
    assert re.search(r"leaf0:Ethernet4 +▄█ +100 % +50 %", text)
    assert re.search(r"leaf1:Ethernet0 +3 +1\.0 +2\.0 +12\.5 %", text)
    assert re.search(r"9 +5\.0 +50 % +2\.50", text)
    # Under the name that the run will have, too.
    assert look(tmp_path / "l3" / "seed-1").view == VIEW


def test_a_file_that_is_being_replaced_is_whole_or_not_there(tmp_path: Path) -> None:
    write_live(tmp_path, VIEW, [])
    (path,) = find_live(tmp_path)
    assert read_live(path) == (VIEW, [])
    path.write_text("{")
    assert read_live(path) is None
    path.unlink()
    assert read_live(path) is None


def test_a_finished_run(recorded: Path) -> None:
    found = look(recorded)
    assert not found.under_way
    assert found.view is not None
    assert found.view.transfers_done == found.view.transfers == 6
    loads = [load for bars in found.view.uplinks.values() for load in bars]
    assert 0.5 < max(loads) <= 1.01
    assert found.view.queues[0].watermark_bytes > 100_000
    assert found.view.slowest[0].slowdown > 2
    text = shown(recorded.parents[1])
    assert "l3/seed-1  done" in text
    assert "100 %" in text


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no run here"):
        look(tmp_path)


def test_a_sparkline_shows_what_is_small_and_stays_within_its_width() -> None:
    assert sparkline([0, 0.001, 2.0], 10) == " ▁█"
    assert len(sparkline([0.5] * 100, 20)) == 20


def test_a_real_run_is_seen_while_it_goes_on(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, record={"level": "counters", "sample_interval": "10us"})
    write_flows(tmp_path, [(i, i % 4, 4 + i % 4, 20_000_000) for i in range(400)])
    out = tmp_path / "out"
    process = subprocess.Popen(
        [Path(sys.executable).parent / "emu", "run", path, "--out", out, "--jobs", "1"],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while process.poll() is None and not list(find_live(out)):
            assert time.monotonic() < deadline, "no view of the run appeared"
            time.sleep(0.05)
        found = look(out)
        assert [run.state for run in found.runs] == ["running"]
        assert found.view is not None
        assert 0 < found.view.fraction < 1
        assert max(load for bars in found.view.uplinks.values() for load in bars) > 0
    finally:
        process.terminate()
        process.wait(30)
