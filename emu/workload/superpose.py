# SPDX-License-Identifier: Apache-2.0
"""Many sessions of the same trace at once, each begun at another moment of it.

A copy is the trace shifted by a random time and wrapped around, so that it has no
beginning and no end: its transfers become ready at ``(arrival + prefill + shift)
mod period``. Laid over each other, the copies are a steady state with the trace's own
sizes and durations; the first ``limit`` readinesses of it are taken.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from emu.workload.scaling import span_ps
from emu.workload.seeds import stream
from emu.workload.trace import IntArray, RequestTrace


def superpose(
    trace: RequestTrace, duration_ps: IntArray, copies: int, limit: int | None, seed: int
) -> RequestTrace:
    """Requests of ``copies`` shifted copies in order of arrival.

    Prefix blocks of different copies differ: other users do not share their prompts.
    (System prompts they might share are not counted as shared either.)
    """
    count = len(trace)
    period = max(span_ps(trace.arrival_ps), 1)
    shifts = stream(seed, "superpose").integers(0, period, size=copies)
    ready = (trace.arrival_ps + duration_ps)[None, :] + shifts[:, None]
    ready = (ready % period).ravel()
    wanted = copies * count if limit is None else min(limit, copies * count)
    first = np.argsort(ready, kind="stable")[:wanted]
    copy, row = first // count, first % count
    arrival = ready[first] - duration_ps[row]
    order = np.argsort(arrival, kind="stable")
    row, copy, arrival = row[order], copy[order], arrival[order]
    taken = trace.take(row, arrival - arrival.min())
    return replace(taken, block_ids=_own_ids(taken, copy))


def _own_ids(trace: RequestTrace, copy: IntArray) -> IntArray:
    if not len(trace.block_ids):
        return trace.block_ids
    distinct, dense = np.unique(trace.block_ids, return_inverse=True)
    owner = np.repeat(copy, np.diff(trace.block_offsets))
    return np.asarray(dense + owner * len(distinct), dtype=np.int64)
