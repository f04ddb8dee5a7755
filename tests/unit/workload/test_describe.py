# SPDX-License-Identifier: Apache-2.0
"""Descriptions, their rendering, and what import and synth write."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from emu.errors import InputError
from emu.workload import FlowTrace, ReadOptions, RequestTrace, read_trace
from emu.workload.describe import burstiness, describe, distribution
from emu.workload.export import import_trace, synth
from emu.workload.plot import plot
from emu.workload.render import bar, render, sparkline


def test_distribution_bins_are_powers_of_two() -> None:
    found = distribution(np.array([1, 2, 3, 4, 1024, 1025, 2047]))
    assert found.bins[:3] == [(1, 1), (2, 2), (4, 1)]
    assert found.bins[-1] == (1024, 3)
    assert found.total == 4106
    assert found.percentiles["50"] == 4


def test_distribution_with_zeros() -> None:
    assert distribution(np.array([0, 0, 1])).bins == [(0, 2), (1, 1)]


def test_poisson_arrivals_are_not_bursty() -> None:
    gaps = np.random.default_rng(1).exponential(0.1e12, 20_000).astype(np.int64)
    found = burstiness(np.cumsum(gaps))
    assert found.iat_cv == pytest.approx(1.0, abs=0.05)
    assert found.dispersion_1s == pytest.approx(1.0, abs=0.15)


def test_even_arrivals_have_no_burstiness() -> None:
    found = burstiness(np.arange(1000) * 10**11)
    assert (found.iat_cv, found.dispersion_1s, found.peak_1s) == (0.0, 0.0, 10)


def test_sample_description(sample: Path) -> None:
    found = describe(sample, "deepseek-v3", "fp8")
    assert (found.rows, found.spread_s) == (400, 3.0)
    assert found.model is not None
    assert found.input_tokens is not None
    assert found.model.request_bytes.total == found.input_tokens.total * 35_136
    assert found.prefix is not None
    assert found.prefix.hit_token_fraction == pytest.approx(0.064, abs=0.001)
    json.dumps(found.to_json(), allow_nan=False)


def test_rendering_shows_every_part(sample: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(render(describe(sample, "deepseek-v3")))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("quantised to 3 s", "6.4% of the prompt tokens", "KV bytes", "arrivals over time"):
        assert part in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_bars_and_sparklines() -> None:
    assert bar(1.0, 4) == "████"
    assert bar(0.0, 4) == ""
    assert bar(0.0001, 4) == "▏"
    assert sparkline([0, 1, 8]) == " ▁█"
    assert sparkline([0, 0]) == "  "


def test_plot_is_one_readable_svg(sample: Path) -> None:
    svg = plot(describe(sample, "deepseek-v3"))
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert svg.count("<rect") > 60
    assert "How large is the KV cache of deepseek-v3 (bf16)?" in svg
    assert plot(describe(sample, "deepseek-v3")) == svg


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_import_reads_back_as_the_same_trace(tmp_path: Path, sample: Path, suffix: str) -> None:
    out = tmp_path / f"requests{suffix}"
    done = import_trace(sample, out)
    assert (done.rows, done.format) == (400, "mooncake")
    before = read_trace(sample)
    after = read_trace(out)
    assert isinstance(before, RequestTrace)
    assert isinstance(after, RequestTrace)
    assert after.format == "requests"
    for name in ("arrival_ps", "input_tokens", "output_tokens", "block_ids", "block_offsets"):
        assert np.array_equal(getattr(before, name), getattr(after, name))
    assert after.block_tokens == 512


def test_import_of_a_flow_list(tmp_path: Path) -> None:
    source = tmp_path / "f.csv"
    source.write_text("start_us,src,dst,bytes,priority\n0.000001,a,b,10,\n5,b,a,20,4\n")
    import_trace(source, tmp_path / "g.parquet")
    before, after = read_trace(source), read_trace(tmp_path / "g.parquet")
    assert isinstance(before, FlowTrace)
    assert isinstance(after, FlowTrace)
    assert before.start_ps.tolist() == after.start_ps.tolist() == [0, 4_999_999]
    assert before.priority.tolist() == after.priority.tolist() == [-1, 4]
    assert (before.src, before.group.tolist()) == (after.src, after.group.tolist())


def test_flow_list_description(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("start_us,src,dst,bytes\n0,0,1,1000\n1000000,1,0,3000\n")
    found = describe(path)
    assert (found.kind, found.rows, found.span_s) == ("flows", 2, 1.0)
    assert found.flow_bytes is not None
    assert found.flow_bytes.mean == 2000


def test_outputs_that_cannot_be_written(tmp_path: Path, sample: Path) -> None:
    with pytest.raises(InputError, match="no known suffix"):
        import_trace(sample, tmp_path / "x.json")
    with pytest.raises(InputError, match="cannot write"):
        import_trace(sample, tmp_path / "missing" / "x.csv", options=ReadOptions(limit=2))


def _clients(folder: Path) -> Path:
    folder.mkdir()
    for number, (rate, pattern) in enumerate(((2.0, "Gamma,1.0,0.5"), (0.001, "Weibull,0.5,500"))):
        rows = [f"{t},{rate},1.0,{pattern}" for t in range(0, 86_400, 600)]
        (folder / f"chunk-{number}-trace.csv").write_text("\n".join(rows) + "\n")
        table = {"0": {"input_tokens": "{10: 0.25, 20: 0.75}", "output_tokens": "{5: 1.0}"}}
        (folder / f"chunk-{number}-dataset.json").write_text(json.dumps(table))
    return folder


def test_synth_draws_the_described_rates_and_sizes(tmp_path: Path) -> None:
    clients = _clients(tmp_path / "clients")
    synth(clients, tmp_path / "r.csv", 5000, seed=3)
    trace = read_trace(tmp_path / "r.csv")
    assert isinstance(trace, RequestTrace)
    assert len(trace) == 5000
    assert set(trace.input_tokens.tolist()) == {10, 20}
    assert np.mean(trace.input_tokens == 20) == pytest.approx(0.75, abs=0.03)
    assert trace.arrival_ps[-1] / 1e12 == pytest.approx(2500, rel=0.05)


def test_rare_clients_keep_their_rate(tmp_path: Path) -> None:
    trace = read_trace(_clients(tmp_path / "clients"))
    # Client 1 has 0.6 requests per window: 86.4 a day, not one per window.
    assert len(trace) == pytest.approx(2 * 86_400 + 86, abs=30)


def test_synth_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    clients = _clients(tmp_path / "clients")
    for name, seed in (("a.csv", 3), ("b.csv", 3), ("c.csv", 4)):
        synth(clients, tmp_path / name, 100, seed=seed)
    texts = [(tmp_path / name).read_bytes() for name in ("a.csv", "b.csv", "c.csv")]
    assert texts[0] == texts[1] != texts[2]


def test_synth_from_a_tar(tmp_path: Path) -> None:
    import tarfile

    clients = _clients(tmp_path / "clients")
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as tar:
        tar.add(clients, "data")
    one = read_trace(clients, options=ReadOptions(limit=200))
    two = read_trace(tmp_path / "c.tar.gz", options=ReadOptions(limit=200))
    assert isinstance(one, RequestTrace)
    assert isinstance(two, RequestTrace)
    assert np.array_equal(one.arrival_ps, two.arrival_ps)
