# SPDX-License-Identifier: Apache-2.0
"""Captures of random small experiments: faults, floods, pauses, all designs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from emu.sim.captures import Captures
from emu.spec import ExperimentSpec
from tests.captures.decode import read_file
from tests.golden.lab import MS, Flow, Outcome, prepare, scenario
from tests.property.laws import play
from tests.property.scenes import experiments, few, fit, spec_of, traffic

FEW = few(15)


def watched(spec: ExperimentSpec, payload: str, ports: list[str]) -> ExperimentSpec:
    record = spec.record.model_dump() | {"captures": [{"ports": ports, "payload": payload}]}
    return ExperimentSpec.model_validate({**spec.model_dump(), "record": record})


def check_port(out: Outcome, port: int, folder: Path) -> None:
    """What the port's file holds is what the engine counts there."""
    fabric = out.scenario.fabric
    file = read_file(folder / f"{fabric.ports[port].name.replace(':', '-')}.pcapng")
    number = int(out.ports.to_engine[port])
    queues = {name: column.reshape(-1, 8) for name, column in out.engine.queues().items()}
    holes = out.engine.port_drops()["black_hole"]
    sent = [p for p in file.packets if p["tx"] and p["what"] != "pfc"]
    swallowed = holes["packets"][number]
    assert len(sent) == queues["tx_packets"][number].sum() - swallowed
    lost_bytes = holes["bytes"][number] + 20 * swallowed
    assert sum(p["length"] + 24 for p in sent) == queues["tx_bytes"][number].sum() - lost_bytes
    xoff = [p for p in file.packets if p["what"] == "pfc" and any(p["quanta"])]
    assert sum(p["tx"] for p in xoff) == queues["pfc_tx_frames"][number].sum()
    assert sum(not p["tx"] for p in xoff) >= queues["pfc_rx_frames"][number].sum()
    times = [p["t_ps"] for p in file.packets]
    assert times == sorted(times)
    assert all(p.get("icrc_ok", True) for p in file.packets)
    assert all(1 <= p.get("ttl", 1) <= 64 and 1 <= p.get("o_ttl", 1) <= 64 for p in file.packets)


@FEW
@given(experiments(), traffic(), st.sampled_from(["snapped", "pattern"]))
def test_captures_of_a_leaf_and_its_hosts(
    given: dict[str, Any], flows: list[Flow], payload: str
) -> None:
    plain = spec_of(given)
    spec = watched(plain, payload, ["leaf0", "h0", "spine0"])
    chosen = fit(plain, flows)
    with tempfile.TemporaryDirectory() as name:
        out = prepare(scenario(spec, chosen))
        captures = Captures(out.engine, out.scenario, out.ports, Path(name))
        play(out, [], 20 * MS)
        written = captures.finish()
        fabric = out.scenario.fabric
        ids = {port.name: port.id for port in fabric.ports}
        for entry in written:
            check_port(out, ids[entry["port"]], Path(name))
        # Nobody looked, and everything happened just so.
        unseen = prepare(scenario(plain, chosen))
        play(unseen, [], 20 * MS)
        assert unseen.flows.equals(out.flows)
        assert unseen.counters == out.counters
        for column, values in unseen.engine.queues().items():
            assert (values == out.engine.queues()[column]).all(), column
