# SPDX-License-Identifier: Apache-2.0
"""The samples in traces/ are rows of the published files, nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from emu.workload import read_trace

SAMPLES = {
    "mooncake-sample.jsonl": ("mooncake_conversation_trace.jsonl.gz", 11_000, 400),
    "azure-conv-sample.csv": ("AzureLLMInferenceTrace_conv_2023.csv.gz", 0, 1501),
    "azure-code-sample.csv": ("AzureLLMInferenceTrace_code_2023.csv.gz", 0, 601),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_readable(repository: Path, name: str) -> None:
    trace = read_trace(repository / "traces" / name)
    assert trace.skipped == {}
    assert len(trace) == trace.rows_read


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_holds_rows_of_the_published_file(
    repository: Path, shared_data: Path, name: str
) -> None:
    source, first, count = SAMPLES[name]
    whole = gzip.decompress((shared_data / "traces" / source).read_bytes()).splitlines(True)
    sample = (repository / "traces" / name).read_bytes()
    assert sample == b"".join(whole[first : first + count])


def test_samples_are_small_and_attributed(repository: Path) -> None:
    folder = repository / "traces"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 300_000
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for name in SAMPLES:
        assert f"`{name}`" in readme
    for needed in ("kvcache-ai/Mooncake", "Apache", "Azure/AzurePublicDataset", "CC-BY 4.0"):
        assert needed in readme
