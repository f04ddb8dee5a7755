# SPDX-License-Identifier: Apache-2.0
"""l3 under controllers/adaptive.py: traffic leaves the uplink that telemetry calls full."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from emu.lab.faults import apply_fault
from emu.lab.namespaces import socket_in
from emu.lab.port_report import TELEMETRY_FILE
from emu.lab.reach import unreachable_pairs
from tests.lab.traffic import spread, wait_until

UPLINKS = ["leaf0-p2", "leaf0-p3"]


@pytest.fixture(scope="module")
def lab(start_lab: Callable[..., Any]) -> Any:
    return start_lab("l3", "adaptive", options={"interval_s": "0.5"})


def _slots(lab: Any) -> dict[str, int]:
    groups = lab.controller.get("/steering")["groups"]
    return next(g["slots"] for g in groups if g["switch"] == "leaf0" and len(g["slots"]) > 1)


def test_slots_are_shared_evenly_at_first(lab: Any) -> None:
    assert unreachable_pairs(lab) == []
    assert _slots(lab) == dict.fromkeys(UPLINKS, 32)
    assert min(spread(lab, "h0", "h2", UPLINKS)) >= 8


def test_slots_leave_the_uplink_whose_queue_is_long(lab: Any) -> None:
    stop = threading.Event()

    def flows() -> None:
        with socket_in(lab.paths.namespace("h0"), socket.AF_INET) as udp:
            numbered = [udp] + [
                socket_in(lab.paths.namespace("h0"), socket.AF_INET) for _ in range(31)
            ]
            for number, one in enumerate(numbered):
                one.bind(("", 21000 + number))
            while not stop.is_set():
                for one in numbered:
                    one.sendto(b"x" * 1000, ("198.18.1.10", 4791))
                time.sleep(0.02)
            for one in numbered[1:]:
                one.close()

    sender = threading.Thread(target=flows)
    sender.start()
    queue = {"ports": {"leaf0-p2": {"queue_bytes": 10_000_000}}}
    (lab.paths.folder / TELEMETRY_FILE).write_text(json.dumps(queue))
    try:
        assert wait_until(lambda: _slots(lab)["leaf0-p2"] <= 28)
        assert sum(_slots(lab).values()) == 64
    finally:
        stop.set()
        sender.join()
        (lab.paths.folder / TELEMETRY_FILE).unlink()
    assert lab.controller.get("/steering")["moves"] >= 4


def test_a_dead_uplink_loses_its_slots_and_gets_them_back(lab: Any) -> None:
    apply_fault(lab, "link down leaf0-spine0")
    assert wait_until(lambda: spread(lab, "h0", "h2", UPLINKS)[0] == 0)
    assert wait_until(lambda: not unreachable_pairs(lab))
    apply_fault(lab, "link up leaf0-spine0")
    assert wait_until(lambda: min(spread(lab, "h0", "h2", UPLINKS)) >= 8)
