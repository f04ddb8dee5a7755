# SPDX-License-Identifier: Apache-2.0
"""Which time dilation a run gets: the one given, or the one this machine was measured to need.

A measurement is kept with a fingerprint of the machine, so that runs of one machine share it
and another machine, or a machine with another kernel, measures anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import emu
from emu.lab.calibrate import Calibration, calibrate
from emu.spec import TopologySpec

Tell = Callable[[str], None]

GIVEN = "given"
CALIBRATED = "calibrated"


@dataclass(frozen=True)
class Dilation:
    """A time dilation and where it comes from."""

    value: float
    """Wall time per fabric time."""
    origin: str = GIVEN
    """``given``, or ``calibrated`` with what was measured."""


def machine() -> dict[str, Any]:
    """What a measurement depends on: processor, cores, kernel, version of emu."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "emu": emu.__version__,
    }


def fingerprint(value: Any) -> str:
    """Sixteen hexadecimal digits that stand for a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def cache_path() -> Path:
    """Where measurements are kept."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "emu" / "dilation.json"


def choose_dilation(
    topology: TopologySpec,
    tell: Tell,
    *,
    measure: Callable[[TopologySpec, Tell], Calibration] = calibrate,
) -> Dilation:
    """The calibrated dilation for a topology on this machine, measured if it never was.

    Raises
    ------
    emu.errors.RunError
        When it has to be measured and the lab cannot be built here.
    """
    here = fingerprint(machine())
    key = f"{here}-{_shape(topology)}"
    known = read_cache()
    if not _is_whole(known.get(key)):
        tell(f"measuring what time dilation {topology.name} needs on this machine")
        return remember(topology, measure(topology, tell))
    return _dilation(known[key], here)


def remember(topology: TopologySpec, found: Calibration) -> Dilation:
    """Keep a measurement as this machine's for a topology."""
    about = machine()
    here = fingerprint(about)
    key = f"{here}-{_shape(topology)}"
    entry = {"machine": about, **found.as_dict()}
    path = cache_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps({**read_cache(), key: entry}, indent=1, sort_keys=True)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
    return _dilation(entry, here)


def read_cache() -> dict[str, dict[str, Any]]:
    """All measurements that are kept; a file that cannot be read holds none."""
    try:
        value = json.loads(cache_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _dilation(entry: dict[str, Any], here: str) -> Dilation:
    return Dilation(
        float(entry["dilation"]),
        f"{CALIBRATED}: {entry['cpu_us_per_packet']:.0f} us of work per packet and switch, "
        f"p90 through a switch {entry['turnaround_p90_us']:.0f} us, {entry['cores']} cores, "
        f"machine {here}",
    )


def _shape(topology: TopologySpec) -> str:
    """Fingerprint of nodes and links: thresholds and timers make no work."""
    return fingerprint(topology.model_dump(mode="json", include={"clos", "explicit"}))


def _is_whole(entry: object) -> bool:
    """An entry that another version wrote may lack something."""
    return isinstance(entry, dict) and {f.name for f in fields(Calibration)} <= entry.keys()


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor()
