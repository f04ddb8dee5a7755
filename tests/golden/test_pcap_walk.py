# SPDX-License-Identifier: Apache-2.0
"""docs/pcap.md is what `make pcap-demo` writes, to the byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_walk_through_emu_pcap_is_up_to_date(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, repository / "scripts" / "pcap-demo", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run `make pcap-demo`:\n{done.stdout}{done.stderr}"
