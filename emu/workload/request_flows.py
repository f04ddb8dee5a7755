# SPDX-License-Identifier: Apache-2.0
"""The flows of requests, made a few requests at a time.

A request's messages follow from its plan alone, so they are made when they are needed and again
when they are needed again: once for their sizes, once for their times, once for the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from emu.spec import SourcePortsSpec
from emu.workload.engines import make_segments
from emu.workload.messages import Messages, check_count, make_messages
from emu.workload.parts import Parts
from emu.workload.queue_pairs import assign_qps
from emu.workload.scaling import compress
from emu.workload.serving import DecodePlan, PrefillPlan
from emu.workload.stream import FLOW_COLUMNS
from emu.workload.table import Table, concat, group_rows
from emu.workload.trace import IntArray, RequestTrace
from emu.workload.wire import wire_bytes

GROUP = 64
"""Requests whose messages are made together."""
_NEVER = np.iinfo(np.int64).max
_KEYS = ("src_endpoint", "dst_endpoint", "lane", "priority")
"""What tells queue pairs apart."""


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
    ends: Table
    """Distinct src_endpoint, dst_endpoint, lane, priority, and how many flows each has."""


def survey_posts(plan: RequestPlan, factor: float) -> Survey:
    """Times of all posts before the clock's origin is known."""
    first = np.full(len(plan.trace), _NEVER, dtype=np.int64)
    last = -_NEVER
    ends: list[Table] = []
    for group in plan.groups():
        post = _posts_ps(plan, group, factor)
        np.minimum.at(first, group.transfer, post)
        last = max(last, int(post.max(initial=-_NEVER)))
        ends = [_count(concat([*ends, _ends(plan, group).having(flows=np.int64(1))]))]
    return Survey(int(first.min()), last, first, ends[0])


def _ends(plan: RequestPlan, group: Messages) -> Table:
    return Table(
        {
            "src_endpoint": group.src,
            "dst_endpoint": group.dst,
            "lane": group.lane,
            "priority": np.int64(plan.parts.priority),
        }
    )


def _count(ends: Table) -> Table:
    first, number = group_rows([ends[key] for key in _KEYS])
    flows = np.zeros(len(first), dtype=np.int64)
    np.add.at(flows, number, ends["flows"])
    return ends.take(first).having(flows=flows)


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
    background: list[Table],
    ports: SourcePortsSpec,
    seed: int,
) -> tuple[RequestFlows, Table]:
    """The stream of all flows, and the table of their queue pairs."""
    extra = concat(background) if background else None
    ends = survey.ends
    if extra is not None:
        extra = extra.take(np.argsort(extra["post_ps"], kind="stable"))
        ends = _count(concat([ends, extra.select(_KEYS).having(flows=np.int64(1))]))
    _, qps = assign_qps(ends, seed, ports)
    return RequestFlows(plan, factor, survey.origin_ps, survey.last_ps, ends, extra), qps


@dataclass(frozen=True)
class RequestFlows:
    """A :class:`~emu.workload.stream.FlowStream` of requests and background traffic."""

    plan: RequestPlan
    factor: float
    origin_ps: int
    end_ps: int
    ends: Table
    """Of all queue pairs, in order of their ids."""
    background: Table | None
    """In order of post_ps."""

    @property
    def count(self) -> int:
        return int(self.ends["flows"].sum())

    @property
    def last_post_ps(self) -> int:
        last = self.end_ps - self.origin_ps
        if self.background is None:
            return last
        return max(last, int(self.background["post_ps"].max()))

    @property
    def per_qp(self) -> IntArray:
        return self.ends["flows"]

    @property
    def reads(self) -> IntArray:
        # Background traffic writes, on lanes of its own.
        read = self.plan.parts.engine.verb == "read"
        return np.flatnonzero(self.ends["lane"] >= 0) if read else np.zeros(0, np.int64)

    def transfers(self) -> Iterator[Table]:
        for group in self.plan.groups():
            flows = self._flows(group)
            yield flows.take(np.argsort(flows["post_ps"], kind="stable"))

    def blocks(self) -> Iterator[Table]:
        codes = self._codes(self.ends)
        held: list[Table] = []
        done = taken = 0
        for rows, until_ps in self._turns():
            flows = concat([*held, self._flows(self.plan.messages(rows))])
            # The sort is stable: within a transfer the rows stay as they were made.
            flows = flows.take(np.lexsort((flows["transfer_id"], flows["post_ps"])))
            due = int(np.searchsorted(flows["post_ps"], until_ps))
            block, held = flows.take(slice(due)), [flows.take(slice(due, None))]
            if self.background is not None:
                until = int(np.searchsorted(self.background["post_ps"], until_ps))
                block = concat([block, self.background.take(slice(taken, until))])
                block = block.take(np.argsort(block["post_ps"], kind="stable"))
                taken = until
            if len(block) == 0:
                continue
            block = block.having(
                flow_id=np.arange(done, done + len(block), dtype=np.int64),
                qp_id=np.searchsorted(codes, self._codes(block)),
            )
            done += len(block)
            yield block.select(FLOW_COLUMNS)

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

    def _flows(self, group: Messages) -> Table:
        return _ends(self.plan, group).having(
            transfer_id=group.transfer,
            payload_bytes=group.payload_bytes,
            post_ps=_posts_ps(self.plan, group, self.factor) - self.origin_ps,
            verb=self.plan.parts.engine.verb,
        )

    def _codes(self, table: Table) -> IntArray:
        """Numbers in the order of (src_endpoint, dst_endpoint, lane, priority)."""
        code = np.zeros(len(table), dtype=np.int64)
        for name in _KEYS:
            low = int(self.ends[name].min())
            code *= int(self.ends[name].max()) - low + 1
            code += table[name] - low
        return code
