# SPDX-License-Identifier: Apache-2.0
"""What rows count with: the tally of waits, thresholds in frames, frames of a capture."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from emu.validate.rows.conformance_frames import Thresholds, read_frames
from emu.validate.rows.hpcc import sampled
from emu.validate.rows.queueing import BATCH, SERVICE_PS, WARM_UP, Tally

ROWS = Path(__file__).parents[3] / "experiments" / "validation"


def test_a_tally_knows_mean_load_and_percentile_of_what_it_did_not_keep() -> None:
    rng = np.random.default_rng(1)
    tally, kept = Tally(), []
    for _ in range(3):
        waits = rng.integers(0, 50 * SERVICE_PS, WARM_UP + 2 * BATCH)
        tally.add(np.arange(len(waits)) * 2 * SERVICE_PS, waits)
        kept.append(waits[WARM_UP:])
    every = np.concatenate(kept) / SERVICE_PS
    mean, error = tally.mean()
    assert mean == pytest.approx(every.mean(), rel=1e-9)
    assert error == pytest.approx(every.std() / np.sqrt(len(every)), rel=0.7)
    assert tally.load == pytest.approx(0.5, rel=1e-4)
    assert tally.percentile(0.99) == pytest.approx(np.percentile(every, 99), abs=0.01)


def test_a_group_alone_pauses_at_its_share_and_resumes_below_it() -> None:
    rule = Thresholds(pool=10_000, reserved=0, alpha=1.0, xon=0, xon_offset=200, frame=100)
    # 50 frames leave 50 free, the 51st finds a limit of 5000 and would hold 5100.
    assert rule.xoff() == 51
    # 49 hold 4900 <= 5100 - 200; of 52 frames with 2 in headroom three have to leave.
    assert rule.left(52, 2) == 3


def test_frames_are_read_with_time_length_and_kept_bytes(tmp_path: Path) -> None:
    data = b"abcdefgh"
    block = struct.pack("<IIIIIII", 6, 40, 0, 1, 5, len(data), 1500) + data + struct.pack("<I", 40)
    other = struct.pack("<III", 1, 12, 12)
    (tmp_path / "x").write_bytes(other + block)
    (frame,) = read_frames(tmp_path / "x")
    assert (frame.at, frame.length, frame.data) == ((1 << 32) + 5, 1500, data)


def test_the_first_of_the_other_simulators_runs_is_the_one_whose_files_are_here() -> None:
    theirs = sampled(ROWS, "b1_incast2_star_dcqcn")
    text = (ROWS / "hpcc-ns3" / "b1_incast2_star_dcqcn" / "fct.txt").read_text()
    took = sorted(int(line.split()[6]) for line in text.splitlines())
    assert [theirs["completion 1"][0], theirs["completion 2"][0]] == took
