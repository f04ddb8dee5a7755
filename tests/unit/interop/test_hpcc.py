# SPDX-License-Identifier: Apache-2.0
"""Files of the HPCC simulator: read, refused with the place of the fault, written back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emu.errors import InputError
from emu.fabric.numbering import address
from emu.interop.hpcc import export_fct, import_case, read_fct
from emu.sim.run import run_variant
from emu.spec import load_experiment
from emu.telemetry import Run

CASES = Path(__file__).parents[3] / "experiments" / "validation" / "hpcc-ns3"


def _import(case: Path, out: Path) -> Path:
    import_case(case / "topology.txt", case / "flow.txt", case / "config.txt", out)
    return out


def _changed(tmp_path: Path, name: str, old: str, new: str) -> Path:
    """The single-flow case with one text replaced in one file."""
    for path in (CASES / "b0_single_flow_star_dcqcn").iterdir():
        text = path.read_text()
        if path.name == name:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / path.name).write_text(text)
    return tmp_path


def _run(case: str, tmp_path: Path) -> Path:
    spec = load_experiment(_import(CASES / case, tmp_path / f"{case}.yaml"))
    (variant,) = spec.variants()
    return run_variant(variant, 1, tmp_path / "run")


def test_a_lone_flow_takes_what_that_simulator_says_to_the_nanosecond(tmp_path: Path) -> None:
    run = _run("b0_single_flow_star_dcqcn", tmp_path)
    assert export_fct(run, tmp_path / "fct.txt") == 1
    expected = (CASES / "b0_single_flow_star_dcqcn" / "fct.txt").read_text()
    assert (tmp_path / "fct.txt").read_text() == expected


def test_an_incast_under_pfc_takes_the_same_per_flow_within_a_percent(tmp_path: Path) -> None:
    run = _run("b3_incast16_star_pfconly", tmp_path)
    export_fct(run, tmp_path / "fct.txt")
    got = read_fct(tmp_path / "fct.txt")
    expected = read_fct(CASES / "b3_incast16_star_pfconly" / "fct.txt")
    by_source = {int(src): int(ns) for src, ns in zip(got.src, got.fct_ns, strict=True)}
    ours = np.array([by_source[int(src)] for src in expected.src])
    assert np.abs(ours / expected.fct_ns - 1).max() < 0.01
    assert (got.standalone_ns == expected.standalone_ns.max()).all()


def test_hosts_have_that_simulators_addresses() -> None:
    assert [address(n) for n in (0, 1, 16, 256)] == [0x0B000001, 0x0B000101, 0x0B001001, 0x0B010001]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("config.txt", "CC_MODE 1", "CC_MODE 3", r"config.txt:11:9: CC_MODE is 3 \(HPCC\)"),
        ("config.txt", "CC_MODE 1", "CC_MOD 1", r"config.txt:11:1: unknown key CC_MOD\b"),
        ("config.txt", "HAS_WIN 0", "HAS_WIN 1", "a window of bytes in flight is not modelled"),
        ("config.txt", "KMIN_MAP 2 100000000000 400", "KMIN_MAP 2 25000000000 100",
         "KMIN_MAP has no entry for links of 100G: given are 25G, 400G"),
        ("topology.txt", "0 3 100Gbps", "0 9 100Gbps", "3:3: a link's end is 9: 0 to 3"),
        ("topology.txt", "0 3 100Gbps", "0 1 100Gbps", "hosts 0 and 1 are linked to each other"),
        ("topology.txt", "0.001ms 0\n1", "0.001ms 0.1\n1", "the link loses packets"),
        ("flow.txt", "0 1 3 100", "0 3 3 100", r"flow.txt:2:3: node 3 is a switch"),
        ("flow.txt", "2.000000000", "1.5", "flows start at 2.0 s or later"),
        ("flow.txt", "1\n", "5\n", "5 flows are announced and 1 are there"),
        ("flow.txt", "10000000 2.0", "ten 2.0", "the size is 'ten': a whole number is wanted"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, name: str, old: str, new: str, message: str
) -> None:
    case = _changed(tmp_path, name, old, new)
    with pytest.raises(InputError, match=message):
        _import(case, tmp_path / "case.yaml")


def test_parallel_links_between_switches_all_carry_traffic(tmp_path: Path) -> None:
    """That simulator keeps the last one only."""
    (tmp_path / "topology.txt").write_text(
        "6 3 7\n3 4 5\n0 3 100Gbps 1us 0\n1 3 100Gbps 1us 0\n2 4 100Gbps 1us 0\n"
        "3 5 100Gbps 1us 0\n3 5 100Gbps 1us 0\n4 5 100Gbps 1us 0\n4 5 100Gbps 1us 0\n"
    )
    flows = "".join(f"{i % 2} 2 3 100 100000 2.0\n" for i in range(16))
    (tmp_path / "flow.txt").write_text(f"16\n{flows}")
    config = CASES / "b0_single_flow_star_dcqcn" / "config.txt"
    (tmp_path / "config.txt").write_text(config.read_text())
    spec = load_experiment(_import(tmp_path, tmp_path / "case.yaml"))
    (variant,) = spec.variants()
    links = Run(run_variant(variant, 1, tmp_path / "run")).links
    used = links[(links["kind"] == "fabric") & (links["a_node"] == "leaf3")]["a_tx_bytes"]
    assert len(used) == 2
    assert (used > 0).all()
