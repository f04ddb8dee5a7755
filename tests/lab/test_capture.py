# SPDX-License-Identifier: Apache-2.0
"""emu lab capture: what passes a port, as pcapng that tshark and emu read alike."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.errors import InputError
from emu.lab.capture import capture, find_port
from emu.wire.inspection import inspect


@pytest.fixture(scope="module")
def lab(start_lab: Callable[..., Any]) -> Any:
    return start_lab("l3", "frr")


def test_a_ping_is_in_the_captures_of_host_and_uplink(lab: Any, tmp_path: Path) -> None:
    ping = lab.node("h0").popen("ping -c 3 -i 0.2 -s 123 198.18.1.10")
    written = capture(lab, ["h0", "leaf0-p2", "leaf0-p3"], tmp_path, seconds=3)
    ping.wait(20)
    assert set(written) == {tmp_path / f"{p}.pcapng" for p in ("h0", "leaf0-p2", "leaf0-p3")}

    def pings(name: str) -> int:
        done = subprocess.run(
            ["tshark", "-r", str(tmp_path / name), "-Y", "icmp && frame.len==165"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return len(done.stdout.splitlines())

    assert pings("h0.pcapng") == 6
    assert pings("leaf0-p2.pcapng") + pings("leaf0-p3.pcapng") == 6
    path = tmp_path / "h0.pcapng"
    assert sum(count for _, count, _ in inspect(str(path)).totals["protocols"]) == written[path] > 0


def test_a_port_that_is_not_there_is_named_with_the_nearest(lab: Any) -> None:
    assert find_port(lab, "h1:eth0") is find_port(lab, "h1.0") is find_port(lab, "h1")
    with pytest.raises(InputError, match="leaf0-p3"):
        find_port(lab, "leaf0-p33")
