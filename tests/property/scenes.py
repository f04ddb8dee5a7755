# SPDX-License-Identifier: Apache-2.0
"""Random small experiments: fabrics, switches, designs, faults and traffic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from emu.fabric.build import build_fabric
from emu.spec import ExperimentSpec
from tests.golden.lab import MS, US, Flow, experiment


def few(examples: int) -> settings:
    """So many examples, the same ones each time, which may be slow."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )


FEW = few(20)
TIMEOUT_US, RETRIES = 100, 3
QUIET = 20 * MS
"""Longer than all retries together."""

DESIGNS: list[dict[str, Any]] = [
    {"name": "l3"},
    {"name": "l3-host"},
    {"name": "stretched-l2", "variant": "rstp"},
    {"name": "stretched-l2", "variant": "mlag"},
    {"name": "evpn", "variant": "l2vni"},
    {"name": "evpn", "variant": "l3vni", "ecn_copy_decap": False},
]
QUICK_TIMERS = {
    "loss_of_signal": "5us",
    "bgp_local_repair": "10us",
    "bgp_remote_withdraw_per_hop": "20us",
    "bgp_restore": "10us",
    "host_repair": "10us",
    "active_standby_failover": "10us",
    "rstp_local": "20us",
    "rstp_indirect": "50us",
    "mlag_failover": "20us",
    "lacp_member": "20us",
    "esi_mass_withdraw": "20us",
    "evpn_mac_withdraw": "20us",
    "evpn_startup": "50us",
    "arp_refresh": "1h",
    "arp_age": "1h",
}


@st.composite
def fabrics(draw: st.DrawFn) -> dict[str, Any]:
    tiers = draw(st.sampled_from([2, 2, 3]))
    clos = {
        "tiers": tiers,
        "leaves": draw(st.sampled_from([2, 4])) if tiers == 2 else 2,
        "spines": draw(st.sampled_from([1, 2])),
        "hosts_per_leaf": draw(st.integers(1, 2)),
        "homing": draw(st.sampled_from(["single", "dual"])),
        "parallel_links": draw(st.integers(1, 2)),
        "peer_links": 1,
        "host_rate": draw(st.sampled_from(["400G", "100G"])),
        "fabric_rate": draw(st.sampled_from(["400G", "100G"])),
    }
    if tiers == 3:
        clos |= {"pods": 2, "super_spines": 2}
    return clos


@st.composite
def switches(draw: st.DrawFn) -> dict[str, Any]:
    ecn = {"kmin": "10KB", "kmax": "100KB", "pmax": 0.3}
    return {
        "buffer": "12MB",
        "forwarding": draw(st.sampled_from(["store-and-forward", "cut-through"])),
        "pfc": {
            "enabled": draw(st.sampled_from([True, True, False])),
            "headroom": draw(st.sampled_from(["150KB", "150KB", "5KB"])),
            "headroom_pool": draw(st.sampled_from([None, "4MB"])),
            "alpha": draw(st.sampled_from([0.01, 0.125])),
            "xon": "9144B",
            "xon_offset": draw(st.sampled_from(["0B", "9144B"])),
        },
        "lossy": {"alpha": draw(st.sampled_from([0.02, 1.0]))},
        "ecn": {"by_rate": {"100G": ecn, "400G": ecn}},
    }


@st.composite
def traffic(draw: st.DrawFn, n: int = 4) -> list[Flow]:
    flows = []
    for _ in range(draw(st.integers(1, 10))):
        src = draw(st.integers(0, n - 1))
        flows.append(
            Flow(
                src,
                (src + draw(st.integers(1, n - 1))) % n,
                draw(st.sampled_from([1, 4096, 20_000, 300_000])) + draw(st.integers(0, 5_000)),
                at_ps=draw(st.integers(0, 60)) * US,
                verb=draw(st.sampled_from(["write", "read"])),
                priority=draw(st.sampled_from([3, 3, 0])),
                lane=0,
            )
        )
    # A queue pair has one verb: READs get lanes of their own.
    return [
        Flow(f.src, f.dst, f.size, f.at_ps, f.verb, f.priority, lane=int(f.verb == "read"))
        for f in flows
    ]


@st.composite
def faults(draw: st.DrawFn) -> list[dict[str, Any]]:
    def span() -> dict[str, str]:
        return {} if draw(st.booleans()) else {"for": f"{draw(st.integers(5, 400))}us"}

    kinds: list[dict[str, Any]] = [
        {"kind": "link-down", "link": "leaf0-spine0[0]", **span()},
        {"kind": "link-down", "link": "h0.0-leaf0", **span()},
        {"kind": "link-flap", "link": "leaf0-spine0[0]", "period": "30us", "count": 3},
        {"kind": "switch-down", "switch": "spine0", **span()},
        {"kind": "switch-down", "switch": "leaf1", **span()},
        {"kind": "link-degraded", "link": "leaf0-spine0[0]", "loss": 0.01, **span()},
        {"kind": "slow-receiver", "host": "h1", "rate": "20G", **span()},
        {"kind": "nic-storm", "host": "h1", "for": f"{draw(st.integers(5, 900))}us"},
        {"kind": "black-hole", "switch": "leaf0", **span()},
        {"kind": "silent-host", "host": "h0", **span()},
    ]
    chosen = draw(st.lists(st.sampled_from(kinds), max_size=2, unique_by=str))
    return [{"at": f"{draw(st.integers(0, 80))}us", **fault} for fault in chosen]


@st.composite
def experiments(draw: st.DrawFn, broken: bool = True) -> dict[str, Any]:
    clos = draw(fabrics())
    found = draw(faults()) if broken else []
    if clos["tiers"] == 3:  # names differ with pods
        found = [f for f in found if "spine" not in str(f) and "leaf" not in str(f)]
    # Plain data, so that a failing example is printed in a few lines.
    return {
        "clos": clos,
        "design": draw(st.sampled_from(DESIGNS)),
        "switch": draw(switches()),
        "ack_interval": draw(st.sampled_from([1, 4, 64])),
        "cc": draw(st.sampled_from(["none", "dcqcn"])),
        "faults": found,
        "sample_us": draw(st.sampled_from([10, 100, 1000])),
    }


def spec_of(given: dict[str, Any], drain: str | None = "50ms") -> ExperimentSpec:
    return hasty(
        given,
        transport={"cc": given["cc"], **given.get("transport", {})},
        stop={"drain": drain},
        record={"sample_interval": f"{given['sample_us']}us"},
        **given.get("balancing", {}),
    )


def hasty(given: dict[str, Any], **more: Any) -> ExperimentSpec:
    """Whose timers and retries fit into the time of a test."""
    return experiment(
        given["clos"],
        design=given["design"],
        switch=given["switch"],
        nic={
            "retransmit_timeout": f"{TIMEOUT_US}us",
            "retry_count": RETRIES,
            "ack_interval": given["ack_interval"],
        },
        faults=given["faults"],
        timers=QUICK_TIMERS,
        **more,
    )


def fit(spec: ExperimentSpec, flows: list[Flow]) -> list[Flow]:
    """The flows between endpoints that the fabric has."""
    n = build_fabric(spec.topology).n_endpoints
    return [
        replace(f, src=f.src % n, dst=f.dst % n if f.dst % n != f.src % n else (f.src + 1) % n)
        for f in flows
    ]
