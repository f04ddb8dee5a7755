# SPDX-License-Identifier: Apache-2.0
"""`emu run` and what follows it, as a user types it: interrupted, killed, resumed, reported."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import emu

EMU = str(Path(sys.executable).parent / "emu")
TINY = Path(__file__).parent / "inputs" / "tiny.yaml"
RUNS = 6


def _emu(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EMU, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )


def _digests(out: Path) -> dict[str, str]:
    """Digest of every file whose bytes are promised to repeat."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "timing.json"
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny experiment, run without interruption."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    done = _emu("run", TINY, "--out", out, "--jobs", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)) == sorted(str(p) for p in out.glob("*/seed-*"))
    return out


def _start(out: Path) -> subprocess.Popen[str]:
    # Whoever runs the tests in the background of a shell passes an ignored SIGINT on.
    return subprocess.Popen(
        ["env", "--default-signal=INT", EMU, "run", str(TINY), "--out", str(out), "--jobs", "1"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _frozen_halfway(out: Path) -> subprocess.Popen[str]:
    """A run whose processes are stopped after the first result and before the last."""
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s:
        process = _start(out)
        while process.poll() is None and not list(out.glob("*/seed-*/run.json")):
            time.sleep(0.005)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGSTOP)
            if len(list(out.glob("*/seed-*/run.json"))) < RUNS:
                return process
            os.killpg(process.pid, signal.SIGKILL)
        # On a busy machine it may end before this process is scheduled again.
        process.communicate(timeout=30)
        shutil.rmtree(out)
    raise AssertionError("it always ended before it could be stopped")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "SIGKILL"])
def test_a_stopped_run_resumes_to_the_same_bytes(
    stop: signal.Signals, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tiny"
    process = _frozen_halfway(out)
    os.killpg(process.pid, stop)
    os.killpg(process.pid, signal.SIGCONT)
    _, stderr = process.communicate(timeout=30)
    if stop is signal.SIGINT:
        assert process.returncode == 130
        assert "--resume" in stderr
    assert len(list(out.glob("*/seed-*/run.json"))) < RUNS
    done = _emu("run", TINY, "--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert "kept" in done.stderr
    assert _digests(out) == _digests(finished)


def test_a_terminated_run_leaves_no_worker_behind(tmp_path: Path) -> None:
    process = _frozen_halfway(tmp_path / "tiny")
    process.terminate()  # the command alone, as a supervisor does
    os.killpg(process.pid, signal.SIGCONT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "--resume" in stderr
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("processes of the run are still there")


def test_ctrl_c_ends_a_single_run_in_the_middle_of_the_engine(tmp_path: Path) -> None:
    out = tmp_path / "one"
    long = Path(__file__).parent.parent.parent / "benchmarks" / "kv-128.yaml"
    process = subprocess.Popen(
        ["env", "--default-signal=INT", EMU, "run", long, "--out", out],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline_s = time.monotonic() + 60
    while process.poll() is None and not list(out.glob("*/.seed-1.partial-*")):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "--resume" in stderr
    assert "Traceback" not in stderr
    assert not list(out.glob("*/.seed-1*")), "half a run was left"
    assert not list(out.glob("*/seed-1"))


def test_the_number_of_jobs_does_not_change_a_byte(finished: Path, tmp_path: Path) -> None:
    done = _emu("run", TINY, "--out", tmp_path / "tiny", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert _digests(tmp_path / "tiny") == _digests(finished)


def test_a_second_run_needs_resume_and_then_does_nothing(finished: Path) -> None:
    before = _digests(finished)
    refused = _emu("run", TINY, "--out", finished)
    assert refused.returncode == 1
    assert "hint: add --resume" in refused.stderr
    kept = _emu("run", TINY, "--out", finished, "--resume")
    assert kept.returncode == 0
    assert kept.stderr.count(": kept") == RUNS
    assert _digests(finished) == before


def test_an_unwritable_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = _emu("run", TINY, "--out", tmp_path / "file" / "runs")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr


def test_a_full_disk_is_one_clear_error_and_leaves_no_run(tmp_path: Path) -> None:
    # A limit on the size of a file stands in for the full disk: the write fails in the same way.
    command = f"ulimit -f 8; trap '' XFSZ; exec {EMU} run {TINY} --out {tmp_path / 'tiny'} -j 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    assert not list(tmp_path.rglob("run.json"))


def test_report_compare_and_publish_follow_a_run(finished: Path, tmp_path: Path) -> None:
    page = _emu("report", finished, "--out", tmp_path / "report")
    assert page.returncode == 0, page.stderr
    assert Path(page.stdout.strip()).name == "index.html"
    first, second, *_ = sorted(finished.glob("*/seed-1"))
    rows = _emu("compare", first, second, "--json")
    assert rows.returncode == 0, rows.stderr
    assert {row["measure"] for row in json.loads(rows.stdout)}
    site = _emu("publish", tmp_path / "report", "--out", tmp_path / "public")
    assert site.returncode == 0, site.stderr
    assert Path(site.stdout.strip()).is_file()


def test_the_python_api_gives_the_same_runs(finished: Path, tmp_path: Path) -> None:
    experiment = emu.load(TINY)
    runs = emu.run(experiment, tmp_path / "tiny", resume=True)
    assert _digests(tmp_path / "tiny") == _digests(finished)
    assert [run.seed for run in runs] == [1, 2] * (RUNS // 2)
    assert all((run.transfers["status"] == "done").all() for run in runs)
    assert emu.report(runs, tmp_path / "report").is_file()


def test_an_incomplete_experiment_is_reported_only_when_told(
    finished: Path, tmp_path: Path
) -> None:
    run = sorted(finished.glob("*/seed-1"))[0]
    broken = tmp_path / "runs" / run.parent.name / "seed-1"
    broken.parent.mkdir(parents=True)
    broken.mkdir()
    for file in run.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "flows.parquet").write_bytes(b"PAR1 cut")
    done = _emu("report", tmp_path / "runs", "--out", tmp_path / "report")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
