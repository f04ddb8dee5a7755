# SPDX-License-Identifier: Apache-2.0
"""Runs are sorted into designs, cases and seeds."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from emu.errors import RunError
from emu.report.dataset import Dataset
from emu.telemetry import Run, find_runs


def dataset(folder: Path) -> Dataset:
    return Dataset.from_runs(map(Run, find_runs([folder])[0]))


def test_designs_have_fixed_order_and_style(runs_dir: Path) -> None:
    designs = dataset(runs_dir).designs
    assert [(d.key, d.label, d.style) for d in designs] == [
        ("l3", "L3", 0), ("stretched-l2/rstp", "L2 RSTP", 2), ("evpn/l2vni", "EVPN L2VNI", 4),
    ]  # fmt: skip


def test_cases_are_ordered_with_faults_last(runs_dir: Path) -> None:
    data = dataset(runs_dir)
    assert [(c.title, c.has_faults) for c in data.cases] == [
        ("Load 40\u00a0%", False),
        ("Load 70\u00a0%", False),
        ("Link failure, load 70\u00a0%", True),
    ]
    assert [len(cell.runs) for cell in data.row(data.cases[0])] == [2, 2, 2]


def test_a_fault_finds_its_twin(runs_dir: Path) -> None:
    data = dataset(runs_dir)
    faulty = data.row(data.cases[2])[0]
    twin = data.twin(faulty)
    assert twin is not None
    assert twin.case.title == "Load 70\u00a0%"
    assert twin.design == faulty.design
    assert data.twin(twin) is None


def test_timers_are_kept_apart_from_cases(synthetic: ModuleType, tmp_path: Path) -> None:
    synthetic.write_runs(tmp_path, designs=synthetic.DESIGNS[:2], loads=(0.5,), seeds=(1,),
                         transfers=20, withdraw_ms=(20, 200))  # fmt: skip
    data = dataset(tmp_path)
    assert data.timer_values == {"bgp_remote_withdraw_per_hop": ("20ms", "50ms", "200ms")}
    assert len(data.cases) == 2
    assert len(data.timer_cells) == 6  # the variant without the label has the usual value


def test_if_all_runs_vary_a_timer_the_table_shows_the_middle(
    synthetic: ModuleType, tmp_path: Path
) -> None:
    for ms in (20, 200, 500):
        case = {"case": "link-failure", "workload.load.fraction": "0.5",
                "timers.bgp_remote_withdraw_per_hop": f"{ms}ms"}  # fmt: skip
        synthetic.write_run(tmp_path / f"v{ms}" / "seed-1", synthetic.DESIGNS[0], case, 1,
                            f"v{ms}", 20)  # fmt: skip
    data = dataset(tmp_path)
    (cell,) = data.row(data.cases[0])
    assert [r.meta["variant"] for r in cell.runs] == ["v200"]


def test_two_designs_of_one_kind_get_two_styles(synthetic: ModuleType, tmp_path: Path) -> None:
    for i, label in enumerate(("EVPN, ECN copied", "EVPN, ECN lost")):
        design = synthetic.Design("evpn/l2vni", label, 1.0, 0.0, 1.0, overhead=50)
        case = {"case": "base", "workload.load.fraction": "0.5"}
        synthetic.write_run(tmp_path / f"v{i}" / "seed-1", design, case, 1, f"v{i}", 20)
    designs = dataset(tmp_path).designs
    assert [d.label for d in designs] == ["EVPN, ECN copied", "EVPN, ECN lost"]
    assert len({d.style for d in designs}) == 2


def test_the_same_run_twice_is_refused(synthetic: ModuleType, tmp_path: Path) -> None:
    case = {"case": "base", "workload.load.fraction": "0.5"}
    for copy in ("a", "b"):
        synthetic.write_run(tmp_path / copy, synthetic.DESIGNS[0], case, 1, "v", 20)
    with pytest.raises(RunError, match="counting them twice"):
        dataset(tmp_path)


def test_no_runs() -> None:
    with pytest.raises(RunError, match="no complete run"):
        Dataset.from_runs([])
