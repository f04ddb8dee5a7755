# SPDX-License-Identifier: Apache-2.0
"""The switch test suite of SONiC (sonic-mgmt, tests/snappi_tests), rebuilt with its criteria.

Streams are messages of one packet at constant intervals on lossless or lossy classes. A
stream that loses packets repeats them, as RoCE does and a traffic generator does not: the
cases whose criterion is a share of lost packets are in ``conformance_shares``.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from emu.validate.lab import Done, load, simulate
from emu.validate.row import Check, Result, at_least
from emu.validate.rows.conformance_frames import ROWS as FRAMES
from emu.validate.rows.conformance_shares import ROWS as SHARED
from emu.validate.rows.snappi import snappi_row

TEST, BACKGROUND = 3, 0
FILE = "../conformance/snappi.yaml"


def _case(folder: Path, name: str) -> Done:
    spec = load(folder, FILE)
    (variant,) = [v for v in spec.variants() if v.labels["case"] == name]
    return simulate(variant, 1)


def _delivered(done: Done, priority: int) -> tuple[int, int]:
    """Messages posted and delivered of a class."""
    flows = done.flows[(done.flows["transfer_id"] < 0) & (done.flows["priority"] == priority)]
    return len(flows), int((flows["end_ps"] >= 0).sum())


def _lost(done: Done) -> int:
    return int(done.counters["dropped_packets"])


def _pfc_tx(done: Done) -> int:
    """Pause frames that the switch sent."""
    first = done.scenario.fabric.n_endpoints
    ports = [int(done.ports.to_engine[p.id]) for p in done.scenario.fabric.ports if p.node >= first]
    return int(done.engine.queues()["pfc_tx_frames"].reshape(-1, 8)[ports].sum())


def pause_lossless(folder: Path) -> Result:
    """A storm on the lossless class stops it and nothing else."""
    done = _case(folder, "pause-lossless")
    sent, got = _delivered(done, TEST)
    other_sent, other_got = _delivered(done, BACKGROUND)
    group = done.queue("leaf", "h0.0")
    profile = done.scenario.spec.topology.switches.leaf
    return Result(
        [
            # What is on the wire when the first pause takes effect still arrives.
            Check("test packets received during the storm, share", 0.0, got / sent, 0.005, True),
            Check("background not there, share", 0.0, 1 - other_got / other_sent, 0.005, True),
            at_least("pause frames sent to the test sender", 1, group["pfc_tx_frames"]),
            at_least("buffer left, B", 1, profile.buffer - group["pg_watermark_bytes"]),
            Check("packets dropped", 0, _lost(done), 0.0, True),
        ]
    )  # fmt: skip


def pause_lossy(folder: Path) -> Result:
    """A storm on a lossy class is counted and not obeyed."""
    done = _case(folder, "pause-lossy")
    sent, got = _delivered(done, TEST)
    other_sent, other_got = _delivered(done, BACKGROUND)
    return Result(
        [
            Check("test packets not there, share", 0.0, 1 - got / sent, 0.005, True),
            Check("background not there, share", 0.0, 1 - other_got / other_sent, 0.005, True),
            at_least("pause frames received", 1,
                     done.queue("leaf", "h2.0", BACKGROUND)["pfc_rx_frames"]),
            Check("pause frames sent", 0, _pfc_tx(done), 0.0, True),
        ]
    )  # fmt: skip


def lossless(folder: Path, name: str, pauses: bool) -> Result:
    """No loss; pauses where the port is oversubscribed, none where it is not."""
    done = _case(folder, name)
    frames = _pfc_tx(done)
    pause = at_least("pause frames sent", 1, frames) if pauses else Check(
        "pause frames sent", 0, frames, 0.0, True)  # fmt: skip
    sent, got = _delivered(done, TEST)
    checks = [Check("packets dropped", 0, _lost(done), 0.0, True), pause]
    if not pauses:
        checks.append(Check("test packets not there, share", 0.0, 1 - got / sent, 0.005, True))
    return Result(checks)


def dequeue_ecn(folder: Path) -> Result:
    """A queue that was paused: its first packet leaves marked, its last one does not."""
    done = _case(folder, "dequeue-ecn")
    flows = done.flows[done.flows["transfer_id"] < 0].sort_values("post_ps")
    flows = flows[flows["end_ps"] >= 0]
    marks = flows["ecn_marked_packets"].to_numpy()
    return Result(
        [
            at_least("packets delivered", 90, len(flows)),
            Check("marks on the first packet", 1, int(marks[0]), 0.0, True),
            Check("marks on the last packet", 0, int(marks[-1]), 0.0, True),
            Check("packets dropped", 0, _lost(done), 0.0, True),
        ]
    )


def watchdog(folder: Path, action: str) -> Result:
    """A storm that the watchdog finds: its class is lost or goes on, and nobody is paused."""
    done = _case(folder, f"pfcwd-{action}")
    sent, got = _delivered(done, TEST)
    other_sent, other_got = _delivered(done, BACKGROUND)
    lossy = Check("background not there, share", 0.0, 1 - other_got / other_sent, 0.005, True)
    if action == "off":
        pauses = at_least("pause frames sent", 1, _pfc_tx(done))
        return Result([Check("packets dropped", 0, _lost(done), 0.0, True), pauses, lossy])
    share = {"drop": 1.0, "forward": 0.0}[action]
    return Result(
        [
            Check("test packets not there, share", share, 1 - got / sent, 0.005, True),
            lossy,
            Check("pause frames sent", 0, _pfc_tx(done), 0.0, True),
        ]
    )


RED_SEEDS = 40
GAP_BYTES = 20
"""Preamble and inter-frame gap, which no queue holds."""


def red_accuracy(folder: Path) -> Result:
    """How often a packet is marked, by the queue that it leaves behind, against the profile."""
    spec = load(folder, FILE)
    (variant,) = [v for v in spec.variants() if v.labels["case"] == "red-accuracy"]
    profile = variant.spec.topology.switches.leaf.ecn.at(400_000_000_000)
    marked, expected, spread = np.zeros(5), np.zeros(5), np.zeros(5)
    for seed in range(1, RED_SEEDS + 1):
        done = simulate(variant, seed)
        queue = done.queue("leaf", "h2.0")
        frame = queue["tx_bytes"] / queue["tx_packets"] - GAP_BYTES
        flows = done.flows
        flows = flows[(flows["transfer_id"] < 0) & (flows["end_ps"] >= 0)].sort_values("post_ps")
        left = (len(flows) - 1 - np.arange(len(flows))) * frame
        ramp = np.clip((left - profile.kmin) / (profile.kmax - profile.kmin), 0, 1)
        bins = (4 * ramp).astype(int)  # the fifth: beyond kmax, where all are marked
        p = np.where(ramp < 1, ramp * profile.pmax, 1.0)
        marks = flows["ecn_marked_packets"].to_numpy(np.float64)
        marked += np.bincount(bins, marks, 5)
        expected += np.bincount(bins, p, 5)
        spread += np.bincount(bins, p * (1 - p), 5)
    return Result(
        [
            Check(f"marks, quarter {i + 1} of the ramp", expected[i], marked[i],
                  3 * float(np.sqrt(spread[i])), True)
            for i in range(4)
        ]
        + [Check("marks beyond kmax", expected[4], marked[4], 0.0, True)],
        notes=[f"{RED_SEEDS} runs; the tolerance is three standard deviations of the draws."],
    )  # fmt: skip


def no_congestion(folder: Path) -> Result:
    """RoCEv2 data path: messages complete without loss, NAK, mark, CNP or pause."""
    done = _case(folder, "rocev2-basic")
    c = done.counters
    sent, got = _delivered(done, TEST)
    return Result(
        [
            Check("messages not complete", 0, sent - got, 2, True),
            Check("drops, NAKs, marks, CNPs and pauses", 0,
                  _lost(done) + c["nak_packets"] + c["ecn_marked_packets"] + c["cnp_packets"]
                  + c["pfc_frames"], 0.0, True),
        ]
    )  # fmt: skip


_TABLE = """\
| theirs | here |
|---|---|
| pfc/test_pfc_pause_lossless, one priority and all | snappi-pause-lossless, snappi-all-lossless |
| pfc/test_pfc_pause_lossy | snappi-pause-lossy |
| pfc/test_global_pause, unset_bit_enable_vector | snappi-global-pause, snappi-no-class |
| pfc/test_pfc_pause_response, headroom of tests/qos | the row `headroom` finds the same boundary |
| pfc/m2o_oversubscribe_lossless, _lossy, _lossless_lossy, m2o_fluctuating_lossless | \
snappi-m2o-lossless, snappi-oversubscribe-lossy, snappi-lossless-lossy, \
snappi-fluctuating-lossless |
| pfc/pfc_port_congestion 88/12, 40/60, 30/30, 18/27 | snappi-port-congestion, \
snappi-congestion-40-60, snappi-congestion-30-30, snappi-port-light |
| pfc/pfc_no_congestion_throughput | snappi-no-congestion |
| pfc/pfc_mixed_speed 88/12, 40/60 | snappi-mixed-speed, snappi-mixed-speed-40-60 |
| ecn/test_dequeue_ecn, test_red_accuracy | snappi-dequeue-ecn, snappi-red-accuracy |
| ecn/test_ecn_marking_lossless_prio, eight splits | snappi-ecn-marking |
| ecn/test_ecn_marking_with_pfc_quanta_variance | snappi-ecn-quanta |
| pfcwd/test_pfcwd_basic, burst_storm, m2o, a2a | snappi-pfcwd-drop, snappi-pfcwd-half, \
snappi-pfcwd-bursts, snappi-pfcwd-m2o, snappi-pfcwd-a2a |
| pfcwd/test_pfcwd_actions | snappi-pfcwd-drop, snappi-pfcwd-forward, snappi-pfcwd-off |
| rocev2/basic_dp_no_congestion, pfc_congestion_ai | snappi-rocev2-basic, snappi-pfc-congestion |
| pfc/test_valid_pfc_frame, test_valid_src_mac_pfc_frame | snappi-valid-pfc-frame |
| tests/qos: XOFF limit, XON limit | snappi-xoff-xon |
| tests/qos: DSCP to queue mapping | snappi-dscp |
| pfc/pause_zero_mac | cannot apply: nothing in the model looks at the source of a pause |
| pfcwd/runtime_traffic | cannot apply: a profile does not change during a run |
| ecn/test_ecn_marking_port_toggle | cannot apply: configuration outlives a link by construction |
| pfc/test_tx_drop_counter | not rebuilt: what is sent towards a link that is down is counted as \
lost on the link, not as an egress drop |
| ecn/…dequeue_ecn_brcm_dnx | cannot apply: a chip with virtual output queues |
| packet_trimming/* | cannot apply: no trimming in the model |"""


def table(folder: Path) -> Result:
    """What is rebuilt and what is not; every row that the table names exists."""
    named = {row.name for row in (*ROWS, *SHARED, *FRAMES)}
    return Result(
        [
            Check(f"{name} has a row", 1, float(name in named), 0.0, True)
            for name in sorted(set(re.findall(r"snappi-[\w-]+", _TABLE)))
        ],
        notes=[_TABLE],
    )


_row = partial(snappi_row, FILE)

ROWS = (
    _row("pause-lossless", "PFC storm on the lossless class", pause_lossless,
         "pfc/test_pfc_pause_lossless"),
    _row("pause-lossy", "PFC storm on a lossy class", pause_lossy, "pfc/test_pfc_pause_lossy"),
    _row("m2o-lossless", "Two to one", partial(lossless, name="m2o-lossless", pauses=True),
         "pfc/m2o_oversubscribe_lossless"),
    _row("port-congestion", "Two to one, 88 % and 12 % of each sender",
         partial(lossless, name="port-congestion", pauses=True), "pfc/pfc_port_congestion"),
    _row("port-light", "Two to one below the port's rate",
         partial(lossless, name="port-light", pauses=False), "pfc/pfc_port_congestion 18/27"),
    _row("no-congestion", "One to one at 96 % of the rate",
         partial(lossless, name="no-congestion", pauses=False), "pfc/pfc_no_congestion_throughput"),
    _row("mixed-speed", "400G into 100G, lossless",
         partial(lossless, name="mixed-speed", pauses=True), "pfc/pfc_mixed_speed"),
    _row("dequeue-ecn", "Marking at dequeue", dequeue_ecn, "ecn/test_dequeue_ecn"),
    _row("rocev2-basic", "RoCEv2 without congestion", no_congestion,
         "rocev2/basic_dp_no_congestion"),
    *(
        _row(f"pfcwd-{action}", f"PFC watchdog, {words}", partial(watchdog, action=action),
             "pfcwd/test_pfcwd_actions")
        for action, words in (("drop", "action drop"), ("forward", "action forward"),
                              ("off", "switched off"))
    ),
    _row("red-accuracy", "Marking follows the profile", red_accuracy, "ecn/test_red_accuracy"),
    _row("table", "Which tests of the suite are here", table, "tests/snappi_tests"),
)  # fmt: skip
