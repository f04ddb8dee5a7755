# SPDX-License-Identifier: Apache-2.0
"""A lab on this machine: goes up, is found again by later commands, goes down."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from emu.errors import InputError, RunError
from emu.fabric import build_fabric
from emu.fabric.faults import link_targets
from emu.lab.cleanup import clean
from emu.lab.controller import Controller, Runtime
from emu.lab.designs import Variant, find_variant
from emu.lab.hosts import configure_hosts
from emu.lab.journal import Journal, LabPaths, describe_holder, lab_lock, lab_paths, read_journal
from emu.lab.launch import Launcher
from emu.lab.namespaces import (
    create_namespace,
    create_veth,
    ip_batch,
    namespace_exists,
    offloads_off,
    set_interface,
)
from emu.lab.nodes import LabNode
from emu.lab.ovs import OpenVSwitch
from emu.lab.plan import TM_NAMESPACE, LabPlan, LabPort, plan_lab
from emu.lab.processes import identify
from emu.lab.requirements import check_machine
from emu.lab.traffic import TrafficOptions, ask, socket_path, start_traffic, traffic_options
from emu.spec.topology import TopologySpec

Wiring = Literal["direct", "tm"]
"""direct: the two ports of a link are the ends of one virtual cable. tm: every port's far end
is in the traffic manager's namespace, and the traffic manager is the link."""

Tell = Callable[[str], None]


@dataclass
class Lab:
    """One lab that is up, or is being built."""

    paths: LabPaths
    plan: LabPlan
    variant: Variant
    runtime: Runtime
    wiring: Wiring
    journal: Journal
    launcher: Launcher
    switches: list[OpenVSwitch] = field(default_factory=list)
    controller: Controller | None = None
    traffic: TrafficOptions | None = None
    """What the traffic manager does, when there is one."""
    _nodes: dict[str, LabNode] = field(default_factory=dict)

    # -- up and down -------------------------------------------------------------

    @classmethod
    def up(
        cls,
        topology: TopologySpec,
        design: str = "l3",
        control: str | None = None,
        *,
        runtime: Runtime = "os-ken",
        wiring: Wiring = "direct",
        options: dict[str, str] | None = None,
        traffic: TrafficOptions | None = None,
        tell: Tell = lambda _: None,
    ) -> Lab:
        """Build a lab and wait until its control plane has settled.

        Parameters
        ----------
        topology : TopologySpec
            Any that fits (see ``plan_lab``).
        design : str
            Key of a design, such as ``l3`` or ``stretched-l2/mlag``.
        control : str, optional
            Who forwards: ``controller``, ``adaptive``, ``frr`` or ``ovs``; the design's
            first when not given.
        runtime : str
            What the controller runs on.
        wiring : str
            Whether the traffic manager is between the ports.
        options : dict, optional
            Options of the variant, such as ``{"bfd": "off"}``.
        traffic : TrafficOptions, optional
            With wiring ``tm``: how the traffic manager runs the fabric's time.
        tell : callable
            Gets a line about each step.

        Raises
        ------
        RunError
            When the machine lacks something, another lab is up, or a part does not start;
            what was begun is then ended.
        """
        check_machine()
        variant = find_variant(design, control)
        plan = plan_lab(build_fabric(topology), shared_switches=variant.shared_switches)
        paths = lab_paths()
        try:
            with lab_lock(paths):
                _refuse_second(paths)
                journal = _begin(paths, plan, variant, runtime, wiring)
            lab = cls(paths, plan, variant, runtime, wiring, journal, Launcher(journal))
            lab.options.update(options or {})
            lab.traffic = traffic
            lab._build(tell)
        except (Exception, KeyboardInterrupt) as error:
            if not isinstance(error, _HeldError):
                tell("taking down what was begun")
                clean(paths)
            raise
        return lab

    @classmethod
    def attach(cls, paths: LabPaths | None = None) -> Lab:
        """The lab that is up.

        Raises
        ------
        RunError
            When there is none, or only the remains of one.
        """
        paths = paths or lab_paths()
        entries = read_journal(paths.journal)
        if not entries:
            raise RunError("no lab is up", hint="sudo emu lab up topologies/lab-2x2x4.yaml")
        if not any(entry.kind == "ready" for entry in entries):
            raise RunError(
                f"a lab was begun and is not ready: {describe_holder(entries)}", hint="emu clean"
            )
        head = entries[0]
        variant = find_variant(head["design"], head["control"])
        spec = TopologySpec.model_validate(head["topology"])
        plan = plan_lab(build_fabric(spec), shared_switches=variant.shared_switches)
        journal = Journal(paths)
        lab = cls(paths, plan, variant, head["runtime"], head["wiring"], journal, Launcher(journal))
        lab._find_parts()
        if lab.wiring == "tm":
            lab.traffic = traffic_options(lab)
        return lab

    def down(self) -> list[str]:
        """End everything of this lab; returns what was ended."""
        self.leave()
        return clean(self.paths)

    def leave(self) -> None:
        """Let go of the lab without ending it."""
        for node in self._nodes.values():
            node.terminate()
        self._nodes.clear()
        self.journal.close()

    def _build(self, tell: Tell) -> None:
        tell(f"{len(self.plan.hosts)} hosts, {len(self.plan.switches)} switches")
        for name in self.plan.namespaces:
            self.make_namespace(name)
        if self.wiring == "tm":
            self.make_namespace(TM_NAMESPACE)
        self._lay_cables()
        configure_hosts(self)
        if self.traffic is not None:
            tell("starting the traffic manager")
            start_traffic(self, self.traffic)
        tell(f"starting {self.variant.title}")
        self.variant.start(self)
        tell("waiting for the control plane")
        self.variant.settle(self)
        self.journal.write("ready", at=time.time())

    def make_namespace(self, name: str) -> str:
        """Make a namespace of the plan; returns its name on the machine."""
        full = self.paths.namespace(name)
        if namespace_exists(full):
            raise RunError(
                f"there is a namespace {full} that is not this lab's",
                hint=f"another name for the lab: EMU_LAB=mine {' '.join(sys.argv[:1])} lab up ...",
            )
        self.journal.write("namespace", name=full)
        create_namespace(full)
        return full

    def make_cable(self, ends: tuple[tuple[str, str, str], tuple[str, str, str]], mtu: int) -> None:
        """A veth; each end is (namespace of the plan, interface, MAC). Both are set up."""
        (space_a, name_a, mac_a), (space_b, name_b, mac_b) = ends
        full_a, full_b = self.paths.namespace(space_a), self.paths.namespace(space_b)
        self.journal.write("interface", namespace=full_a, name=name_a)
        self.journal.write("interface", namespace=full_b, name=name_b)
        create_veth(full_a, name_a, mac_a, full_b, name_b, mac_b, mtu)

    def _lay_cables(self) -> None:
        mtu = self.plan.fabric_mtu
        names: dict[str, list[str]] = {}
        for port in self.plan.ports:
            names.setdefault(port.namespace, []).append(port.interface)
            here = (port.namespace, port.interface, port.mac)
            if self.wiring == "tm":
                # The far end has a MAC of its own, which no packet carries.
                far = (TM_NAMESPACE, port.tm_interface, "02:e2" + port.mac[5:])
                self.make_cable((here, far), mtu)
                names.setdefault(TM_NAMESPACE, []).append(port.tm_interface)
            elif port.id < port.peer:
                peer = self.plan.peer(port)
                self.make_cable((here, (peer.namespace, peer.interface, peer.mac)), mtu)
        for namespace, interfaces in names.items():
            full = self.paths.namespace(namespace)
            offloads_off(full, interfaces)
            ip_batch(full, [f"link set {name} up" for name in interfaces])

    def _find_parts(self) -> None:
        """Switches and controller of a lab that another process has built."""
        for entry in self.journal.entries:
            if entry.kind == "ovs":
                self.switches.append(
                    OpenVSwitch(Path(entry["folder"]), entry["namespace"], entry["role"])
                )
            elif entry.kind == "controller":
                self.controller = Controller(
                    entry["app"], self.runtime, entry["namespace"], entry["address"]
                )

    # -- parts -------------------------------------------------------------------

    @cached_property
    def options(self) -> dict[str, str]:
        """Options of the variant, its defaults included."""
        return dict(self.variant.options)

    def start_ovs(self, namespace: str) -> OpenVSwitch:
        """Start an Open vSwitch for the bridges of a namespace of the plan."""
        full = self.paths.namespace(namespace)
        role = "ovs" if namespace == "ovs" else f"ovs-{namespace}"
        switch = OpenVSwitch(self.paths.folder / role, full, role)
        self.journal.write("ovs", folder=str(switch.folder), namespace=full, role=role)
        switch.start(self.launcher)
        self.switches.append(switch)
        return switch

    def start_controller(
        self, app: str, namespace: str, options: list[str], address: str = "127.0.0.1"
    ) -> Controller:
        """Start an app in a namespace of the plan."""
        full = self.paths.namespace(namespace)
        self.controller = Controller(app, self.runtime, full, address)
        self.journal.write("controller", app=app, namespace=full, address=address)
        self.controller.start(self.launcher, options)
        return self.controller

    def node(self, name: str) -> LabNode:
        """The Mininet node of a host or switch."""
        if name not in self._nodes:
            node = self.find(name)
            full = self.paths.namespace(node.namespace)
            self._nodes[name] = LabNode(name, full, self.launcher)
        return self._nodes[name]

    def find(self, name: str) -> Any:
        """The plan's node of that name; InputError that names the nearest otherwise."""
        from emu.spec.nearest import hint_for

        if name not in self.plan.by_name:
            raise InputError(f"no host or switch {name!r}: {hint_for(name, self.plan.by_name)}")
        return self.plan.by_name[name]

    def set_link(self, name: str, *, up: bool) -> list[LabPort]:
        """Set the links of that name up or down at both ends; returns their ports."""
        links = list(link_targets(self.plan.fabric, name))
        ends = [self.plan.fabric.links[link] for link in links]
        ports = [self.plan.ports[end] for link in ends for end in (link.a, link.b)]
        if self.wiring == "tm":
            # The traffic manager is the link: what is on it is lost, and the nodes at both ends
            # see their carrier go, as with a cut fibre.
            ask(socket_path(self), {"do": "links", "links": links, "up": up})
            return ports
        for port in ports:
            set_interface(self.paths.namespace(port.namespace), port.interface, up=up)
        return ports


class _HeldError(RunError):
    """Another lab is up: nothing of it is ours to end."""


def _refuse_second(paths: LabPaths) -> None:
    entries = read_journal(paths.journal)
    if entries:
        state = "is up" if any(e.kind == "ready" for e in entries) else "was begun"
        raise _HeldError(
            f"a lab {state} on this machine: {describe_holder(entries)}",
            hint="emu lab down ends it",
        )


def _begin(
    paths: LabPaths, plan: LabPlan, variant: Variant, runtime: Runtime, wiring: Wiring
) -> Journal:
    """The folder and the head of the state file."""
    paths.folder.mkdir(parents=True, exist_ok=True)
    paths.logs.mkdir(exist_ok=True)
    journal = Journal(paths)
    maker = identify(os.getpid())
    journal.write(
        "lab",
        id=uuid.uuid4().hex,
        pid=maker.pid,
        start_ticks=maker.start_ticks,
        user=os.environ.get("SUDO_USER") or getpass.getuser(),
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
        command=shlex.join(["emu", *sys.argv[1:]]),
        folder=os.getcwd(),
        design=variant.design,
        control=variant.control,
        runtime=runtime,
        wiring=wiring,
        topology=plan.fabric.spec.model_dump(mode="json"),
    )
    journal.write("folder", path=str(paths.folder))
    return journal
