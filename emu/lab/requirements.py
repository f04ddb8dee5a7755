# SPDX-License-Identifier: Apache-2.0
"""What the lab needs of a machine, and the command that installs what is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from emu.errors import RunError


@dataclass(frozen=True)
class Tool:
    """A program, the Debian package it comes in, and what the lab does with it."""

    program: str
    package: str
    needed_for: str


TOOLS = (
    Tool("ip", "iproute2", "namespaces and links"),
    Tool("mnexec", "mininet", "Mininet's nodes"),
    Tool("ifconfig", "net-tools", "Mininet's nodes"),
    Tool("ping", "iputils-ping", "asking whether hosts reach each other"),
    Tool("ethtool", "ethtool", "offloads of interfaces"),
    Tool("ovs-vswitchd", "openvswitch-switch", "OpenFlow switches and bridges"),
    Tool("/usr/lib/frr/bgpd", "frr", "BGP and EVPN"),
    Tool("nft", "nftables", "EVPN on kernel VXLAN"),
)
"""Programs that a lab runs."""
EXTRA_TOOLS = (
    Tool("tshark", "tshark", "decoding captures"),
    Tool("iperf3", "iperf3", "ordinary traffic in hosts"),
    Tool("tcpdump", "tcpdump", "looking at a host's interface"),
)
"""Programs that tests and people use beside it."""
MODULES = {"mininet": "mininet", "os_ken": "os-ken", "pyroute2": "pyroute2"}


def missing_tools(tools: tuple[Tool, ...] = TOOLS) -> list[Tool]:
    """Those that are not on this machine."""
    return [tool for tool in tools if find_tool(tool) is None]


def find_tool(tool: Tool) -> str | None:
    """Where a program is; None when it is missing. Root's folders count for everybody."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(tool.program, path=path)


def missing_modules() -> list[str]:
    """Python packages of the lab that are not installed."""
    return [package for name, package in MODULES.items() if importlib.util.find_spec(name) is None]


def check_machine() -> None:
    """Everything that a lab needs is here.

    Raises
    ------
    RunError
        Names all that is missing at once, with the commands that help.
    """
    lacks, hints = [], []
    modules = missing_modules()
    if modules:
        lacks.append("Python packages " + ", ".join(modules))
        hints.append(f"{Path(sys.executable).name} -m pip install {' '.join(modules)}")
    tools = missing_tools()
    if tools:
        packages = sorted({tool.package for tool in tools})
        lacks.append("programs " + ", ".join(Path(tool.program).name for tool in tools))
        hints.append("sudo apt-get install --no-install-recommends " + " ".join(packages))
    if os.geteuid() != 0:
        lacks.append("root, which makes network namespaces")
        hints.append(f"sudo {sys.argv[0]} {' '.join(sys.argv[1:])}".rstrip())
    if lacks:
        raise RunError("the lab lacks " + "; ".join(lacks), hint="\n".join(hints))
