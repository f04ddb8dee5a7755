# SPDX-License-Identifier: Apache-2.0
"""One variant, one seed: build, run, write."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emu.core import _core
from emu.sim.build import build_engine
from emu.sim.captures import FOLDER, Captures
from emu.sim.code import code_sha256
from emu.sim.feed import Feed
from emu.sim.ports import map_ports
from emu.sim.recording import Recording
from emu.sim.scenario import Scenario, make_scenario
from emu.sim.steering import Steering
from emu.sim.threads import threads_for
from emu.sim.timeline import Timeline
from emu.sim.watching import LiveFile, Watchers
from emu.spec import Variant
from emu.telemetry import RunWriter

Report = Callable[[int, int, float], None]
"""Called with fabric time (ps), packets so far and the share that is done (0 to 1)."""

_PROGRESS_S = 0.25


def run_variant(
    variant: Variant,
    seed: int,
    directory: Path,
    *,
    report: Report | None = None,
    command: str = "",
    fingerprint: str = "",
    stream: Path | None = None,
    threads: int | None = 1,
    share: int = 1,
) -> Path:
    """Simulate and write ``directory``, whole or not at all.

    Parameters
    ----------
    variant : Variant
        One design under one set of values.
    seed : int
        Seed of every random choice.
    directory : Path
        The run directory; what is there is replaced once the new run is whole.
    report : callable, optional
        Told now and then how far the run is.
    command : str
        Command that reproduces the run, for its record.
    fingerprint : str
        Digest of all inputs, by which a later --resume knows the run again.
    stream : Path, optional
        File or Unix socket that gets the run as JSON lines while it goes on.
    threads : int, optional
        Threads of the engine; None: as many as help, of ``share`` cores. No result depends
        on it.
    share : int
        Cores that this run may take for itself.

    Raises
    ------
    emu.errors.InputError, emu.errors.RunError
    """
    began, cpu_began = time.perf_counter(), time.process_time()
    scenario = make_scenario(variant, seed)
    ports = map_ports(scenario.fabric)
    number = threads_for(scenario, threads, share)
    engine = build_engine(scenario, ports, post=False, threads=number)
    timeline = Timeline(engine, scenario.fabric, ports)
    recording = Recording(engine, scenario, ports)
    with RunWriter(directory, replace=True) as writer:
        captured = scenario.spec.record.captures
        # A capture asks for messages before and after they live, a series for those before one.
        whole = bool(captured) or recording.telemetry is not None
        feed = Feed(engine, scenario, lambda rows: writer.append_flows(rows.columns), whole=whole)
        captures = None
        if captured:
            feed.post_until(0)
            captures = Captures(engine, scenario, ports, writer.partial / FOLDER)
        live = LiveFile(
            engine, scenario, ports, recording.counters, variant.id, writer.partial,
            None if whole else feed,
        )  # fmt: skip
        name = f"{variant.id}/seed-{seed}"
        streamed = None
        if stream is not None:
            from emu.sim.streaming import Stream

            streamed = Stream(engine, scenario, recording.counters, timeline, name, stream)
        told = Watchers(live, streamed)
        drive(engine, scenario, timeline, report, captures, feed, recording, told)
        # Here, because pandas would double the time until the first packet.
        from emu.sim.write import write_run

        write_run(
            writer, variant, scenario, engine, ports, timeline, recording, feed,
            command=command, fingerprint=fingerprint,
            more={} if captures is None else {"captures": captures.finish()},
        )  # fmt: skip
        writer.write_timing(
            wall_s=time.perf_counter() - began,
            cpu_s=time.process_time() - cpu_began,
            code_sha256=code_sha256(),
            threads=number,
            # Linux counts in KiB.
            rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
    return directory


def end_ps(scenario: Scenario) -> int:
    """Fabric time after which the run stops whatever is left."""
    stop = scenario.spec.stop
    limits = [1 << 60]
    if stop.at is not None:
        limits.append(stop.at)
    if stop.drain is not None:
        limits.append(scenario.workload.stream.last_post_ps + stop.drain)
    return min(limits)


def drive(
    engine: _core.Engine,
    scenario: Scenario,
    timeline: Timeline,
    report: Report | None = None,
    captures: Captures | None = None,
    feed: Feed | None = None,
    recording: Recording | None = None,
    watchers: Watchers | None = None,
) -> None:
    """Run an engine to the end of its scenario, stopping at every update and every sample.

    Without ``feed`` the engine has all flows already.
    """
    until = end_ps(scenario)
    interval = scenario.spec.record.sample_interval
    updates = [update for update in scenario.plan.timeline if update.at_ps <= until]
    wanted = scenario.spec.stop.transfers
    span = max(1, scenario.workload.stream.last_post_ps)
    told = time.monotonic()
    next_sample, u = interval, 0
    steering = timeline.steering = Steering(engine, scenario, timeline.ports)
    while engine.now_ps < until and engine.unfinished > 0:
        at = min(until, next_sample, steering.next_ps)
        if u < len(updates):
            at = min(at, updates[u].at_ps)
        if feed is not None:
            feed.post_until(at)
        engine.run_until(at, stop_when_done=True)
        if engine.now_ps < at:
            break
        sampled = at == next_sample
        if sampled:
            # Before the updates of this moment: what they cause belongs to the next interval.
            recording.sample() if recording is not None else engine.sample()
            if watchers is not None:
                watchers.sample(min(0.99, engine.now_ps / span))
            next_sample += interval
        while u < len(updates) and updates[u].at_ps == at:
            timeline.apply(updates[u])
            u += 1
        if at == steering.next_ps:
            steering.act()
        if sampled:
            if captures is not None:
                captures.check()
            if wanted is not None and transfers_done(engine, scenario, feed) >= wanted:
                break
            if report is not None and time.monotonic() - told > _PROGRESS_S:
                told = time.monotonic()
                report(engine.now_ps, engine.packets, min(0.99, engine.now_ps / span))
    recording.finish() if recording is not None else engine.sample()
    if watchers is not None:
        watchers.finish()
    if report is not None:
        report(engine.now_ps, engine.packets, 1.0)


def transfers_done(engine: _core.Engine, scenario: Scenario, feed: Feed | None = None) -> int:
    """Transfers of which every flow has arrived; ``feed`` is needed where flows are retired."""
    if feed is not None:
        return feed.transfers_done()
    transfer = scenario.workload.flow_table["transfer_id"]
    open_ = engine.messages()["end_ps"] < 0
    own = transfer >= 0
    return len(np.unique(transfer[own])) - len(np.unique(transfer[own & open_]))
