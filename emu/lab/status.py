# SPDX-License-Identifier: Apache-2.0
"""What a lab that is up consists of, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emu.errors import RunError
from emu.lab.lab import Lab
from emu.lab.launch import run
from emu.lab.namespaces import interfaces
from emu.lab.processes import processes_of_lab


def host_map(lab: Lab) -> list[dict[str, str]]:
    """Every endpoint: host, interface, address, leaf, and how to enter the host."""
    rows = []
    for address in lab.plan.addresses:
        port = lab.plan.ports[address.port]
        rows.append(
            {
                "host": port.node,
                "interface": port.interface,
                "address": address.ip,
                "leaf": address.leaf,
                "port": lab.plan.peer(port).interface,
                "enter": f"emu lab shell {port.node}",
            }
        )
    return rows


def links(lab: Lab) -> list[dict[str, Any]]:
    """Every link with its two interfaces and whether it is up."""
    seen = {
        namespace: interfaces(lab.paths.namespace(namespace)) for namespace in lab.plan.namespaces
    }
    rows = []
    for link in lab.plan.fabric.links:
        a, b = lab.plan.ports[link.a], lab.plan.ports[link.b]
        up = all(seen[port.namespace].get(port.interface, {}).get("up") for port in (a, b))
        rows.append({"link": link.name, "a": a.interface, "b": b.interface, "up": up})
    return rows


def processes(lab: Lab) -> list[dict[str, Any]]:
    """The lab's lasting processes and whether each still runs."""
    return [
        {"role": entry["role"], "pid": entry["pid"], "alive": entry.process.is_alive}
        for entry in lab.journal.entries
        if entry.kind == "process" and not entry["role"].startswith(("ping", "probe"))
        and not entry["role"].endswith("-shell")
    ]  # fmt: skip


def summary(lab: Lab) -> dict[str, Any]:
    """The lab in one document."""
    head = lab.journal.entries[0]
    return {
        "name": lab.paths.name,
        "topology": lab.plan.fabric.spec.name,
        "design": lab.variant.design,
        "control": lab.variant.control,
        "runtime": lab.runtime if lab.controller else None,
        "wiring": lab.wiring,
        "since": head["since"],
        "user": head["user"],
        "folder": str(lab.paths.folder),
        "hosts": host_map(lab),
        "links": links(lab),
        "processes": processes(lab),
    }


def watched(lab: Lab) -> list[int]:
    """The lab's processes, for their share of the CPU; the traffic manager counts itself."""
    found = []
    for process in processes_of_lab(lab.journal.lab_id):
        try:
            command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"emu.lab.tm" not in command:
            found.append(process.pid)
    return found


def gateway_macs(lab: Lab) -> list[str]:
    """By endpoint: the MAC address at which its host found its gateway; of one that speaks BGP
    that of the leaf's port.

    Raises
    ------
    emu.errors.RunError
        When a host has not found it.
    """
    out = []
    for address in lab.plan.addresses:
        port = lab.plan.ports[address.port]
        if lab.variant.bgp_hosts:
            out.append(lab.plan.ports[port.peer].mac)
            continue
        namespace = lab.paths.namespace(port.namespace)
        show = ["ip", "-n", namespace, "-j", "neigh", "show", address.gateway, "dev"]
        found = json.loads(run([*show, port.interface]) or "[]")
        macs = [entry["lladdr"] for entry in found if "lladdr" in entry]
        if not macs:
            raise RunError(f"{port.node} has not found its gateway {address.gateway}")
        out.append(macs[0])
    return out
