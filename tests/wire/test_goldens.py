# SPDX-License-Identifier: Apache-2.0
"""What each verb prints about each small capture, as text that a reviewer can diff.

`EMU_UPDATE_CASES=1` writes the files in goldens/ anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emu.cli.app import make_app
from emu.cli.console import render_error
from emu.errors import EmuError
from tests.wire.scenarios import SCENARIOS, pcapng

GOLDENS = Path(__file__).parent / "goldens"
BY_VERB = {
    "summary": sorted(SCENARIOS),
    "check": sorted(SCENARIOS),
    "messages": ["go-back", "joined", "lossless", "read", "sends", "wrap"],
    "flows": ["marked", "spread-ports", "vxlan"],
    "pfc": ["lossless", "paused", "wrong-pauses"],
}
OPTIONS = {
    "messages-csv": ["messages", "go-back.pcapng", "--csv"],
    "messages-json": ["messages", "read.pcapng", "--json"],
    "flows-csv": ["flows", "marked.pcapng", "--csv"],
    "summary-json": ["summary", "marked.pcapng", "--json"],
    "summary-two-files": ["summary", "lossless.pcapng", "read.pcapng"],
    "summary-cut-off": ["summary", "cut.pcapng"],
    "summary-no-capture": ["summary", "text.pcap"],
    "summary-missing": ["summary", "no-such.pcap"],
    "check-json": ["check", "refused.pcapng", "--json"],
    "check-cut-off": ["check", "cut.pcapng"],
    "check-bad-priority": ["check", "lossless.pcapng", "--lossless", "3,9"],
    "check-bad-map": ["check", "lossless.pcapng", "--dscp-map", "26"],
    "check-bad-time": ["check", "lossless.pcapng", "--pause-limit", "10"],
    "pfc-episodes": ["pfc", "paused.pcapng", "--episodes"],
    "pfc-csv": ["pfc", "paused.pcapng", "--csv"],
    "pfc-json": ["pfc", "paused.pcapng", "--json"],
    "pfc-quick-watchdog": ["pfc", "paused.pcapng", "--detect", "10us", "--poll", "10us"],
    "pfc-bad-speed": ["pfc", "paused.pcapng", "--speed", "400"],
    "messages-two-formats": ["messages", "lossless.pcapng", "--json", "--csv"],
}
CASES = {
    **{
        f"{verb}-{name}": [verb, f"{name}.pcapng"]
        for verb, names in BY_VERB.items()
        for name in names
    },
    **OPTIONS,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captures")
    for name, scenario in SCENARIOS.items():
        (folder / f"{name}.pcapng").write_bytes(pcapng(scenario()))
    (folder / "cut.pcapng").write_bytes(pcapng(SCENARIOS["go-back"]())[:-10])
    (folder / "text.pcap").write_text("no capture\n")
    return folder


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_verb_prints_what_its_golden_says(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "100")
    done = CliRunner().invoke(make_app(), ["pcap", *CASES[case]])
    code, err = done.exit_code, done.stderr
    if isinstance(done.exception, EmuError):
        code = render_error(done.exception)
        err += capfd.readouterr().err
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    got = (
        f"$ emu pcap {' '.join(CASES[case])}\nexit code {code}\n"
        f"--- stdout\n{done.stdout}--- stderr\n{err}"
    )
    golden = GOLDENS / f"{case}.txt"
    if os.environ.get("EMU_UPDATE_CASES"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(got, encoding="utf-8")
        return
    assert got == golden.read_text(encoding="utf-8")


def test_no_golden_is_left_over() -> None:
    assert {p.stem for p in GOLDENS.glob("*.txt")} == set(CASES)
