# SPDX-License-Identifier: Apache-2.0
"""How long the lab's control planes took to repair a link, as times for the simulator.

The traffic manager knows of every packet that a switch swallowed when it should have gone on.
So the repair at a switch ends with the last of these, wherever its control plane runs.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from emu.spec import Variant
from emu.telemetry import Run

TIMERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "l3": (("bgp_local_repair", "near"), ("bgp_remote_withdraw_per_hop", "far")),
    "l3-host": (("bgp_local_repair", "near"), ("bgp_remote_withdraw_per_hop", "far")),
    "evpn/l2vni": (("bgp_local_repair", "near"), ("bgp_remote_withdraw_per_hop", "far")),
    "stretched-l2/rstp": (("rstp_local", "any"),),
    "stretched-l2/mlag": (("lacp_member", "any"), ("mlag_failover", "any")),
}
"""By design: the simulator's timers, and at which end of the link their repair is seen. `near`
is the leaf, whose own link died; `far` the spine, which gets packets for the leaf until the
others have been told."""


def repairs(runs: Iterable[Run]) -> dict[str, int]:
    """Repair times in fabric picoseconds by end (``near``, ``far``, ``any``), median of the runs.

    A run in which nobody sent anything into the dead end says nothing about it, and one in which
    no link died has nothing to repair.
    """
    seen: dict[str, list[int]] = {"near": [], "far": [], "any": []}
    for run in runs:
        if (fault := _fault(run)) is None:
            continue
        fault_ps, ends = fault
        last = run.meta["lab"]["swallowed_last_ps"]
        times = {name: int(at) - fault_ps for name, at in last.items() if int(at) >= fault_ps}
        for name, end in ends.items():
            if name in times:
                seen[end].append(times[name])
        if times:
            seen["any"].append(max(times.values()))
    return {end: round(statistics.median(values)) for end, values in seen.items() if values}


def _fault(run: Run) -> tuple[int, dict[str, str]] | None:
    """When the first link died, and which end each of its switches is; None: none did."""
    events = run.events
    died = events[(events["kind"] == "link-state") & (events["phase"] == "start")]
    if died.empty:
        return None
    first = died.iloc[0]
    links = run.links.set_index("name")
    link = links.loc[str(first["port"])] if str(first["port"]) in links.index else None
    ends = {}
    if link is not None:
        for side in ("a", "b"):
            ends[str(link[f"{side}_node"])] = "near" if link[f"{side}_tier"] == "leaf" else "far"
    return int(first["t_ps"]), ends


def with_repairs(variant: Variant, lab: Path, seeds: Sequence[int], scale: float = 1.0) -> Variant:
    """A variant with the repair times of the lab's runs of it as the simulator's timers.

    Parameters
    ----------
    variant : Variant
        One without faults comes back as it is.
    lab : Path
        The lab's runs of the experiment.
    seeds : sequence of int
        Of these runs; late ones do not count.
    scale : float
        1 for the lab's fabric time; the time dilation for its wall time.
    """
    if not variant.spec.faults:
        return variant
    timers = _timers(variant, repairs(_runs(lab, variant, seeds)), scale)
    changed = variant.spec.timers.model_copy(update=timers)
    return changing(variant, timers=changed)


def changing(variant: Variant, **fields: Any) -> Variant:
    """A variant with other top-level fields."""
    return replace(variant, spec=variant.spec.model_copy(update=fields))


def _timers(variant: Variant, found: Mapping[str, int], scale: float) -> dict[str, int]:
    """What a failure's assumed times become, in picoseconds; none was seen: repaired at once."""
    wanted = {"loss_of_signal": 0}
    for name, end in TIMERS.get(variant.design.key, ()):
        wanted[name] = round(found.get(end, 0) * scale)
    return wanted


def _runs(lab: Path, variant: Variant, seeds: Sequence[int]) -> list[Run]:
    folders = [lab / variant.id / f"seed-{seed}" for seed in seeds]
    runs = [Run(path) for path in folders if (path / "run.json").is_file()]
    return [run for run in runs if not run.meta["lab"]["late"]]
