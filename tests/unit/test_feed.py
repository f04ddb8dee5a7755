# SPDX-License-Identifier: Apache-2.0
"""A run that posts flows as they come due writes the bytes of one that posts all at first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from emu.sim import feed, run, run_variant
from emu.spec import load_experiment
from emu.telemetry import Run, writer

REPOSITORY = Path(__file__).resolve().parents[2]
FAILURE = {"kind": "link-down", "link": "leaf0-spine0[0]", "at": "2ms"}
DEAD = {"kind": "link-down", "link": "h0.0-leaf0", "at": "2ms"}
CASES: dict[str, dict[str, Any]] = {
    "writes": {},
    "reads-and-losses": {"engine": "nixl-pull", "faults": [FAILURE, {**FAILURE, "at": "9ms"}]},
    "overtaking": {
        "transport": {"cc": "dcqcn", "receiver": "selective-repeat"},
        "routing": {"policy": "spray"},
        "faults": [FAILURE],
    },
    "dead-host": {"faults": [DEAD]},
    "cut-off": {"stop": {"at": "5ms"}},
    "transfers": {"stop": {"transfers": 12}},
}


def spec(folder: Path, name: str, load: float = 0.5) -> Any:
    case = dict(CASES[name])
    engine = case.pop("engine", {"base": "mooncake", "chunk_tokens": 256})
    trace = {"file": str(REPOSITORY / "traces" / "azure-conv-sample.csv"), "limit": 24}
    text = {
        "kind": "experiment",
        "name": name,
        "question": "Does it matter when flows are posted?",
        "topology": "leaf-spine-16x100G",
        "workload": {
            "trace": trace,
            "model": "llama-3.1-8b",
            "kv_dtype": "fp8",
            "parallelism": {"prefill_tp": 1, "decode_tp": 1},
            "engine": engine,
            "load": {"fraction": load},
        },
        "transport": {"cc": "dcqcn"},
        "designs": ["l3"],
        "record": {"sample_interval": "200us", "level": "counters"},
        **case,
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(text))
    return load_experiment(file)


class Whole(feed.Feed):
    """Posts everything at once, whatever the run asks for."""

    made = 0

    def __init__(self, *args: Any, whole: bool) -> None:
        assert not whole
        Whole.made += 1
        super().__init__(*args, whole=True)


def tables(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.iterdir() if file.name != "timing.json")
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize("name", CASES)
def test_when_flows_are_posted_does_not_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (feed, writer):
        monkeypatch.setattr(module, "FLOWS_PER_GROUP", 16)
    (variant,) = spec(tmp_path, name).variants()
    streamed = run_variant(variant, 1, tmp_path / "streamed")
    Whole.made = 0
    monkeypatch.setattr(run, "Feed", Whole)
    whole = run_variant(variant, 1, tmp_path / "whole")
    assert Whole.made == 1
    assert tables(streamed) == tables(whole)
    flows = Run(whole).flows
    assert len(flows) >= 3 * 16
    states = set(flows["status"])
    assert states == {
        "dead-host": {"done", "failed"},
        "cut-off": {"done", "unfinished"},
        "transfers": {"done", "unfinished"},
    }.get(name, {"done"})
    if name == "reads-and-losses":
        assert flows["timeouts"].sum() + flows["naks"].sum() > 0


def test_what_has_ended_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []

    class Watched(feed.Feed):
        def post_until(self, until_ps: int) -> None:
            super().post_until(until_ps)
            held.append(len(self._engine.live()["number"]))

    monkeypatch.setattr(run, "Feed", Watched)
    (variant,) = spec(tmp_path, "writes", load=0.05).variants()
    flows = Run(run_variant(variant, 1, tmp_path / "run")).flows
    # A queue pair keeps its last message, at which it still points, beside what it carries.
    assert max(held) <= flows["qp_id"].nunique() + 32 < len(flows) / 2
