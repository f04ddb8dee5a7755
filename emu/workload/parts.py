# SPDX-License-Identifier: Apache-2.0
"""What the names in a workload's spec stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from emu.errors import Fault, SpecError
from emu.fabric.graph import Fabric
from emu.spec import WorkloadSpec
from emu.workload.compute import ComputeProfile, find_compute
from emu.workload.engines import EngineProfile, find_engine
from emu.workload.models import ModelShape, find_model
from emu.workload.scaling import ingress_bps
from emu.workload.tensor_parallel import RankPair, rank_pairs
from emu.workload.workers import Workers, make_workers

T = TypeVar("T")

_QUEUE_FAULT = Fault(
    field="workload.compute.prefill_queue",
    message="prefill_queue is true and load.method is superpose",
    hint="the queue is that of one trace at its own rate: set load.method to compress, or "
    "prefill_queue to false",
)


@dataclass(frozen=True)
class Parts:
    """What the names in the spec stand for."""

    shape: ModelShape
    dtype: str
    engine: EngineProfile
    compute: ComputeProfile
    pairs: tuple[RankPair, ...]
    prefill: Workers
    decode: Workers
    mtu_bytes: int
    capacity_bps: int
    priority: int

    @property
    def copies(self) -> int:
        """How often one copy of the cache crosses the network.

        More than once when decode ranks hold the same: a latent cache, or more
        ranks than KV heads.
        """
        return sum(pair.units for pair in self.pairs) // self.shape.units


def resolve(workload: WorkloadSpec, fabric: Fabric) -> Parts:
    """Looks up everything that the workload names.

    Raises
    ------
    SpecError
        With all that is unknown or does not fit, at once.
    """
    faults: list[Fault] = []

    def known(find: Callable[[], T]) -> T | None:
        try:
            return find()
        except SpecError as error:
            faults.extend(error.faults)
            return None

    given, tp = workload.compute.prefill, workload.parallelism
    shape = known(lambda: find_model(workload.model))
    engine = known(lambda: find_engine(workload.engine))
    compute = known(lambda: find_compute(given if isinstance(given, str) else given.tokens_per_s))
    prefill = known(lambda: make_workers(fabric, "prefill", tp.prefill_tp))
    decode = known(lambda: make_workers(fabric, "decode", tp.decode_tp))
    pairs = None if shape is None else known(lambda: rank_pairs(shape, tp.prefill_tp, tp.decode_tp))
    if workload.compute.prefill_queue and workload.load.method == "superpose":
        faults.append(_QUEUE_FAULT)
    if not (shape and engine and compute and prefill and decode and pairs) or faults:
        raise SpecError(faults)
    return Parts(
        shape=shape,
        dtype=workload.kv_dtype,
        engine=engine,
        compute=compute,
        pairs=pairs,
        prefill=prefill,
        decode=decode,
        mtu_bytes=fabric.spec.nic.mtu,
        capacity_bps=ingress_bps(fabric, decode.endpoints),
        priority=fabric.spec.nic.data_priority,
    )
