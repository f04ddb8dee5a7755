# SPDX-License-Identifier: Apache-2.0
"""Which assumed times a run rests on: those whose other published values change its plan."""

from __future__ import annotations

from typing import Any, cast

from emu.fabric.designs import plan_design
from emu.fabric.forwarding import ForwardingPlan
from emu.fabric.graph import Fabric
from emu.spec.experiment import ExperimentSpec
from emu.spec.timers import TimersSpec

__all__ = ["moving_timers"]


class _Consulted:
    """The timers of an experiment, with a list of those that somebody has asked for."""

    def __init__(self, timers: TimersSpec) -> None:
        self._timers = timers
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        # detection_ps reads other timers by itself.
        own = getattr(type(self._timers), name, None)
        if isinstance(own, property) and own.fget is not None:
            return own.fget(self)
        return getattr(self._timers, name)


def moving_timers(fabric: Fabric, spec: ExperimentSpec, seed: int, until_ps: int) -> frozenset[str]:
    """Timers that move the run, by their names.

    A timer moves a run when the lowest or the highest of its published values changes what
    any switch or host forwards, or when, before ``until_ps``. All others may take any
    published value and the run stays the same to the byte.

    Parameters
    ----------
    fabric : Fabric
        The graph that ``spec`` describes.
    spec : ExperimentSpec
        A variant: exactly one design.
    seed : int
        Seed of the run.
    until_ps : int
        Fabric time at which the run ended.
    """
    consulted = _Consulted(spec.timers)
    asking = spec.model_copy(update={"timers": cast(TimersSpec, consulted)})
    known = _forwarding(plan_design(fabric, asking, seed), until_ps)
    moving = set()
    for name in sorted(consulted.names & set(TimersSpec.names())):
        info = TimersSpec.info(name)
        for value in (info.low, info.high):
            timers = spec.timers.model_copy(update={name: value})
            other = plan_design(fabric, spec.model_copy(update={"timers": timers}), seed)
            if _forwarding(other, until_ps) != known:
                moving.add(name)
                break
    return frozenset(moving)


def _forwarding(plan: ForwardingPlan, until_ps: int) -> tuple[object, ...]:
    """What decides where packets go. At time 0 no timer has a say in the tables."""
    ages = 0 < plan.mac_age_ps < until_ps
    timeline = [update for update in plan.timeline if update.at_ps < until_ps]
    return plan.mac_age_ps if ages else 0, timeline
