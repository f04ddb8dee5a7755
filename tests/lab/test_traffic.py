# SPDX-License-Identifier: Apache-2.0
"""RoCE traffic through real switches: as the simulator says, and ordinary programs beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emu.lab.run import LabOptions, run_lab_experiment
from emu.report.agreement import figures
from emu.sim import run_experiment
from emu.spec import load_experiment
from emu.telemetry import Run
from tests.lab.made import write_experiment

DILATION = 20_000.0
HOLD_MS = 200.0
"""Slow and patient enough for a machine that does other things as well."""


AGREEMENT = Path(__file__).resolve().parents[2] / "experiments" / "agreement"


@pytest.fixture(scope="module")
def incast(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Run directories of one incast with captures: simulator, lab."""
    out = tmp_path_factory.mktemp("incast")
    spec = load_experiment(AGREEMENT / "incast-4.yaml").capturing(["h0", "leaf0:spine0"])
    spec = spec.model_copy(update={"seeds": (1,)})
    (sim,) = run_experiment(spec, out / "sim")
    options = LabOptions(DILATION, HOLD_MS, "static")
    (lab,) = run_lab_experiment(spec, out / "lab", options)
    return sim, lab


def test_an_incast_over_open_vswitch_takes_the_simulators_times(
    incast: tuple[Path, Path],
) -> None:
    sim, lab = map(Run, incast)
    record = lab.meta["lab"]
    assert lab.meta["backend"] == "lab"
    assert record["counters"]["bad_icrc"] == 0
    assert record["counters"]["packets"] > 1_500
    assert not record["late"], record
    a, b = figures([sim]), figures([lab])
    assert a.values["pfc_frames"] > 0
    assert b.values["fct_median_us"] == pytest.approx(a.values["fct_median_us"], rel=0.05)
    assert b.values["fct_p99_us"] == pytest.approx(a.values["fct_p99_us"], rel=0.10)
    assert b.values["pause_us"] == pytest.approx(a.values["pause_us"], rel=0.15)
    assert b.values["drops"] == a.values["drops"] == 0


def test_a_run_ends_with_as_many_transfers_as_were_asked_for(tmp_path: Path) -> None:
    flows = [(0, 0, 2, 100_000), (0, 1, 3, 400_000), (5, 0, 3, 2_000_000)]
    spec = load_experiment(write_experiment(tmp_path, flows, stop={"transfers": 2}))
    (sim,) = map(Run, run_experiment(spec, tmp_path / "sim"))
    options = LabOptions(DILATION, HOLD_MS, "static")
    (lab,) = map(Run, run_lab_experiment(spec, tmp_path / "lab", options))
    assert lab.flows["status"].tolist() == ["done", "done", "unfinished"]
    assert lab.meta["fabric_ps"] == sim.meta["fabric_ps"]


def longest_frame(run: Run) -> int:
    """Bytes on the link of the longest frame in a run's captures."""
    lengths = []
    for path in run.path.glob("captures/*.pcapng"):
        command = ["tshark", "-r", path, "-T", "fields", "-e", "frame.len"]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lengths += [int(line) for line in listing.split()]
    return max(lengths)


def test_frr_forwards_roce_in_a_vxlan_tunnel(tmp_path: Path) -> None:
    spec = load_experiment(AGREEMENT / "designs.yaml").model_copy(update={"seeds": (1,)})
    options = LabOptions(DILATION, HOLD_MS, controls={"l3": "frr", "evpn/l2vni": "frr"})
    runs = [Run(path) for path in run_lab_experiment(spec, tmp_path, options)]
    by_design = {run.meta["design"]: run for run in runs}
    for run in runs:
        assert (run.flows["status"] == "done").all()
        assert run.meta["lab"]["counters"]["bad_icrc"] == 0
    # Outer Ethernet, IP, UDP and VXLAN (RFC 7348, section 5). The longest frame, as how many
    # acknowledgements travel beside the data is a matter of the machine's load.
    longest = {name: longest_frame(run) for name, run in by_design.items()}
    assert longest["evpn/l2vni"] - longest["l3"] == 14 + 20 + 8 + 8


def test_ping_and_capture_work_beside_the_traffic_manager(tmp_path: Path) -> None:
    from emu.lab.lab import Lab
    from emu.lab.namespaces import enter
    from emu.lab.traffic import TrafficOptions, ask, socket_path

    (variant,) = load_experiment(AGREEMENT / "two-into-one.yaml").variants()
    lab = Lab.up(
        variant.spec.topology,
        "l3",
        "static",
        wiring="tm",
        traffic=TrafficOptions(variant, DILATION, HOLD_MS),
    )
    try:
        here, there = lab.plan.addresses[0], lab.plan.addresses[2]
        host = lab.plan.by_name[lab.plan.ports[there.port].node]
        namespace = lab.paths.namespace(host.namespace)
        pcap = tmp_path / "host.pcap"
        watch = lab.launcher.popen(
            "tcpdump",
            enter(namespace, ["tcpdump", "-U", "-s", "96", "-w", str(pcap), "-i", "eth0"]),
            stderr=subprocess.DEVNULL,
        )
        first = lab.plan.by_name[lab.plan.ports[here.port].node]
        ping = lab.launcher.popen(
            "ping",
            enter(lab.paths.namespace(first.namespace), ["ping", "-c", "6", "-i", "0.3", there.ip]),
            stdout=subprocess.PIPE,
            text=True,
        )
        from emu.lab.static_flows import StaticRules
        from emu.lab.status import gateway_macs
        from emu.sim.scenario import make_scenario

        StaticRules(make_scenario(variant, 1), lab.plan, lab.switches[0].folder).install()
        ask(
            socket_path(lab),
            {
                "do": "run", "seed": 1, "directory": str(tmp_path / "run"), "command": "",
                "fingerprint": "", "control": "static", "next_hop": gateway_macs(lab),
            },
        )  # fmt: skip
        out, _ = ping.communicate(timeout=30)
        # What is under way when a run begins or ends is lost with the engine that carried it.
        assert int(out.split(" received")[0].split()[-1]) >= 3, out
        watch.terminate()
        watch.wait(timeout=10)
        shown = subprocess.run(
            ["tcpdump", "-nn", "-r", str(pcap)], capture_output=True, text=True, check=True
        ).stdout
        assert f"{there.ip}.4791" in shown  # RoCEv2 comes in
        assert f"{here.ip}.4791" in shown  # and ACKs go out
        assert "ICMP echo request" in shown
        assert "port 4791 unreachable" not in shown
    finally:
        lab.down()


def test_captures_of_both_backends_read_alike(incast: tuple[Path, Path]) -> None:
    sim, lab = incast
    names = sorted(path.name for path in (sim / "captures").glob("*.pcapng"))
    assert len(names) == 2
    emu = Path(sys.executable).parent / "emu"
    for name in names:
        checks = [
            subprocess.run(
                [emu, "pcap", "check", "--json", run / "captures" / name],
                capture_output=True,
                text=True,
                check=False,
            )
            for run in (sim, lab)
        ]
        assert [check.returncode for check in checks] == [0, 0], checks[1].stdout
        fields = ["infiniband.bth.opcode", "infiniband.bth.psn", "ip.dsfield", "ip.ttl"]
        fields += ["macc.opcode", "frame.len"]
        decoded = [
            subprocess.run(
                ["tshark", "-r", run / "captures" / name, "-T", "fields"]
                + [word for field in fields for word in ("-e", field)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.splitlines()
            for run in (sim, lab)
        ]
        # The same frames, in the same order, but for what was under way at the end.
        common = min(map(len, decoded))
        assert common > 200
        assert decoded[0][: common - 5] == decoded[1][: common - 5]
