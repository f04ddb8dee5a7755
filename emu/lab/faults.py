# SPDX-License-Identifier: Apache-2.0
"""Faults by hand: ``link down leaf1-spine2``."""

from __future__ import annotations

from emu.errors import InputError
from emu.fabric.faults import UnknownNameError, switch_target
from emu.lab.lab import Lab
from emu.lab.plan import LabPort
from emu.spec.nearest import hint_for

_FORM = "a fault is `link down NAME`, `link up NAME`, `switch down NAME` or `switch up NAME`"


def apply_fault(lab: Lab, text: str) -> list[LabPort]:
    """Do what a fault says; returns the ports whose state was set.

    Raises
    ------
    InputError
        When the text is no fault or names nothing in this fabric.
    """
    words = text.split()
    if len(words) != 3:
        raise InputError(f"{text!r} is no fault: {_FORM}")
    what, state, name = words
    for word, known in ((what, ("link", "switch")), (state, ("down", "up"))):
        if word not in known:
            raise InputError(f"{word!r} in {text!r}: {hint_for(word, known)}", hint=_FORM)
    try:
        ports = [
            port
            for link in _links_of(lab, what, name)
            for port in lab.set_link(link, up=state == "up")
        ]
    except UnknownNameError as unknown:
        raise InputError(unknown.message, hint=unknown.hint) from None
    lab.journal.write("fault", text=text)
    return ports


def _links_of(lab: Lab, what: str, name: str) -> list[str]:
    """Names of the links that a fault hits; of a switch all."""
    if what == "link":
        return [name]
    fabric = lab.plan.fabric
    ports = fabric.ports_of(switch_target(fabric, name))
    return [fabric.links[fabric.ports[port].link].name for port in ports]
