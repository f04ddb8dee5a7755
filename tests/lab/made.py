# SPDX-License-Identifier: Apache-2.0
"""Experiments made for one test, and commands of emu beside the test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from emu.errors import RunError
from emu.lab.feed import read_feed
from emu.lab.journal import lab_paths
from tests.lab.traffic import wait_until

EMU = str(Path(sys.executable).parent / "emu")
REPOSITORY = Path(__file__).resolve().parents[2]

FIRST_PORT = 50_000
"""UDP source port of the first flow; each flow is a queue pair of its own."""
SMALL_SHARE = {"pfc": {"alpha": 0.00390625}}
"""Of the buffer, so that a full port already needs pauses."""

Flow = tuple[float, int, int, int]
"""Start in us, source and destination host, bytes."""


def write_experiment(folder: Path, flows: Iterable[Flow], **more: Any) -> Path:
    """An experiment file of these flows, on the 2-leaf, 2-spine, 4-host fabric or another."""
    rows = [
        f"{start},{source},{target},{size},{FIRST_PORT + number}"
        for number, (start, source, target, size) in enumerate(flows)
    ]
    (folder / "flows.csv").write_text("\n".join(["start_us,src,dst,bytes,sport", *rows, ""]))
    document = {
        "kind": "experiment",
        "name": "made-for-a-test",
        "question": "Does it hold?",
        "topology": str(REPOSITORY / "topologies" / "lab-2x2x4.yaml"),
        "workload": {"trace": {"file": "flows.csv", "format": "flows"}},
        "transport": {"cc": "dcqcn"},
        "designs": ["l3"],
        "seeds": [1],
        "record": {"sample_interval": "10us"},
        "stop": {"drain": "20ms"},
        **more,
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def emu(*words: str | Path) -> str:
    """Run the command to its end; its standard output."""
    done = subprocess.run([EMU, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def start_emu(*words: str | Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the command; what it says goes to a file."""
    # Whoever runs the tests in the background of a shell passes an ignored SIGINT on.
    command = ["env", "--default-signal=INT", EMU, *map(str, words)]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


def look() -> dict[str, Any]:
    """One look of `emu lab top`."""
    told = emu("lab", "top", "--once", "--json", "--interval", "0.5")
    found: dict[str, Any] = json.loads(told)
    return found


def wait_for_traffic(patience_s: float = 60.0) -> None:
    """Until the traffic manager of the lab that is up has messages under way."""
    feed = lab_paths().folder / "traffic.feed"

    def busy() -> bool:
        try:
            return read_feed(feed).header["unfinished"] > 0
        except RunError:
            return False  # the lab is still being built

    assert wait_until(busy, patience_s), "no traffic was seen"
