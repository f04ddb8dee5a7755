# SPDX-License-Identifier: Apache-2.0
"""The command that a person types in a host or switch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from emu.lab.namespaces import enter
from emu.lab.processes import LAB_VARIABLE, identify

if TYPE_CHECKING:
    from emu.lab.lab import Lab


def shell_command(lab: Lab, name: str, command: list[str]) -> tuple[list[str], dict[str, str]]:
    """What to exec, and with which environment, to be in a node.

    This very process is written into the state file, as it becomes the shell: `emu clean`
    ends it too.
    """
    node = lab.find(name)
    environment = {
        **os.environ,
        LAB_VARIABLE: lab.launcher.lab_id,
        "PS1": f"{name}:\\w\\$ ",
        # ovs-ofctl and ovs-appctl mean the lab's Open vSwitch.
        **(lab.switches[0].environment if lab.switches else {}),
    }
    for switch in lab.switches:
        if switch.namespace == lab.paths.namespace(node.namespace):
            environment.update(switch.environment)
    ours = identify(os.getpid())
    lab.journal.write("process", role=f"{name}-shell", pid=ours.pid, start_ticks=ours.start_ticks,
                      command=command)  # fmt: skip
    words = command or ["bash", "--norc"]
    return enter(lab.paths.namespace(node.namespace), words), environment
