# SPDX-License-Identifier: Apache-2.0
"""The last stage of every workload: background, order, ids, queue pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emu.fabric.graph import Fabric
from emu.spec import WorkloadSpec
from emu.workload.background import background_flows
from emu.workload.queue_pairs import PORT_DRAWN, assign_qps
from emu.workload.trace import IntArray

REQUEST_COLUMNS = (
    "request_id",
    "arrival_ps",
    "input_tokens",
    "output_tokens",
    "reused_tokens",
    "prefill_worker",
    "decode_worker",
    "prefill_host",
    "decode_host",
    "prefill_start_ps",
    "prefill_end_ps",
    "kv_bytes",
)


def finish_flows(
    flows: pd.DataFrame, workload: WorkloadSpec, fabric: Fabric, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Adds the background, orders by post, numbers flows and QPs."""
    stop_ps = int(flows["post_ps"].max())
    extra = [f for f in background_flows(workload.background, fabric, stop_ps, seed) if len(f)]
    flows = pd.concat([flows, *extra], ignore_index=True) if extra else flows
    if extra and "udp_sport" in flows:
        flows["udp_sport"] = flows["udp_sport"].fillna(PORT_DRAWN).astype(np.int64)
    order = np.argsort(flows["post_ps"].to_numpy(), kind="stable")
    flows = flows.iloc[order].reset_index(drop=True)
    qp_id, qps = assign_qps(flows, seed, workload.source_ports)
    flows.insert(0, "flow_id", np.arange(len(flows), dtype=np.int64))
    flows.insert(2, "qp_id", qp_id)
    return flows.drop(columns=["lane", "udp_sport"], errors="ignore"), qps


def transfers_frame(
    flows: pd.DataFrame, request_id: IntArray, last_ready_ps: IntArray
) -> pd.DataFrame:
    """One row per transfer id in ``flows``, which are 0, 1, 2 …"""
    grouped = flows.groupby("transfer_id", sort=True)
    return pd.DataFrame(
        {
            "transfer_id": np.arange(len(request_id), dtype=np.int64),
            "request_id": request_id,
            "kv_bytes": grouped["payload_bytes"].sum().to_numpy(dtype=np.int64),
            "ready_ps": grouped["post_ps"].min().to_numpy(dtype=np.int64),
            "last_ready_ps": last_ready_ps,
            "n_flows": grouped.size().to_numpy(dtype=np.int64),
        }
    )


def empty_requests() -> pd.DataFrame:
    """The requests of a workload that has none."""
    return pd.DataFrame({name: np.zeros(0, dtype=np.int64) for name in REQUEST_COLUMNS})
