# SPDX-License-Identifier: Apache-2.0
"""The stream of a run: every line fits its schema, and a detector can be held against it."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter

from emu.errors import InputError, RunError
from emu.sim import run_experiment
from emu.spec import ExperimentSpec, load_experiment
from emu.telemetry import Run
from emu.telemetry.stream import StreamEnd, StreamLine, StreamWriter, prepare_stream

DETECTORS = Path(__file__).resolve().parents[2] / "docs" / "detectors"


@pytest.fixture(scope="session")
def stream_file(recorded: Path) -> Path:
    return recorded.parents[1] / "stream.ndjson"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def test_every_line_is_one_of_the_models(stream_file: Path) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(StreamLine)
    for text in stream_file.read_text(encoding="utf-8").splitlines():
        adapter.validate_json(text, strict=True)


def test_a_run_has_a_head_its_samples_in_order_and_an_end(stream_file: Path) -> None:
    lines = lines_of(stream_file)
    assert [lines[0]["type"], lines[-1]["type"]] == ["run", "end"]
    assert {line["run"] for line in lines} == {"l3/seed-1"}
    times = [line["t_ps"] for line in lines[1:]]
    assert [line["type"] for line in lines].count("run") == 1
    samples = [line["t_ps"] for line in lines if line["type"] == "sample"]
    assert samples == sorted(samples)
    assert times[-1] == samples[-1]


def test_the_last_counters_are_those_of_the_run_directory(
    stream_file: Path, recorded: Path
) -> None:
    last: dict[str, Any] = {}
    for line in lines_of(stream_file):
        if line["type"] == "sample":
            last.update((port["name"], port) for port in line["ports"])
    counted = Run(recorded).sai_counters
    for field, counter in (
        ("in_packets", "SAI_PORT_STAT_IF_IN_UCAST_PKTS"),
        ("out_octets", "SAI_PORT_STAT_IF_OUT_OCTETS"),
        ("in_errors", "SAI_PORT_STAT_IF_IN_ERRORS"),
    ):
        rows = counted[counted["counter"] == counter].set_index("name")["value"].to_dict()
        assert {n: p[field] for n, p in last.items() if p[field]} == rows, field


def test_events_are_those_of_the_run_directory(stream_file: Path, recorded: Path) -> None:
    told = [line for line in lines_of(stream_file) if line["type"] == "event"]
    happened = Run(recorded).events.query("kind == 'link-loss'")
    assert [(e["t_ps"], e["port"]) for e in told if e["kind"] == "link-loss"] == list(
        zip(happened["t_ps"], happened["port"], strict=True)
    )


def test_a_program_that_listens_gets_the_same_lines(
    spread: ExperimentSpec, stream_file: Path, tmp_path: Path
) -> None:
    path, got = tmp_path / "s", bytearray()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def collect() -> None:
        for _ in range(2):  # emu first looks whether somebody listens
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(1 << 16):
                    got.extend(data)

    thread = threading.Thread(target=collect)
    thread.start()
    run_experiment(spread, tmp_path / "out", stream=path)
    thread.join(30)
    server.close()
    assert bytes(got) == stream_file.read_bytes()


def test_a_place_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        prepare_stream(tmp_path / "nowhere" / "stream")
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(str(path))
    with pytest.raises(InputError, match="refused") as caught:
        prepare_stream(path)
    assert "start the program" in caught.value.hint


def test_a_reader_that_goes_away_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    writer = StreamWriter(path)
    server.accept()[0].close()
    server.close()
    with pytest.raises(RunError, match="has gone"):
        writer.write(StreamEnd(run="x", t_ps=1))


def detector() -> ModuleType:
    spec = importlib.util.spec_from_file_location("grey_link", DETECTORS / "grey_link.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grey")
    spec = load_experiment(DETECTORS / "grey-link.yaml")
    run_experiment(spec, folder / "runs", stream=folder / "grey.ndjson")
    return folder / "grey.ndjson"


def test_the_example_detector_finds_the_lossy_links_and_no_other(grey: Path) -> None:
    done = subprocess.run(
        [sys.executable, DETECTORS / "grey_link.py", grey],
        capture_output=True,
        text=True,
        check=True,
    )
    score = json.loads(done.stdout)
    assert score["faults"] == 4  # two pairs of nodes, two cables each
    assert (score["precision"], score["recall"]) == (1.0, 1.0)
    assert len(score["time_to_detect_us"]) == 4
    assert max(score["time_to_detect_us"]) < 9000


def test_a_detector_that_sees_nothing_and_one_that_cries_always_score_so(grey: Path) -> None:
    module = detector()
    lines = lines_of(grey)

    class Blind:
        def __init__(self, start: dict[str, Any]) -> None:
            self.peer = {port["name"]: port["peer"] for port in start["ports"]}

        def sample(self, t_ps: int, ports: list[Any]) -> list[str]:
            return []

    class Nervous(Blind):
        def sample(self, t_ps: int, ports: list[Any]) -> list[str]:
            return [port["name"] for port in ports] if t_ps > 5_000_000_000 else []

    assert module.judge(lines, Blind)["recall"] == 0
    assert module.judge(lines, Blind)["precision"] is None
    score = module.judge(lines, Nervous)
    assert score["recall"] == 1
    assert score["precision"] < 0.2
