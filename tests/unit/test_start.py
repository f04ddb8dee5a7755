# SPDX-License-Identifier: Apache-2.0
"""What `emu run` may not import before its first packet: it would take longer than the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LATE = {
    *("pandas", "pyarrow", "matplotlib", "networkx", "scapy", "jinja2"),
    *("numpy.ma", "multiprocessing", "concurrent.futures", "http", "asyncio"),
}
"""What only a run's end, several processes, reports, captures and the lab need."""

PROBE = """
import json, sys
from emu.core import _core

class FirstPacket(BaseException):
    pass

class Engine(_core.Engine):
    def run_until(self, *args, **more):
        json.dump(sorted(sys.modules), sys.stdout)
        raise FirstPacket

import emu.cli
from emu.sim import build
build.build_engine.__defaults__ = (Engine,)
sys.argv = ["emu", "run", *sys.argv[1:]]
try:
    emu.cli.main()
except FirstPacket:
    pass
"""


def test_nothing_slow_is_imported_before_the_first_packet(repository: Path, tmp_path: Path) -> None:
    tiny = (repository / "tests" / "cli" / "inputs" / "tiny.yaml").read_text(encoding="utf-8")
    text = tiny.replace("../../../", f"{repository}/")
    for given, wanted in (
        ("designs: [l3, evpn/l3vni]", "designs: [l3]"),
        ("seeds: [1, 2]", "seeds: [1]"),
    ):
        assert given in text
        text = text.replace(given, wanted)
    cases = text.index("cases:"), text.index("seeds:")
    experiment = tmp_path / "tiny.yaml"
    experiment.write_text(text[: cases[0]] + text[cases[1] :], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(experiment), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout))
    assert {"numpy", "pydantic", "emu"} <= imported
    assert imported.isdisjoint(LATE), sorted(imported.intersection(LATE))
