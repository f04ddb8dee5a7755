# SPDX-License-Identifier: Apache-2.0
"""Network namespaces and the interfaces in them, over netlink."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute, netns
from pyroute2.netlink.exceptions import NetlinkError

from emu.errors import RunError
from emu.lab.launch import run

NETNS_FOLDER = Path("/run/netns")


def namespace_exists(name: str) -> bool:
    """Whether there is a namespace of that name on this machine."""
    return (NETNS_FOLDER / name).exists()


def create_namespace(name: str) -> None:
    """Make a namespace and set its loopback up."""
    run(["ip", "netns", "add", name])
    run(["ip", "-n", name, "link", "set", "lo", "up"])


def delete_namespace(name: str) -> None:
    """Remove a namespace's name; a foreign process inside keeps an empty namespace alive."""
    if namespace_exists(name):
        run(["ip", "netns", "delete", name])


def enter(name: str, command: list[str]) -> list[str]:
    """The command that runs another one in a namespace."""
    return ["nsenter", f"--net={NETNS_FOLDER / name}", *command]


@contextmanager
def _inside(name: str) -> Iterator[None]:
    """This thread in another namespace. What it opens there stays there.

    pyroute2 has ways to do so, but they fork this process and end the child by SIGTERM, on which
    a child with the handlers of `emu run` takes the lab down.

    Raises
    ------
    RunError
        When there is no such namespace.
    """
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        other = os.open(NETNS_FOLDER / name, os.O_RDONLY)
    except FileNotFoundError:
        os.close(own)
        raise RunError(f"there is no namespace {name}: was the lab taken down meanwhile?") from None
    try:
        netns.setns(other)
        yield
    finally:
        netns.setns(own)
        os.close(other)
        os.close(own)


@contextmanager
def _netlink(name: str) -> Iterator[Any]:
    with _inside(name):
        netlink = IPRoute()
    with netlink:
        yield netlink


def create_veth(
    namespace_a: str, name_a: str, mac_a: str, namespace_b: str, name_b: str, mac_b: str, mtu: int
) -> None:
    """A virtual cable whose ends are born in their namespaces: none is ever in the root one."""
    ends = (f"{name_a} address {mac_a} mtu {mtu}", f"name {name_b} address {mac_b} mtu {mtu}")
    ip_batch(namespace_a, [f"link add {ends[0]} type veth peer {ends[1]} netns {namespace_b}"])


def delete_interface(namespace: str, name: str) -> None:
    """Remove an interface if it is there."""
    if not namespace_exists(namespace):
        return
    with _netlink(namespace) as netlink:
        for index in netlink.link_lookup(ifname=name):
            with suppress(NetlinkError):
                netlink.link("del", index=index)


def set_interface(namespace: str, name: str, *, up: bool) -> None:
    """Set an interface up or down."""
    with _netlink(namespace) as netlink:
        found = netlink.link_lookup(ifname=name)
        if not found:
            raise OSError(errno.ENODEV, f"no interface {name} in {namespace}", name)
        netlink.link("set", index=found[0], state="up" if up else "down")


def interfaces(namespace: str) -> dict[str, dict[str, Any]]:
    """Interfaces of a namespace: state, MTU and the kernel's counters."""
    found = {}
    with _netlink(namespace) as netlink:
        for link in netlink.get_links():
            stats = link.get_attr("IFLA_STATS64") or {}
            found[str(link.get_attr("IFLA_IFNAME"))] = {
                "up": link.get_attr("IFLA_OPERSTATE") == "UP",
                "mtu": link.get_attr("IFLA_MTU"),
                "rx_bytes": stats.get("rx_bytes", 0),
                "tx_bytes": stats.get("tx_bytes", 0),
                "rx_packets": stats.get("rx_packets", 0),
                "tx_packets": stats.get("tx_packets", 0),
                "rx_dropped": stats.get("rx_dropped", 0),
                "tx_dropped": stats.get("tx_dropped", 0),
            }
    return found


def socket_in(name: str, family: int, kind: int = socket.SOCK_DGRAM, protocol: int = 0) -> Any:
    """A socket of another namespace; it stays there when this thread is back in its own."""
    with _inside(name):
        return socket.socket(family, kind, protocol)


def ip_batch(namespace: str, lines: list[str]) -> None:
    """Run lines of `ip` in a namespace, all with one process."""
    if lines:
        run(["ip", "-n", namespace, "-batch", "-"], text="\n".join(lines) + "\n")


def set_sysctls(namespace: str, settings: dict[str, str | int]) -> None:
    """Write kernel settings of a namespace; one that this kernel lacks is an error."""
    words = [f"{key}={value}" for key, value in settings.items()]
    run(enter(namespace, ["sysctl", "-q", "-w", *words]))


def offloads_off(namespace: str, names: list[str]) -> None:
    """Switch checksum and segmentation offload off.

    Open vSwitch's userspace datapath forwards what it reads from a veth as it is: with `tx`
    offload the checksum would still be missing, and UDP and TCP break.
    """
    for name in names:
        run(enter(namespace, ["ethtool", "-K", name, "tx", "off", "rx", "off", "gro", "off"]))
