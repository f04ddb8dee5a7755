# SPDX-License-Identifier: Apache-2.0
"""topologies/emu_topos.py with plain `mn --custom`, and l3.py beside it as anybody would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from emu.lab.launch import run
from emu.lab.namespaces import create_namespace, delete_namespace, enter
from tests.lab.traffic import wait_until


def test_all_hosts_reach_each_other_under_plain_mn(repository: Path, tmp_path: Path) -> None:
    # All of it in a namespace, since mn leaves its switches' interfaces where it runs.
    space = f"emu-mn-{os.getpid()}"
    environment = {**os.environ, "OVS_RUNDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> None:
        started.append(subprocess.Popen(enter(space, list(command)), env=environment, cwd="/"))

    create_namespace(space)
    try:
        schema = "/usr/share/openvswitch/vswitch.ovsschema"
        run(["ovsdb-tool", "create", str(tmp_path / "conf.db"), schema])
        start("ovsdb-server", str(tmp_path / "conf.db"), f"--remote=punix:{tmp_path}/db.sock",
              f"--unixctl={tmp_path}/ovsdb.ctl", "-vconsole:off")  # fmt: skip
        assert wait_until((tmp_path / "db.sock").exists)
        start("ovs-vswitchd", f"unix:{tmp_path}/db.sock", f"--unixctl={tmp_path}/switch.ctl",
              "-vconsole:off")  # fmt: skip
        start(sys.executable, str(repository / "controllers" / "run.py"), "l3")
        # The first pings teach the controller where the hosts are.
        typed = "sh sleep 8\npingall\npingall\nexit\n"
        mn = ["mn", "--custom", str(repository / "topologies" / "emu_topos.py")]
        mn += ["--topo", "leafspine,leaves=2,spines=2,hosts=2"]
        mn += ["--switch", "ovs,datapath=user", "--controller", "remote"]
        done = subprocess.run(
            enter(space, mn), env=environment, cwd=repository, input=typed, text=True,
            capture_output=True, timeout=150, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        dropped = re.findall(r"Results: (\d+)% dropped", said)
        assert dropped, said
        assert dropped[-1] == "0", said
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)
        delete_namespace(space)
