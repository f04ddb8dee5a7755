# SPDX-License-Identifier: Apache-2.0
"""docs/quickstart.py runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_quickstart_runs_from_the_top_of_the_repository(repository: Path, tmp_path: Path) -> None:
    # Links instead of the repository itself: what it writes lands in the temporary folder.
    for folder in ("docs", "topologies", "traces"):
        (tmp_path / folder).symlink_to(repository / folder)
    done = subprocess.run(
        [sys.executable, "docs/quickstart.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "12 transfers" in done.stdout
    assert (tmp_path / "reports" / "quickstart" / "index.html").is_file()
