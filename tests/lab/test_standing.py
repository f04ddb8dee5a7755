# SPDX-License-Identifier: Apache-2.0
"""A lab that stands with its traffic manager: people work in it while traffic is replayed."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emu.lab.cleanup import clean
from emu.lab.journal import lab_paths
from emu.lab.lab import Lab
from emu.telemetry import Run
from tests.lab.made import SMALL_SHARE, emu, look, start_emu, wait_for_traffic, write_experiment
from tests.lab.traffic import wait_until

H2 = "198.18.1.10"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """h0 and h1 send to h2 for some seconds, whenever somebody says so."""
    folder = tmp_path_factory.mktemp("standing")
    file = write_experiment(
        folder,
        [(0, 0, 2, 14_000_000), (0, 1, 2, 14_000_000)],
        overrides={"switches": {"leaf": SMALL_SHARE, "spine": SMALL_SHARE}},
    )
    emu("lab", "up", file, "--dilation", "20000", "--hold", "200")
    lab = Lab.attach()
    yield lab
    lab.leave()
    clean(lab_paths())


def test_a_packet_takes_its_time_through_the_modelled_fabric(lab: Lab) -> None:
    ping = lab.node("h0").cmd(f"ping -c 3 -i 0.3 -q {H2}")
    shortest_ms = float(ping.split("rtt min/avg/max/mdev = ")[1].split("/")[0])
    # 8 links and 6 pipelines there and back, 20,000 times slower: 5 us become 100 ms.
    assert 60 < shortest_ms < 200, ping


def test_ordinary_programs_get_through_beside_lossless_traffic(lab: Lab, tmp_path: Path) -> None:
    capture = start_emu("lab", "capture", "leaf1-p0", "--out", tmp_path, log=tmp_path / "log")
    run = start_emu("lab", "run", "--out", tmp_path / "runs", log=tmp_path / "run.log")
    try:
        wait_for_traffic()
        server = lab.node("h2").popen(
            "iperf3 -s -1", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        dump = lab.node("h2").popen(
            "tcpdump -i eth0 -n -l -c 4 icmp", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        ping = lab.node("h1").popen(f"ping -c 5 -i 0.3 -q {H2}", stdout=subprocess.PIPE)
        client = lab.node("h1").popen(
            f"iperf3 -c {H2} -u -b 1M -l 1000 -t 2 --json", stdout=subprocess.PIPE
        )
        busy = look()
        told = json.loads(client.communicate(timeout=60)[0])
        answers = ping.communicate(timeout=60)[0].decode()
        dumped = dump.communicate(timeout=60)[0].decode()
        server.wait(60)
    finally:
        assert run.wait(120) == 0, (tmp_path / "run.log").read_text()
        capture.send_signal(signal.SIGINT)
        assert capture.wait(60) == 0, (tmp_path / "log").read_text()
    # The traffic manager's own counters, while it ran.
    assert busy_rate(busy, "leaf1-p0", 3) > 50e9
    assert sum(row["queue_bytes"] for row in busy["ports"]) > 0
    assert sum(row["drops"] for row in busy["ports"]) == 0
    shown = subprocess.run(
        ["tshark", "-r", str(tmp_path / "leaf1-p0.pcapng"), "-Y", "infiniband"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert len(shown.splitlines()) > 20
    # iperf3 and ping got through, RoCE lost nothing and sent nothing twice.
    end = told["end"]["sum"]
    assert end["packets"] > 100
    assert end["lost_percent"] < 5, end
    assert " 0% packet loss" in answers, answers
    # tcpdump in the host saw both directions.
    assert dumped.count("ICMP echo request") == dumped.count("ICMP echo reply") == 2, dumped
    (directory,) = (tmp_path / "runs").glob("*/seed-*")
    result = Run(directory)
    assert (result.flows["status"] == "done").all()
    assert result.flows["retransmitted_bytes"].sum() == 0
    lossless = result.ports[result.ports["priority"] == 3]
    assert lossless["drops_packets"].sum() == 0
    assert lossless["pfc_tx_frames"].sum() > 0
    to_h2 = result.ports[(result.ports["priority"] == 0) & (result.ports["peer"] == "h2.0")]
    assert to_h2["tx_packets"].sum() > 50


def busy_rate(told: dict[str, Any], interface: str, priority: int) -> float:
    """Rate of one port and class in a look."""
    return float(
        sum(
            row["tx_bps"]
            for row in told["ports"]
            if (row["interface"], row["priority"]) == (interface, priority)
        )
    )


def test_a_cut_cable_is_noticed_and_mended(lab: Lab) -> None:
    emu("lab", "fault", "link down leaf1-spine0")
    links = {row["link"]: row["up"] for row in json.loads(emu("lab", "status", "--json"))["links"]}
    assert [name for name, up in links.items() if not up] == ["leaf1-spine0[0]"]
    ping = f"ping -c 4 -i 0.2 -q {H2}"
    assert wait_until(lambda: " 0% packet loss" in lab.node("h0").cmd(ping))
    emu("lab", "fault", "link up leaf1-spine0")
    assert wait_until(lambda: " 0% packet loss" in lab.node("h0").cmd(ping))
