# SPDX-License-Identifier: Apache-2.0
"""However a file is damaged, the answer is a SpecError or a spec, never a traceback."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.errors import SpecError
from emu.spec import load_experiment, load_topology

TOPOLOGY = """\
kind: topology
name: t
clos:
  leaves: 4
  spines: 2
  hosts_per_leaf: 4
  homing: dual
  host_rate: 400G
  fabric_rate: 400G
  parallel_links: 2
  host_cable: 3m
  fabric_delay: 150ns
roles: {prefill: ["h[0-7]"], decode: ["h[8-15]"]}
switches:
  leaf: {base: tomahawk4, pfc: {alpha: 0.5, headroom: 300KB}, ecn: {by_rate: {400G: {kmin: 1MB}}}}
  spine: spectrum4
nic: {base: connectx7, cc: {base: paper, g: 0.01}}
"""
EXPERIMENT = """\
kind: experiment
name: e
topology: leaf-spine-16x400G
overrides: {switches: {leaf: {pfc: {alpha: 0.5}}}, nic: {ip_mtu: 9000B}}
workload:
  trace: {file: trace.jsonl, limit: 3, spread: 3s}
  engine: {base: mooncake, slice: 64KiB}
  background: [{pattern: incast, load: 0.1, fan_in: 4}]
designs: [l3, evpn/l3vni, {name: evpn, ecn_copy_decap: false}]
timers: {detection: bfd, mac_age: 10s}
faults:
  - {kind: link-down, name: a, link: leaf0-spine0, at: 1ms, for: 2ms}
  - {kind: black-hole, switch: spine0, to: ["h*"], after: a.end}
matrix: {workload.load.fraction: [0.4, 0.7], overrides.switches.leaf.pfc.alpha: [1.0]}
cases: [{name: c, set: {transport: {cc: none}}, designs: [l3]}]
seeds: [1, 2]
stop: {at: 1s}
"""
JUNK = st.sampled_from(
    [
        "", " ", "\n", "  ", ": ", "- ", "[", "]", "{", "}", "#", "&a ", "*a", "!x ", "|", '"', "'",
        "null", "true", "0", "-1", "1e9", "400G", "3s", "1MB", "a", ",", "\t", "\u00e9", "\x00",
        "x: 1\n", "<<: *a", "? ", "%", "@", ".nan", "9" * 50, "h[0-99999999]",
    ]
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 12), JUNK), min_size=1, max_size=3
)


def _damage(text: str, edits: list[tuple[int, int, str]]) -> str:
    for place, length, junk in edits:
        start = place % len(text)
        text = text[:start] + junk + text[start + length :] or "x"
    return text


@pytest.mark.parametrize(
    ("text", "read"), [(TOPOLOGY, load_topology), (EXPERIMENT, load_experiment)]
)
def test_the_file_is_good_before_it_is_damaged(
    text: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "trace.jsonl").write_text("{}\n", encoding="utf-8")
    (tmp_path / "f.yaml").write_text(text, encoding="utf-8")
    assert read(tmp_path / "f.yaml")


@pytest.mark.parametrize(
    ("text", "read"), [(TOPOLOGY, load_topology), (EXPERIMENT, load_experiment)]
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=EDITS)
def test_damage_is_never_a_traceback(
    text: str, read: Callable[[Path], object], edits: list[tuple[int, int, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "trace.jsonl").write_text("{}\n", encoding="utf-8")
        file = Path(folder) / "f.yaml"
        file.write_text(_damage(text, edits), encoding="utf-8")
        with contextlib.suppress(SpecError):
            read(file)
