# SPDX-License-Identifier: Apache-2.0
"""The Ryu API, from os-ken (its maintained fork, the default) or from Ryu itself.

Everything that the apps take from the runtime comes through this module, so that no app knows
which one it runs on. ``EMU_CONTROLLER_RUNTIME`` names the runtime; without it the one that is
imported already (``ryu-manager`` has imported Ryu) or installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

from oslo_config.cfg import ArgsAlreadyParsedError


def _package() -> str:
    wanted = os.environ.get("EMU_CONTROLLER_RUNTIME", "")
    if wanted:
        return {"os-ken": "os_ken", "ryu": "ryu"}[wanted]
    for name in ("os_ken", "ryu"):
        if f"{name}.base.app_manager" in sys.modules:
            return name
    return "os_ken" if importlib.util.find_spec("os_ken") else "ryu"


PACKAGE = _package()
RUNTIME = {"os_ken": "os-ken", "ryu": "ryu"}[PACKAGE]

if PACKAGE == "ryu" and "ryu.base.app_manager" not in sys.modules:
    # Ryu 4.34 is from 2019. Its green threads have to be patched in before it is imported,
    # and it takes a name from eventlet that was dropped in 2021.
    import eventlet
    import eventlet.wsgi

    eventlet.monkey_patch()
    eventlet.wsgi.ALREADY_HANDLED = b""


def load(name: str) -> Any:
    """A module of the runtime, such as ``lib.packet.lldp``."""
    return importlib.import_module(f"{PACKAGE}.{name}")


app_manager = load("base.app_manager")
cfg = load("cfg")
ofp_event = load("controller.ofp_event")
handler = load("controller.handler")
hub = load("lib.hub")
ofproto_v1_3 = load("ofproto.ofproto_v1_3")
packet = load("lib.packet.packet")
ethernet = load("lib.packet.ethernet")
arp = load("lib.packet.arp")
ipv4 = load("lib.packet.ipv4")
lldp = load("lib.packet.lldp")

AppManager = app_manager.AppManager
App = app_manager.OSKenApp if PACKAGE == "os_ken" else app_manager.RyuApp
set_ev_cls = handler.set_ev_cls
CONFIG_DISPATCHER = handler.CONFIG_DISPATCHER
MAIN_DISPATCHER = handler.MAIN_DISPATCHER
DEAD_DISPATCHER = handler.DEAD_DISPATCHER
CONF = cfg.CONF


def register_options(options: list[Any]) -> None:
    """Make an app's options known: on the command line, or where that has been read already.

    ``ryu-manager`` reads its command line before it loads an app; the options can then stand
    in its ``--config-file``.
    """
    try:
        CONF.register_cli_opts(options)
    except ArgsAlreadyParsedError:
        CONF.register_opts(options)


def bgp_speaker() -> Any:
    """The BGP speaker's module; it is large and only one app wants it."""
    return load("services.protocols.bgp.bgpspeaker")
