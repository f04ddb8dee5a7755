# SPDX-License-Identifier: Apache-2.0
"""The flows of requests, made a few requests at a time.

A request's messages follow from its plan alone, so they are made when they are needed and again
when they are needed again: once for their sizes, once for their times, once for the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from emu.spec import SourcePortsSpec
from emu.workload.engines import make_segments
from emu.workload.messages import Messages, check_count, make_messages
from emu.workload.parts import Parts
from emu.workload.queue_pairs import assign_qps
from emu.workload.scaling import compress
from emu.workload.serving import DecodePlan, PrefillPlan
from emu.workload.stream import FLOW_COLUMNS
from emu.workload.trace import IntArray, RequestTrace
from emu.workload.wire import wire_bytes

GROUP = 64
"""Requests whose messages are made together."""
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class RequestPlan:
    """What decides the messages of every request."""

    trace: RequestTrace
    parts: Parts
    prefills: PrefillPlan
    decodes: DecodePlan

    def messages(self, rows: IntArray) -> Messages:
        """Messages of these requests, in their order; ``transfer`` is the request."""
        parts, prefills, decodes = self.parts, self.prefills, self.decodes
        segments = make_segments(
            parts.engine,
            parts.shape,
            self.trace.input_tokens[rows],
            decodes.reused_tokens[rows],
            prefills.end_ps[rows] - prefills.start_ps[rows],
            parts.compute,
        )
        made = make_messages(
            segments,
            parts.pairs,
            parts.engine,
            parts.shape,
            parts.dtype,
            parts.prefill,
            parts.decode,
            prefills.worker[rows],
            decodes.worker[rows],
        )
        return replace(made, transfer=rows[made.transfer])

    def groups(self) -> Iterator[Messages]:
        """Messages of all requests, in their order."""
        for begin in range(0, len(self.trace), GROUP):
            yield self.messages(np.arange(begin, min(begin + GROUP, len(self.trace))))


@dataclass(frozen=True)
class Size:
    """What all messages come to; by request, but for the bytes on the wire."""

    wire_bytes: int
    kv_bytes: IntArray
    messages: IntArray


def survey_size(plan: RequestPlan) -> Size:
    """Adds up all messages.

    Raises
    ------
    SpecError
        When there are more than a run may have.
    """
    wire, count = 0, 0
    kv_bytes, messages = (np.zeros(len(plan.trace), dtype=np.int64) for _ in range(2))
    for group in plan.groups():
        count += len(group.transfer)
        check_count(count)
        wire += int(wire_bytes(group.payload_bytes, plan.parts.mtu_bytes).sum())
        np.add.at(kv_bytes, group.transfer, group.payload_bytes)
        np.add.at(messages, group.transfer, 1)
    return Size(wire, kv_bytes, messages)


@dataclass(frozen=True)
class Survey:
    """Times of all posts on the compressed serving clock, and who sends to whom."""

    origin_ps: int
    last_ps: int
    first_ps: IntArray
    """By request: its first post."""
    ends: pd.DataFrame
    """Distinct src_endpoint, dst_endpoint, lane, priority, and how many flows each has."""


def survey_posts(plan: RequestPlan, factor: float) -> Survey:
    """Times of all posts before the clock's origin is known."""
    first = np.full(len(plan.trace), _NEVER, dtype=np.int64)
    last = -_NEVER
    ends: list[pd.DataFrame] = []
    for group in plan.groups():
        post = _posts_ps(plan, group, factor)
        np.minimum.at(first, group.transfer, post)
        last = max(last, int(post.max(initial=-_NEVER)))
        ends = [_count(pd.concat([*ends, _ends(plan, group).assign(flows=np.int64(1))]))]
    return Survey(int(first.min()), last, first, ends[0])


def _ends(plan: RequestPlan, group: Messages) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "src_endpoint": group.src,
            "dst_endpoint": group.dst,
            "lane": group.lane,
            "priority": np.int64(plan.parts.priority),
        }
    )


def _count(ends: pd.DataFrame) -> pd.DataFrame:
    keys = ["src_endpoint", "dst_endpoint", "lane", "priority"]
    return ends.groupby(keys, sort=True)[["flows"]].sum().reset_index()


def _posts_ps(plan: RequestPlan, group: Messages, factor: float) -> IntArray:
    """When each message is posted, on the compressed serving clock."""
    ready = compress(plan.prefills.end_ps[group.transfer], factor)
    length = plan.prefills.end_ps - plan.prefills.start_ps
    # Stretched (a factor below 1), a prefill keeps its length.
    ahead = compress(length[group.transfer] - group.after_ps, max(factor, 1.0))
    return ready - ahead + group.overhead_ps


def request_flows(
    plan: RequestPlan,
    factor: float,
    survey: Survey,
    background: list[pd.DataFrame],
    ports: SourcePortsSpec,
    seed: int,
) -> tuple[RequestFlows, pd.DataFrame]:
    """The stream of all flows, and the table of their queue pairs."""
    extra = pd.concat(background, ignore_index=True) if background else None
    ends = survey.ends
    if extra is not None:
        order = np.argsort(extra["post_ps"].to_numpy(), kind="stable")
        extra = extra.iloc[order].reset_index(drop=True)
        ends = _count(pd.concat([ends, extra[list(ends.columns[:4])].assign(flows=np.int64(1))]))
    _, qps = assign_qps(ends, seed, ports)
    return RequestFlows(plan, factor, survey.origin_ps, survey.last_ps, ends, extra), qps


@dataclass(frozen=True)
class RequestFlows:
    """A :class:`~emu.workload.stream.FlowStream` of requests and background traffic."""

    plan: RequestPlan
    factor: float
    origin_ps: int
    end_ps: int
    ends: pd.DataFrame
    """Of all queue pairs, in order of their ids."""
    background: pd.DataFrame | None
    """In order of post_ps."""

    @property
    def count(self) -> int:
        return int(self.ends["flows"].sum())

    @property
    def last_post_ps(self) -> int:
        last = self.end_ps - self.origin_ps
        return last if self.background is None else max(last, self.background["post_ps"].max())

    @property
    def per_qp(self) -> IntArray:
        return self.ends["flows"].to_numpy(np.int64)

    @property
    def reads(self) -> IntArray:
        # Background traffic writes, on lanes of its own.
        read = self.plan.parts.engine.verb == "read"
        return np.flatnonzero(self.ends["lane"].to_numpy() >= 0) if read else np.zeros(0, np.int64)

    def transfers(self) -> Iterator[pd.DataFrame]:
        for group in self.plan.groups():
            frame = self._frame(group)
            yield frame.iloc[np.argsort(frame["post_ps"].to_numpy(), kind="stable")]

    def blocks(self) -> Iterator[pd.DataFrame]:
        codes = self._codes(self.ends)
        held = pd.DataFrame()
        done = taken = 0
        for rows, until_ps in self._turns():
            held = pd.concat([held, self._frame(self.plan.messages(rows))], ignore_index=True)
            # Within a transfer the rows stand in the order in which they were made.
            order = np.lexsort((held.index, held["transfer_id"], held["post_ps"]))
            held = held.iloc[order].reset_index(drop=True)
            due = int(np.searchsorted(held["post_ps"].to_numpy(), until_ps))
            block, held = held.iloc[:due], held.iloc[due:]
            if self.background is not None:
                post_ps = self.background["post_ps"].to_numpy()
                until = int(np.searchsorted(post_ps, until_ps))
                block = pd.concat([block, self.background.iloc[taken:until]], ignore_index=True)
                block = block.iloc[np.argsort(block["post_ps"].to_numpy(), kind="stable")]
                taken = until
            if len(block) == 0:
                continue
            block = block.reset_index(drop=True).assign(
                flow_id=np.arange(done, done + len(block), dtype=np.int64),
                qp_id=np.searchsorted(codes, self._codes(block)),
            )
            done += len(block)
            yield block[list(FLOW_COLUMNS)]

    def _turns(self) -> Iterator[tuple[IntArray, int]]:
        """Requests in order of their earliest possible post, and the time before which
        nothing of the following ones is posted."""
        plan, factor = self.plan, self.factor
        length = plan.prefills.end_ps - plan.prefills.start_ps
        earliest = compress(plan.prefills.end_ps, factor) - compress(length, max(factor, 1.0))
        earliest -= self.origin_ps
        order = np.argsort(earliest, kind="stable")
        for begin in range(0, len(order), GROUP):
            rest = order[begin + GROUP :]
            yield (
                np.sort(order[begin : begin + GROUP]),
                int(earliest[rest[0]]) if len(rest) else _NEVER,
            )

    def _frame(self, group: Messages) -> pd.DataFrame:
        return _ends(self.plan, group).assign(
            transfer_id=group.transfer,
            payload_bytes=group.payload_bytes,
            post_ps=_posts_ps(self.plan, group, self.factor) - self.origin_ps,
            verb=self.plan.parts.engine.verb,
        )

    def _codes(self, frame: pd.DataFrame) -> IntArray:
        """Numbers in the order of (src_endpoint, dst_endpoint, lane, priority)."""
        code = np.zeros(len(frame), dtype=np.int64)
        for name in ("src_endpoint", "dst_endpoint", "lane", "priority"):
            low = int(self.ends[name].min())
            code *= int(self.ends[name].max()) - low + 1
            code += frame[name].to_numpy(np.int64) - low
        return code
