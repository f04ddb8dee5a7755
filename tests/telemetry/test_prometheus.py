# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus takes what is exported and served, and answers every panel."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emu.errors import InputError
from emu.sim.run import run_variant
from emu.spec import ExperimentSpec
from emu.telemetry.backfill import START_S, export_prometheus
from emu.telemetry.live import LiveView, write_live
from emu.telemetry.metrics import parse_address, serve_metrics
from tests.telemetry.conftest import write_experiment

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus is not installed (Debian package prometheus)",
)
DASHBOARDS = sorted(
    (Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dashboards").glob("*.json")
)


def panels() -> list[Any]:
    """Every query of every panel, by dashboard and title."""
    out = []
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                name = f"{path.stem}: {panel['title']} {target['refId']}"
                out.append(pytest.param(target["expr"], id=name))
    return out


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Prometheus:
    """One that this test started, and stops by its process."""

    def __init__(self, folder: Path, data: Path, config: str = "{}") -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "prometheus.yml").write_text(config, encoding="utf-8")
        self._log = (folder / "prometheus.log").open("w")
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait(folder / "prometheus.log")

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
                return
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        self.stop()
        pytest.fail(f"prometheus does not start:\n{log.read_text()}")

    def query(self, expression: str, start_s: float, end_s: float) -> list[Any]:
        """Series of a range query."""
        values = {"query": expression, "start": start_s, "end": end_s, "step": 30}
        url = f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(values)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self._log.close()


@pytest.fixture(scope="module")
def prometheus(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Prometheus on the blocks of the recorded run, and where its samples end."""
    folder = tmp_path_factory.mktemp("prometheus")
    exported = folder / "run.om"
    count, _, end_s = export_prometheus(recorded, exported)
    assert count > 1000
    done = subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(exported), str(folder / "d")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    server = Prometheus(folder, folder / "d")
    yield server, end_s
    server.stop()


@needs_prometheus
@pytest.mark.parametrize("expression", panels())
def test_every_panel_has_data(prometheus: tuple[Prometheus, float], expression: str) -> None:
    server, end_s = prometheus
    for name in ("experiment", "variant", "seed", "port", "qp"):
        expression = expression.replace(f"${name}", ".*")
    found = server.query(expression.replace("$window", "1m"), START_S, end_s + 30)
    values = [float(value) for series in found for _, value in series["values"]]
    assert values
    assert any(value > 0 for value in values if value == value)


@needs_prometheus
def test_a_rate_in_prometheus_is_the_rate_of_the_run(
    prometheus: tuple[Prometheus, float], recorded: Path
) -> None:
    server, end_s = prometheus
    (series,) = server.query("emu_delivered_payload_bytes_total", end_s, end_s)
    assert float(series["values"][-1][1]) == pytest.approx(18_000_000)
    (total,) = server.query("sum(sai_queue_stat_packets_total)", end_s, end_s)
    from emu.telemetry import Run

    assert float(total["values"][0][1]) <= Run(recorded).ports["tx_packets"].sum()


def test_the_export_is_the_same_bytes_each_time(recorded: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_prometheus(recorded, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_text().endswith("# EOF\n")


def test_a_run_without_series_cannot_be_exported(tmp_path: Path) -> None:
    from emu.spec import load_experiment

    spec = load_experiment(write_experiment(tmp_path, record={"level": "counters"}))
    run = run_variant(spec.variants()[0], 1, tmp_path / "run")
    with pytest.raises(InputError, match="no series of ports") as caught:
        export_prometheus(run, tmp_path / "x.om")
    assert "everything" in caught.value.hint


VIEW = LiveView(
    experiment="e", variant='l3"x', design="l3", seed=1, t_ps=10**9, fraction=0.5, packets=7,
    drops=0, ecn_marked=1, pfc_frames=2, transfers_done=3, transfers=4,
)  # fmt: skip
COUNTERS: list[list[Any]] = [
    ["port", "leaf0:Ethernet4", -1, "SAI_PORT_STAT_IF_OUT_OCTETS", 4096],
    ["port", "leaf0:Ethernet4", -1, "SAI_PORT_STAT_PFC_3_RX_PAUSE_DURATION_US", 12],
    ["queue", "leaf0:Ethernet4", 3, "SAI_QUEUE_STAT_WATERMARK_BYTES", 5],
    ["priority-group", "leaf0:Ethernet4", 3, "SAI_INGRESS_PRIORITY_GROUP_STAT_WATERMARK_BYTES", 5],
    ["buffer-pool", "leaf0", -1, "SAI_BUFFER_POOL_STAT_WATERMARK_BYTES", 5],
]


@pytest.fixture
def live_folder(tmp_path: Path) -> Path:
    """A folder with one run under way."""
    partial = tmp_path / "l3" / ".seed-1.partial-1"
    partial.mkdir(parents=True)
    write_live(partial, VIEW, COUNTERS)
    return tmp_path


def scrape(url: str, accept: str = "") -> tuple[str, str]:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_live_counters_are_served_in_both_formats(live_folder: Path) -> None:
    with serve_metrics(":0", live_folder) as url:
        assert url.startswith("http://127.0.0.1:")
        kind, text = scrape(url, "application/openmetrics-text")
        assert kind.startswith("application/openmetrics-text; version=1.0.0")
        assert text.endswith("# EOF\n")
        assert "# TYPE sai_port_stat_if_out_octets counter\n" in text
        line = (
            'sai_port_stat_pfc_rx_pause_duration_seconds_total{experiment="e",variant="l3\\"x",'
            'seed="1",node="leaf0",port="leaf0:Ethernet4",priority="3"} 1.2e-05\n'
        )
        assert line in text
        assert scrape(url)[0].startswith("text/plain")
        with pytest.raises(urllib.error.HTTPError):
            scrape(url + "/x")


@needs_prometheus
def test_promtool_finds_nothing_wrong_with_live_counters(live_folder: Path) -> None:
    with serve_metrics(":0", live_folder) as url:
        text = scrape(url)[1]
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_prometheus
def test_a_real_prometheus_scrapes_live_counters(live_folder: Path) -> None:
    with serve_metrics(":0", live_folder) as url:
        target = url.removeprefix("http://").removesuffix("/metrics")
        config = (
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: emu, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        server = Prometheus(live_folder, live_folder / "data", config)
        try:
            deadline, found = time.monotonic() + 30, []
            while not found and time.monotonic() < deadline:
                time.sleep(0.5)
                now = time.time()
                found = server.query("sai_queue_stat_watermark_bytes", now - 1, now)
        finally:
            server.stop()
    assert found[0]["metric"]["queue"] == "3"


@pytest.mark.parametrize("text", ["", "x", ":70000", "host:", "a b:1", ":9464:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not an address"):
        parse_address(text)


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="in use"), serve_metrics(f":{port}", tmp_path):
            pass


def test_live_counters_of_a_run_come_from_a_run(spread: ExperimentSpec, tmp_path: Path) -> None:
    """What a run writes while it goes on is what is served."""
    from emu.sim import watching
    from emu.sim.build import build_engine
    from emu.sim.ports import map_ports
    from emu.sim.recording import Recording
    from emu.sim.scenario import make_scenario

    scenario = make_scenario(spread.variants()[0], 1)
    ports = map_ports(scenario.fabric)
    engine = build_engine(scenario, ports)
    recording = Recording(engine, scenario, ports)
    partial = tmp_path / ".seed-1.partial-1"
    partial.mkdir()
    live = watching.LiveFile(engine, scenario, ports, recording.counters, "l3", partial)
    engine.run_until(100_000_000)
    write_live(partial, live.view(0.5), recording.counters.rows())
    with serve_metrics(":0", tmp_path) as url:
        text = scrape(url)[1]
    assert 'emu_fabric_seconds_total{experiment="spread",variant="l3",seed="1"} 0.0001\n' in text
    assert "sai_queue_stat_bytes_total{" in text
