# SPDX-License-Identifier: Apache-2.0
"""Tests of the switch test suite that count what is lost or marked of a stream.

Each frame has a queue pair of its own, so that nothing is sent twice: a traffic generator does
not repeat, and RoCE would.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from emu.core import _core
from emu.validate.lab import Done, load, runs, simulate
from emu.validate.row import Check, Result, at_least
from emu.validate.rows.snappi import snappi_row

SHARES, MARKING = "../conformance/shares.yaml", "../conformance/marking.yaml"
LOSSLESS, LOSSY = (3, 4), (0, 1, 2, 5)


def _case(folder: Path, name: str) -> Done:
    (variant,) = [v for v in load(folder, SHARES).variants() if v.labels["case"] == name]
    return simulate(variant, 1)


def _sent(done: Done, priorities: tuple[int, ...], src: str = "", dst: str = "") -> tuple[int, int]:
    """Frames of the streams of these classes, and those that arrived."""
    flows = done.flows
    flows = flows[(flows["transfer_id"] < 0) & flows["priority"].isin(priorities)]
    for column, name in (("src_endpoint", src), ("dst_endpoint", dst)):
        if name:
            flows = flows[flows[column] == done.scenario.fabric.node(f"{name}.0").id]
    return len(flows), int((flows["end_ps"] >= 0).sum())


def _dropped(done: Done, priorities: tuple[int, ...]) -> int:
    """Frames lost in the switch, by class: refused by a queue or for want of headroom."""
    columns = _core.counters(done.engine)
    return sum(
        int(columns[name].reshape(-1, 8)[:, list(priorities)].sum())
        for name in ("queue_dropped_packets", "group_dropped_packets")
    )


def _pauses(done: Done) -> tuple[int, int]:
    """Pause frames that the switch sent, and that it counted as received."""
    fabric, columns = done.scenario.fabric, done.engine.queues()
    own = [int(done.ports.to_engine[p.id]) for p in fabric.ports if p.node >= fabric.n_endpoints]
    sent, got = (
        int(columns[f"pfc_{way}_frames"].reshape(-1, 8)[own].sum()) for way in ("tx", "rx")
    )
    return sent, got


def oversubscribe_lossy(folder: Path) -> Result:
    """Two senders, 30 % each on a lossy class and 25 % each on a lossless one: 110 %."""
    done = _case(folder, "oversubscribe-lossy")
    sent, _ = _sent(done, LOSSY)
    other, _ = _sent(done, LOSSLESS)
    lost = _dropped(done, LOSSY)
    return Result(
        [
            Check("loss of the lossy class, share", 0.16, lost / sent, 0.01, True),
            Check("loss of the lossless class, frames", 0, _dropped(done, LOSSLESS), 0.0, True),
            Check("lost of all that came in, share", 0.10, lost / (sent + other), 0.01, True),
            Check("pause frames sent", 0, _pauses(done)[0], 0.0, True),
        ]
    )


def lossless_lossy(folder: Path) -> Result:
    """40 and 20 % lossless beside 20 and 40 % lossy, half of the time at once."""
    done = _case(folder, "lossless-lossy")
    sent, _ = _sent(done, LOSSY)
    other, _ = _sent(done, LOSSLESS)
    lost = _dropped(done, LOSSY)
    return Result(
        [
            Check("loss of the lossless class, frames", 0, _dropped(done, LOSSLESS), 0.0, True),
            # Half of the background was sent while the port was congested.
            at_least("loss of the background while congested, share", 0.10, lost / (sent / 2)),
            Check("lost of all that came in, share", 0.05, lost / (sent + other), 0.01, True),
        ]
    )


def fluctuating(folder: Path) -> Result:
    """20 and 10 % lossless beside 80 % lossy: the lossless class keeps what it asks for."""
    done = _case(folder, "fluctuating-lossless")
    sent, _ = _sent(done, LOSSY)
    other, got = _sent(done, LOSSLESS)
    return Result(
        [
            Check("loss of the background, share (30 + 70 of 80)", 1 / 8,
                  _dropped(done, LOSSY) / sent, 0.01, True),
            Check("lossless frames not there, share", 0.0, 1 - got / other, 0.0, True),
            Check("loss of the lossless class, frames", 0, _dropped(done, LOSSLESS), 0.0, True),
        ]
    )  # fmt: skip


def congestion(folder: Path, name: str, most: float) -> Result:
    """Lossless classes lose nothing, lossy ones no more than the suite allows."""
    done = _case(folder, name)
    sent, _ = _sent(done, LOSSY)
    lost = _dropped(done, LOSSY) / sent
    return Result(
        [
            Check("loss of the lossless classes, frames", 0, _dropped(done, LOSSLESS), 0.0, True),
            at_least(f"lossy classes that arrive, share (loss at most {most:.0%})", 1 - most,
                     1 - lost),
        ],
        notes=[f"Loss of the lossy classes: {lost:.1%}."],
    )  # fmt: skip


def pfc_congestion(folder: Path) -> Result:
    """Two senders at line rate on two lossless classes: shares as weighted, nothing lost."""
    done = _case(folder, "pfc-congestion")
    tx = [done.queue("leaf", "h2.0", p)["tx_bytes"] for p in LOSSLESS]
    c = done.counters
    return Result(
        [
            Check("share of the class of weight 50 beside 30", 5 / 8, tx[0] / sum(tx), 0.05, True),
            Check("lost frames and NAKs", 0, c["dropped_packets"] + c["nak_packets"], 0.0, True),
            at_least("pause frames sent", 1, _pauses(done)[0]),
        ]
    )


def not_obeyed(folder: Path, name: str) -> Result:
    """A pause without a class: nobody stops and nothing is counted."""
    done = _case(folder, name)
    sent, got = _sent(done, (0, 3))
    return Result(
        [
            at_least("frames that the storm took on the link", 5, _storm_frames(done)),
            Check("frames not there, share", 0.0, 1 - got / sent, 0.0, True),
            Check("pause frames received", 0, _pauses(done)[1], 0.0, True),
            Check("pause frames sent", 0, _pauses(done)[0], 0.0, True),
        ]
    )


def _storm_frames(done: Done) -> int:
    """What is on the links beyond frames of queues: the storm's frames."""
    counted = int(done.engine.queues()["tx_packets"].sum())
    return int(done.engine.packet_hops) - counted


def all_lossless(folder: Path) -> Result:
    """A storm on every lossless class stops these and nothing else."""
    done = _case(folder, "all-lossless")
    sent, got = _sent(done, LOSSLESS)
    other, there = _sent(done, LOSSY)
    return Result(
        [
            Check("test frames received during the storm, share", 0.0, got / sent, 0.005, True),
            Check("background not there, share", 0.0, 1 - there / other, 0.0, True),
            at_least("pause frames sent", 2, _pauses(done)[0]),
            Check("frames dropped", 0, done.counters["dropped_packets"], 0.0, True),
        ]
    )


def no_storm(folder: Path, name: str) -> Result:
    """Pauses too short for the watchdog: nothing is lost."""
    done = _case(folder, name)
    sent, got = _sent(done, (0, 3))
    storms = int(done.engine.queues()["pfc_wd_detected"].sum())
    return Result(
        [
            at_least("pause frames received", 1, _pauses(done)[1]),
            Check("storms that the watchdog saw", 0, storms, 0.0, True),
            Check("frames not there, share", 0.0, 1 - got / sent, 0.0, True),
        ]
    )


def storm_elsewhere(folder: Path, name: str, pairs: tuple[tuple[str, str], ...]) -> Result:
    """Lossless streams to and from the stormed port lose, others do not.

    The suite says so of both directions ("it will impact bi-directional traffic").
    """
    done = _case(folder, name)
    storms = int(done.engine.queues()["pfc_wd_detected"].sum())
    hit, through = _sent(done, (3,), dst="h2")
    checks = [
        at_least("storms that the watchdog saw", 1, storms),
        at_least("loss of lossless streams to the stormed port, share", 0.7, 1 - through / hit),
    ]
    away, gone = _sent(done, (3,), src="h2")
    if away:
        checks.append(at_least("loss of lossless streams from it, share", 0.7, 1 - gone / away))
    for src, dst in pairs:
        sent, got = _sent(done, (3,), src, dst)
        checks.append(
            Check(f"{src} to {dst}: lossless frames not there, share", 0.0, 1 - got / sent, 1e-4,
                  True)
        )  # fmt: skip
    sent, got = _sent(done, (0,))
    checks.append(Check("background not there, share", 0.0, 1 - got / sent, 1e-4, True))
    return Result(checks)


def marking(folder: Path) -> Result:
    """Eight splits of one port over two classes of equal weight."""
    result = Result()
    for done in runs(load(folder, MARKING)):
        name = done.variant.labels["case"]
        if " and " not in name:
            continue
        loads = [int(x) for x in name.split(" and ")]
        rows = [done.queue("leaf", "h2.0", p) for p in LOSSLESS]
        shares = [row["ecn_marked_packets"] / row["tx_packets"] for row in rows]
        for own, share in zip(loads, shares, strict=True):
            if sum(loads) > 100 and own > 50:
                result.checks.append(
                    at_least(f"{name}: marked of the class with {own} %, share", 0.001, share)
                )
            else:
                result.checks.append(
                    Check(f"{name}: marked of the class with {own} %, share", 0.0, share, 0.0, True)
                )
        if loads[0] == loads[1] and sum(loads) > 100:
            result.checks.append(
                Check(f"{name}: difference of the two shares", 0.0, shares[0] - shares[1], 0.05,
                      True)
            )  # fmt: skip
        result.checks.append(
            Check(f"{name}: frames dropped", 0, done.counters["dropped_packets"], 0.0, True)
        )
    return result


def quanta(folder: Path) -> Result:
    """Longer pauses mark more."""
    result = Result()
    before = 0
    for done in runs(load(folder, MARKING)):
        name = done.variant.labels["case"]
        if not name.startswith("quanta"):
            continue
        marks = done.queue("leaf", "h2.0")["ecn_marked_packets"]
        result.checks.append(at_least(f"{name}: marks, more than before", before + 1, marks))
        result.checks.append(
            Check(f"{name}: frames dropped", 0, done.counters["dropped_packets"], 0.0, True)
        )
        before = marks
    return result


_row = partial(snappi_row, SHARES)
_marking_row = partial(snappi_row, MARKING)

ROWS = (
    _row("oversubscribe-lossy", "Two to one, the lossy class too much", oversubscribe_lossy,
         "pfc/m2o_oversubscribe_lossy"),
    _row("lossless-lossy", "Two to one, lossless beside lossy", lossless_lossy,
         "pfc/m2o_oversubscribe_lossless_lossy"),
    _row("fluctuating-lossless", "Two to one, lossy classes lose what the weights say",
         fluctuating, "pfc/m2o_fluctuating_lossless"),
    _row("congestion-40-60", "Two to one, 40 % lossless and 60 % lossy of each sender",
         partial(congestion, name="congestion-40-60", most=0.51), "pfc/pfc_port_congestion 40/60"),
    _row("congestion-30-30", "Two to one, 30 % and 30 %",
         partial(congestion, name="congestion-30-30", most=0.20), "pfc/pfc_port_congestion 30/30"),
    _row("mixed-speed-40-60", "400G into 100G, 40 % and 60 %",
         partial(congestion, name="mixed-speed-40-60", most=0.77), "pfc/pfc_mixed_speed 40/60"),
    _row("pfc-congestion", "Two senders at line rate, two lossless classes", pfc_congestion,
         "rocev2/pfc_congestion_ai"),
    _row("all-lossless", "PFC storm on every lossless class", all_lossless,
         "pfc/test_pfc_pause_lossless (all priorities)"),
    _row("global-pause", "The PAUSE of 802.3x", partial(not_obeyed, name="global-pause"),
         "pfc/test_global_pause"),
    _row("no-class", "PFC that enables no class", partial(not_obeyed, name="no-class"),
         "pfc/test_pfc_pause_unset_bit_enable_vector"),
    _row("pfcwd-half", "A pause of half the watchdog's time",
         partial(no_storm, name="pfcwd-half"), "pfcwd/test_pfcwd_basic"),
    _row("pfcwd-bursts", "Pauses of half a poll, again and again",
         partial(no_storm, name="pfcwd-bursts"), "pfcwd/test_pfcwd_burst_storm"),
    _row("pfcwd-m2o", "A storm at the port that two send to",
         partial(storm_elsewhere, name="pfcwd-m2o", pairs=(("h0", "h1"),)),
         "pfcwd/test_pfcwd_m2o"),
    _row("pfcwd-a2a", "A storm at one port, everybody sends to everybody",
         partial(storm_elsewhere, name="pfcwd-a2a",
                 pairs=(("h0", "h1"), ("h1", "h0"))),
         "pfcwd/test_pfcwd_a2a"),
    _marking_row("ecn-marking", "Marks go to the class that takes more than its share", marking,
                 "ecn/test_ecn_marking_lossless_prio"),
    _marking_row("ecn-quanta", "Marks grow with the quanta of a pause", quanta,
                 "ecn/test_ecn_marking_with_pfc_quanta_variance"),
)  # fmt: skip
