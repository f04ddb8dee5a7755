# SPDX-License-Identifier: Apache-2.0
"""The generated capture, and what is measured on it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from emu.wire.bench import CASES, measure, write_capture
from emu.wire.inspection import inspect


def test_the_capture_is_the_same_every_time(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        write_capture(CASES["headers"], tmp_path / name, 3_000_000)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_capture_holds_what_it_says(case: str, tmp_path: Path) -> None:
    path = tmp_path / "bench.pcap"
    packets = write_capture(CASES[case], path, 3_000_000)
    found = inspect(str(path))
    assert found.error() is None
    assert found.capture["packets"] == packets
    assert found.findings["icrc_wrong"][0] == 0
    assert (found.totals["icrc_verified"] > packets / 2) == (case == "whole")
    names = {name for name, _, _ in found.totals["protocols"]}
    assert {"RoCEv2", "CNP"} <= names
    assert found.totals["vnis"][0][0] == 100


def test_every_tool_is_measured_and_the_file_is_gone(tmp_path: Path) -> None:
    result = measure("headers", tmp_path, 1_000_000)
    assert "emu pcap summary" in result["tools"]
    for tool in result["tools"].values():
        assert tool["cpu_s"] > 0
        assert tool["packets_per_s"] > 0
    assert list(tmp_path.iterdir()) == []
