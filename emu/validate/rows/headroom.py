# SPDX-License-Identifier: Apache-2.0
"""PFC headroom: as computed it loses nothing, a few cells less lose."""

from __future__ import annotations

from pathlib import Path

from emu.spec import ExperimentSpec, Variant
from emu.spec.headroom import cable_bytes, headroom_annex_n_bytes
from emu.validate.lab import Done, load, simulate
from emu.validate.plot import Figure, Line
from emu.validate.row import Check, Result, Row

PART = "PFC headroom"
FRAME_BYTES = 4178


def _with_headroom(variant: Variant, size: int) -> Variant:
    data = variant.spec.model_dump(mode="json")
    data["overrides"] = {}
    data["topology"]["switches"]["leaf"]["pfc"]["headroom"] = f"{size}B"
    data["workload"]["trace"]["file"] = str(variant.spec.workload.trace.path.resolve())
    return Variant(variant.id, variant.labels, ExperimentSpec.model_validate(data))


def _run(variant: Variant, size: int) -> tuple[Done, int, int]:
    """The run, the headroom that was used, and the packets lost for want of it."""
    done = simulate(_with_headroom(variant, size), 1)
    used = done.queue("leaf0", "h0.0")["headroom_watermark_bytes"]
    lost = done.counters["dropped_by_reason"].get("headroom_exceeded", 0)
    return done, used, lost


def boundary(folder: Path) -> Result:
    """Rates and cables: how much is needed, and what happens just below."""
    result = Result()
    lines: dict[str, tuple[list[float], list[float], list[float]]] = {}
    for variant in load(folder, "headroom.yaml").variants():
        leaf = variant.spec.topology.switches.leaf
        clos = variant.spec.topology.clos
        assert clos is not None
        rate, cable = clos.host_rate, clos.host_cable or 0.0
        cells = -(-FRAME_BYTES // leaf.cell) * leaf.cell
        # What is in the ingress pipeline has not been counted when XOFF is decided, the frame
        # that decides it needs room as well, and cells that are not full take room too.
        pipeline = rate * leaf.pipeline_latency // (8 * 10**12)
        # The annex has 5 ns/m, cables here 5.05.
        longer = round(cable_bytes(rate, cable) - 2 * cable * 5e-9 * rate / 8)
        annex = headroom_annex_n_bytes(rate, cable, FRAME_BYTES)
        wire = annex + longer + pipeline + FRAME_BYTES
        formula = -(-wire * cells // FRAME_BYTES)
        name = f"{rate // 10**9}G, {cable:g} m"
        _, used, lost = _run(variant, formula)
        _, _, lost_exact = _run(variant, used)
        _, _, lost_less = _run(variant, used - leaf.cell)
        result.checks += [
            Check(f"{name}: lost with the computed {formula:,} B", 0, lost, 0.0, absolute=True),
            Check(f"{name}: used of it, B", formula, used, 3.0 * cells, absolute=True),
            Check(f"{name}: lost with what was used", 0, lost_exact, 0.0, absolute=True),
            Check(f"{name}: loses with one cell less", 1, float(lost_less > 0), 0.0, absolute=True),
        ]
        xs, need, have = lines.setdefault(f"{rate // 10**9}G", ([], [], []))
        xs.append(cable)
        need.append(used / 1000)
        have.append(formula / 1000)
    drawn = []
    for rate_name, (xs, need, have) in lines.items():
        drawn += [
            Line(f"{rate_name} computed", xs, have),
            Line(f"{rate_name} used", xs, need, True),
        ]
    result.figure = Figure("Headroom of one priority", "cable, m", "kB", drawn, True, True)
    result.notes.append(
        "Worst case: a receiver that pauses without end behind a sender at line rate, with frames "
        "of the full MTU under way in both directions when XOFF is due. The computed value is an "
        "upper bound: it counts a whole frame ahead of the pause and one behind it. To annex N it "
        "adds what the ingress pipeline holds while XOFF is decided (600 ns are 30 kB at 400G): "
        "without that term frames are lost, which is why it stands for the interface delays of the "
        "standard here."
    )
    return result


ROWS = (
    Row("headroom", PART, "Loss-free with the headroom of the formula, lossy with a cell less than "
        "is used, for 100G to 800G and 5 m to 2 km",
        "IEEE 802.1Q annex N; response times of 802.3 31B.3.7", "headroom.yaml", boundary),
)  # fmt: skip
