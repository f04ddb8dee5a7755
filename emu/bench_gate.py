# SPDX-License-Identifier: Apache-2.0
"""Instructions per packet-hop, which repeat where seconds do not, held against a baseline.

    python -m emu.bench_gate             compare with benchmarks/baseline.json
    python -m emu.bench_gate --update    write it anew

Each case is recorded as a journal of engine calls and replayed without Python under callgrind,
which counts what the engine's loop executes. Another compiler counts otherwise, so the baseline
names the one it was made with.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from emu.bench import write_journal
from emu.errors import InputError, RunError

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "benchmarks" / "baseline.json"
REPLAY = ROOT / "build" / "replay" / "replay"
SHARES = {
    "permutation-128": 0.1,
    "incast-64": 0.1,
    "permutation-1024": 0.05,
}
"""Cases and the share of their bytes: a tenth of a case runs as the whole does."""
MARGIN = 0.05
"""A case may grow by this share of its baseline."""


def count(case: str, share: float) -> dict[str, Any]:
    """Packet-hops of the case and the instructions that the engine's loop needs for each."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal"
        write_journal(case, share, journal)
        command = [
            "valgrind",
            "--tool=callgrind",
            "--toggle-collect=emu::Engine::run_until*",
            "--callgrind-out-file=/dev/null",
            str(REPLAY),
            str(journal),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunError(f"{case}: valgrind ended with exit code {done.returncode}\n{done.stderr}")
    return read_counts(done.stdout, done.stderr)


def read_counts(stdout: str, stderr: str) -> dict[str, Any]:
    """Figures from what the replay (stdout) and callgrind (stderr) print.

    >>> read_counts("packets 2\\npacket_hops 8\\n", "==7== Collected : 4000\\n")
    {'packet_hops': 8, 'instructions_per_packet_hop': 500.0}
    """
    hops = re.search(r"^packet_hops (\d+)$", stdout, re.MULTILINE)
    collected = re.search(r"Collected : (\d+)", stderr)
    if hops is None or collected is None or int(collected[1]) == 0:
        raise RunError("valgrind counted nothing: is build/replay/replay built with symbols?")
    n = int(hops[1])
    return {
        "packet_hops": n,
        "instructions_per_packet_hop": round(int(collected[1]) / n, 1),
    }


def judge(got: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """What is wrong with a run's figures against the baseline's, case by case.

    >>> case = {"packet_hops": 8, "instructions_per_packet_hop": 100.0}
    >>> judge({"a": {**case, "instructions_per_packet_hop": 105.1}}, {"a": case})
    ['a: 105.1 instructions per packet-hop, 5.1 % above the baseline of 100.0']
    >>> judge({"a": {**case, "packet_hops": 9}}, {"a": case})
    ['a: 9 packet-hops instead of 8: the behaviour has changed, not the speed']
    >>> judge({"a": {**case, "instructions_per_packet_hop": 60.0}}, {"a": case})
    []
    """
    faults = []
    for case, figures in got.items():
        base = wanted.get(case)
        if base is None:
            faults.append(f"{case}: no baseline; write one with --update")
            continue
        if figures["packet_hops"] != base["packet_hops"]:
            faults.append(
                f"{case}: {figures['packet_hops']} packet-hops instead of {base['packet_hops']}: "
                "the behaviour has changed, not the speed"
            )
            continue
        now, then = figures["instructions_per_packet_hop"], base["instructions_per_packet_hop"]
        if now > then * (1 + MARGIN):
            faults.append(
                f"{case}: {now} instructions per packet-hop, {now / then - 1:.1%} above "
                f"the baseline of {then}".replace("%", " %")
            )
    return faults


def compiler() -> str:
    """Name and version of the compiler that CMake took for the replay."""
    cache = REPLAY.parent / "CMakeCache.txt"
    found = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache.read_text(), re.MULTILINE)
    if found is None:
        raise RunError(f"no compiler in {cache}")
    out = subprocess.run([found[1], "--version"], capture_output=True, text=True, check=True).stdout
    return out.splitlines()[0]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write benchmarks/baseline.json")
    update = parser.parse_args().update
    got = {}
    for case, share in SHARES.items():
        got[case] = count(case, share)
        print(f"{case:18} {got[case]['instructions_per_packet_hop']:7.1f} instructions/packet-hop")
    if update:
        text = json.dumps({"compiler": compiler(), "cases": got}, indent=2)
        BASELINE.write_text(text + "\n", encoding="utf-8")
        return 0
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    if baseline["compiler"] != compiler():
        print(f"hint: the baseline is of {baseline['compiler']}", file=sys.stderr)
    faults = judge(got, baseline["cases"])
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (InputError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
