# SPDX-License-Identifier: Apache-2.0
"""The tables made of a recording, once the run is over."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emu.sim.build import PRIORITIES
from emu.sim.recording import Recording
from emu.sim.results import queue_table

FLOWS_SHOWN = 32
"""Longest list of flows in a cell."""
REASONS = np.array(["buffer", "receiver", "storm"], dtype=object)


class Recorded:
    """What one recording holds at the end."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._engine = recording.engine
        self._scenario = recording.scenario
        self._ports = recording.ports
        self._names_of = recording.counters.port_names

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables of this level, by name."""
        recording = self._recording
        out: dict[str, pd.DataFrame] = {}
        if recording.counting:
            out["sai_counters"] = self._sai_counters()
        if recording.queues:
            out["queues"] = queue_table(self._engine, self._ports)
        if recording.telemetry is None:
            return out
        out["port_series"] = self._numbered(recording.telemetry.port_rows())
        out["wire_series"] = self._numbered(recording.telemetry.wire_rows())
        out["qp_series"] = pd.DataFrame(recording.telemetry.pair_rows())
        if recording.spec.level == "everything":
            out["microbursts"] = self._microbursts(recording.telemetry.bursts())
            out["pauses"] = self._pauses(recording.telemetry.pauses())
            out["inband"] = self._inband(recording.telemetry.hops())
        return out

    def _sai_counters(self) -> pd.DataFrame:
        """Everything that is not 0."""
        columns = ["object", "name", "index", "counter", "value"]
        return pd.DataFrame(self._recording.counters.rows(), columns=columns)

    def _numbered(self, columns: dict[str, Any]) -> pd.DataFrame:
        frame = pd.DataFrame(columns)
        frame["port"] = self._ports.to_fabric[frame["port"].to_numpy()]
        return frame

    def _names(self, ports: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
        """Names of engine ports; empty for -1."""
        return np.append(self._names_of, "")[ports]

    def _microbursts(self, raw: dict[str, Any]) -> pd.DataFrame:
        flows = _by_row(raw.pop("flows"), len(raw["port"]))
        frame = pd.DataFrame(raw)
        end = frame["end_ps"].where(frame["end_ps"] >= 0, self._engine.now_ps)
        frame["length_ps"] = end - frame["start_ps"]
        frame["name"] = self._names(frame["port"].to_numpy())
        frame["port"] = self._ports.to_fabric[frame["port"].to_numpy()]
        frame["n_flows"] = [len(of) for of in flows]
        frame["flows"] = [_cell(of) for of in flows]
        return frame.sort_values(["start_ps", "port", "priority"], ignore_index=True)

    def _pauses(self, raw: dict[str, Any]) -> pd.DataFrame:
        n = len(raw["port"])
        cause, waiting = _by_row(raw.pop("cause"), n), _by_row(raw.pop("waiting"), n)
        order = np.lexsort((raw["priority"], raw["port"], raw["start_ps"]))
        rank = np.empty(n + 1, dtype=np.int64)
        rank[order], rank[n] = np.arange(n), -1
        parent = rank[raw["parent"]]  # -1 stays -1: the last of rank
        parent = parent[order]
        root, depth = _roots(parent)
        fabric, ports = self._scenario.fabric, self._ports
        port = raw["port"][order]
        numbers = ports.to_fabric[port]
        victims = np.array([fabric.ports[p].peer for p in numbers], dtype=np.int64)
        queue = raw["queue"][order]
        held = queue >= 0
        cause_port = np.where(held, queue // PRIORITIES, -1)
        cause = [cause[row] for row in order]
        waiting = [waiting[row] for row in order]
        guilty = self._guilty(numbers, held, cause)
        innocent = [
            [share for share in waiting[i] if share[0] not in guilty[root[i]]] for i in range(n)
        ]
        return pd.DataFrame(
            {
                "pause_id": np.arange(n),
                "parent": parent,
                "root": root,
                "depth": depth,
                "node": [fabric.nodes[fabric.ports[p].node].name for p in numbers],
                "port": numbers,
                "name": self._names(port),
                "priority": raw["priority"][order],
                "victim": [fabric.nodes[fabric.ports[p].node].name for p in victims],
                "victim_port": victims,
                "victim_name": [fabric.ports[p].name for p in victims],
                "reason": REASONS[raw["reason"][order]],
                **{
                    name: raw[name][order]
                    for name in ("start_ps", "end_ps", "obeyed_ps", "released_ps", "frames")
                },
                "cause_port": np.where(held, ports.to_fabric[cause_port], -1),
                "cause_name": self._names(cause_port),
                "cause_priority": np.where(held, queue % PRIORITIES, -1),
                "cause_bytes": raw["queue_bytes"][order],
                "cause_flows": [_cell(of) for of in cause],
                "waiting_flows": [_cell(of) for of in waiting],
                "n_innocent": [len(of) for of in innocent],
                "innocent_flows": [_cell(of) for of in innocent],
            }
        )

    def _guilty(
        self, ports: npt.NDArray[np.int64], held: npt.NDArray[np.bool_], cause: list[list[Any]]
    ) -> list[set[int]]:
        """Flows that each episode is about: in the queue that fills, or to the host that asks."""
        fabric, flows = self._scenario.fabric, self._scenario.workload.flows
        bound_for = flows.groupby("dst_endpoint")["flow_id"].agg(set).to_dict()
        return [
            {flow for flow, _ in of} if queue else bound_for.get(fabric.ports[port].node, set())
            for port, queue, of in zip(ports.tolist(), held.tolist(), cause, strict=True)
        ]

    def _inband(self, raw: dict[str, Any]) -> pd.DataFrame:
        frame = pd.DataFrame(raw)
        frame["marked"] = frame["marked"].astype(bool)
        frame = frame.sort_values(
            ["qp_id", "psn", "started_ps", "port"], kind="stable", ignore_index=True
        )
        fabric = self._scenario.fabric
        numbers = self._ports.to_fabric[frame["port"].to_numpy()]
        first = np.array([fabric.ports[p].node < fabric.n_endpoints for p in numbers], dtype=bool)
        packet = [frame["qp_id"], frame["psn"]]
        frame["attempt"] = pd.Series(first).groupby(packet).cumsum().astype(np.int64) - 1
        frame["attempt"] = frame["attempt"].clip(lower=0)
        frame["hop"] = frame.groupby([*packet, frame["attempt"]]).cumcount()
        frame["name"] = self._names(frame["port"].to_numpy())
        frame["port"] = numbers
        return frame


def _by_row(shares: dict[str, Any], rows: int) -> list[list[list[int]]]:
    """[flow, bytes] pairs of each row, in their order."""
    out: list[list[list[int]]] = [[] for _ in range(rows)]
    columns = (shares[name].tolist() for name in ("row", "flow", "bytes"))
    for row, flow, size in zip(*columns, strict=True):
        out[row].append([flow, size])
    return out


def _cell(flows: list[list[int]]) -> str:
    return json.dumps(flows[:FLOWS_SHOWN], separators=(",", ":"))


def _roots(
    parent: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Root and depth of every episode. A parent began before its children."""
    root, depth = np.arange(len(parent)), np.zeros(len(parent), dtype=np.int64)
    for row, above in enumerate(parent.tolist()):
        if above >= 0:
            root[row], depth[row] = root[above], depth[above] + 1
    return root, depth
