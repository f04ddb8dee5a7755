# SPDX-License-Identifier: Apache-2.0
"""TIMELY in experiment files: what is accepted, what is refused, and that it moves the rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from emu.errors import SpecError
from emu.sim import check_experiment, run_variant
from emu.spec import ExperimentSpec, load_experiment
from emu.telemetry import Run

REPOSITORY = Path(__file__).resolve().parents[3]
TIMELY = {"cc": "timely", "timely": "fabric"}


def experiment(folder: Path, transport: dict[str, Any], verb: str = "write") -> ExperimentSpec:
    rows = [f"0,h{i}.0,h0.0,8000000,{verb}" for i in range(4, 8)]
    (folder / "flows.csv").write_text("\n".join(["start_us,src,dst,bytes,verb", *rows, ""]))
    file = folder / "x.yaml"
    spec = {
        "kind": "experiment",
        "name": "x",
        "question": "Does the sender listen to the round trip?",
        "topology": str(REPOSITORY / "topologies" / "leaf-spine-16x100G.yaml"),
        "workload": {"trace": {"file": "flows.csv", "format": "flows"}},
        "transport": transport,
        "designs": ["l3"],
    }
    file.write_text(yaml.safe_dump(spec))
    return load_experiment(file)


def test_the_round_trip_moves_the_rate_and_nobody_is_marked(tmp_path: Path) -> None:
    runs = {}
    for name, transport in {"timely": TIMELY, "none": {"cc": "none"}}.items():
        (variant,) = experiment(tmp_path, transport).variants()
        runs[name] = Run(run_variant(variant, 1, tmp_path / name))
    for run in runs.values():
        assert (run.flows["status"] == "done").all()
    counters = {name: run.meta["counters"] for name, run in runs.items()}
    assert counters["timely"]["ecn_marked_packets"] == 0
    assert counters["timely"]["cnp_packets"] == 0
    peak = {name: run.ports["egress_watermark_bytes"].max() for name, run in runs.items()}
    assert peak["timely"] <= peak["none"]
    assert counters["timely"]["pfc_frames"] < counters["none"]["pfc_frames"]


@pytest.mark.parametrize(
    ("transport", "message"),
    [
        ({"cc": "timely"}, "cc is timely"),
        ({"timely": "paper"}, "set cc to timely"),
        ({"cc": "dcqcn", "timely": "paper"}, "leave one of them out"),
        ({"cc": "timely", "timely": "papper"}, "unknown timely preset 'papper'"),
        (
            {"cc": "timely", "timely": {"base": "paper", "rtt_low": "1ms"}},
            "rtt_low must be the smaller",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    transport: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=message):
        experiment(tmp_path, transport)


def test_reads_have_no_acknowledgement_to_measure(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="the data of READs has none"):
        check_experiment(experiment(tmp_path, TIMELY, verb="read"))
