# SPDX-License-Identifier: Apache-2.0
"""Transfers whose fate a fault of a host decides are told apart from all the others.

When a host falls silent, pauses its switch or drains slowly, the transfers that it takes part
in are late by definition, in every design. What a design can answer for are the bystanders.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from emu.telemetry import Run

__all__ = ["flows", "left_out", "requests", "transfers"]


def _stricken(run: Run) -> set[int]:
    """Ids of the transfers that have an endpoint with a fault of its own at one end."""
    endpoints = run.meta.get("faulted_endpoints", [])
    if not endpoints:
        return set()
    ends = run.flows[["src_endpoint", "dst_endpoint"]].isin(endpoints).any(axis=1)
    return set(run.flows.loc[ends, "transfer_id"].tolist()) - {-1}


def transfers(run: Run) -> pd.DataFrame:
    """The transfers of a run that no fault of a host decides."""
    stricken = _stricken(run)
    frame = run.transfers
    return frame[~frame["transfer_id"].isin(stricken)] if stricken else frame


def flows(run: Run) -> pd.DataFrame:
    """Their flows; background traffic is not among them."""
    frame = run.flows[run.flows["transfer_id"] >= 0]
    stricken = _stricken(run)
    return frame[~frame["transfer_id"].isin(stricken)] if stricken else frame


def requests(run: Run) -> pd.DataFrame:
    """Their requests."""
    stricken = _stricken(run)
    if not stricken:
        return run.requests
    late = run.transfers.loc[run.transfers["transfer_id"].isin(stricken), "request_id"]
    return run.requests[~run.requests["request_id"].isin(late)]


def left_out(runs: Sequence[Run]) -> int:
    """How many transfers of some runs are no bystanders."""
    return sum(len(run.transfers) - len(transfers(run)) for run in runs)
