# SPDX-License-Identifier: Apache-2.0
"""From an engine that has run to its run directory: tables and run.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

import emu
from emu.core import _core
from emu.fabric.faults import resolve_faults
from emu.fabric.forwarding import ForwardingPlan, NicStorm, ReceiverRate, SilentHost
from emu.fabric.response import responses
from emu.fabric.sensitivity import moving_timers
from emu.sim.feed import Feed
from emu.sim.flows import FlowTotals, all_flow_rows
from emu.sim.ports import PortMap
from emu.sim.recording import Recording
from emu.sim.results import (
    counters,
    port_tables,
    qp_table,
    request_table,
    series_table,
    transfer_table,
)
from emu.sim.scenario import Scenario
from emu.sim.timeline import Timeline, engine_events
from emu.spec import Variant
from emu.telemetry import RunWriter


def write_run(
    writer: RunWriter,
    variant: Variant,
    scenario: Scenario,
    engine: _core.Engine,
    ports: PortMap,
    timeline: Timeline,
    recording: Recording,
    feed: Feed | None = None,
    *,
    command: str,
    fingerprint: str,
    more: Mapping[str, Any],
) -> None:
    """Tables and run.json of an engine that has run; ``more`` overrides and adds keys.

    ``feed`` has written a part of the flows; without one the engine still has them all.
    """
    recorded = recording.tables()
    if feed is not None:
        feed.finish()
        totals = feed.totals
    else:
        flows = all_flow_rows(engine, scenario)
        writer.write_table("flows", flows.columns)
        totals = FlowTotals(scenario)
        totals.add(flows)
    _write(writer, engine, scenario, ports, timeline, totals)
    for name, frame in recorded.items():
        writer.write_table(name, frame)
    meta = _meta(variant, scenario, engine, command, fingerprint)
    meta["notes"] += recording.notes(recorded)
    writer.write_meta({**meta, **more})


def _write(
    writer: RunWriter,
    engine: _core.Engine,
    scenario: Scenario,
    ports: PortMap,
    timeline: Timeline,
    totals: FlowTotals,
) -> None:
    transfers = transfer_table(scenario, totals)
    port_rows, link_rows, switch_rows = port_tables(engine, scenario, ports)
    writer.write_table("transfers", transfers)
    writer.write_table("qps", qp_table(engine, scenario, totals))
    writer.write_table("requests", request_table(scenario, transfers))
    writer.write_table("ports", port_rows)
    writer.write_table("links", link_rows)
    writer.write_table("switches", switch_rows)
    writer.write_table("series", series_table(engine))
    writer.write_table("events", _events(engine, scenario, ports, timeline))


def _events(
    engine: _core.Engine, scenario: Scenario, ports: PortMap, timeline: Timeline
) -> pd.DataFrame:
    now = engine.now_ps
    rows = [timeline.event(update) for update in scenario.plan.timeline if update.at_ps <= now]
    rows += engine_events(engine, scenario.fabric, ports)
    rows += timeline.steering.events if timeline.steering is not None else []
    columns = ["t_ps", "kind", "phase", "node", "port", "detail"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.drop_duplicates(ignore_index=True)
    return frame.sort_values("t_ps", kind="stable", ignore_index=True)


def _faulted_endpoints(plan: ForwardingPlan) -> list[int]:
    """Endpoints that misbehave themselves: what they take part in is late in every design."""
    own = (NicStorm, ReceiverRate, SilentHost)
    return sorted({update.endpoint for update in plan.timeline if isinstance(update, own)})


def _timers(scenario: Scenario, until_ps: int) -> dict[str, dict[str, Any]]:
    spec = scenario.spec
    moving = moving_timers(scenario.fabric, spec, scenario.seed, until_ps)
    return {
        name: {**about, "moves": name in moving} for name, about in spec.timers.describe().items()
    }


def _meta(
    variant: Variant, scenario: Scenario, engine: _core.Engine, command: str, fingerprint: str
) -> dict[str, Any]:
    spec, fabric, plan = scenario.spec, scenario.fabric, scenario.plan
    counts = counters(engine)
    return {
        "emu_version": emu.__version__,
        "experiment": spec.name,
        "question": spec.question,
        "variant": variant.id,
        "labels": variant.labels,
        "design": variant.design.key,
        "design_label": variant.design.label,
        "seed": scenario.seed,
        "backend": "sim",
        "fabric_ps": engine.now_ps,
        "window_ps": engine.window_ps,
        "packets": counts["injected_packets"],
        "packet_hops": counts["packet_hops"],
        "command": command,
        "spec": spec.model_dump(mode="json"),
        "spec_sha256": fingerprint or spec.fingerprint(),
        "scenario_sha256": scenario.sha256(),
        "counters": counts,
        "offered_load": float(scenario.workload.offered_load),
        "span_ps": int(scenario.workload.span_ps),
        "workload": scenario.workload.stats,
        "blocked_links": [fabric.links[link].name for link in plan.blocked_links],
        "notes": [*plan.notes, *scenario.workload.notes],
        "faulted_endpoints": _faulted_endpoints(plan),
        "responses": [
            asdict(r) for r in responses(fabric, plan, resolve_faults(fabric, spec.faults))
        ],
        "timers": _timers(scenario, engine.now_ps),
        "n_endpoints": fabric.n_endpoints,
        "host_rate_bps": int(
            np.median([fabric.ports[fabric.ports_of(e)[0]].rate_bps for e in fabric.endpoints])
        ),
    }
