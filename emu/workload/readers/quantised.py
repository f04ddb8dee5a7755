# SPDX-License-Identifier: Apache-2.0
"""Traces whose stamps were rounded: finding the step, and spreading the rows over it.

The Mooncake conversation trace stamps about ten requests at a time, every 3 s.
Replayed as it stands it makes bursts that never happened. Its counts per 3 s have an
index of dispersion of 1.1, so uniform arrivals within a step are a fair reading.
"""

from __future__ import annotations

import numpy as np

from emu.workload.seeds import stream
from emu.workload.table import distinct
from emu.workload.trace import PS_PER_S, IntArray

# A step below this is the resolution of the clock, not a batch of requests.
_STEP_MIN_PS = PS_PER_S // 2
_STEP_UNIT_PS = PS_PER_S // 10
_ROWS_MIN = 20


def quantisation_step_ps(arrival_ps: IntArray) -> int:
    """Step that the stamps were rounded to, or 0 when they look continuous.

    Quantised means: most rows share their stamp with others, and the gaps between
    distinct stamps are multiples of the usual one, within 0.5 % (the real trace's
    steps are 2.997 to 3.003 s). The step is told to a tenth of a second.
    """
    stamps = distinct(arrival_ps)
    if len(arrival_ps) < _ROWS_MIN or len(stamps) < 3 or len(stamps) > 0.7 * len(arrival_ps):
        return 0
    gaps = np.diff(stamps)
    step = round(float(np.median(gaps)) / _STEP_UNIT_PS) * _STEP_UNIT_PS
    if step < _STEP_MIN_PS:
        return 0
    multiples = np.maximum(np.rint(gaps / step), 1)
    regular = np.abs(gaps - multiples * step) <= 0.005 * step * multiples
    return step if np.mean(regular) > 0.95 else 0


def spread(arrival_ps: IntArray, step_ps: int, seed: int) -> IntArray:
    """Each stamp plus U(0, step), the same for the same seed."""
    noise = stream(seed, "spread").integers(0, max(step_ps, 1), size=len(arrival_ps))
    return arrival_ps + noise
