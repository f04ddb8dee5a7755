# SPDX-License-Identifier: Apache-2.0
"""Laws of every simulation: random small fabrics, designs, traffic and faults."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from emu.sim.run import end_ps
from tests.golden.lab import MS, US, Flow, prepare, scenario, simulate
from tests.property.laws import (
    check_buffers,
    check_conservation,
    check_nothing_is_left,
    check_order,
    play,
)
from tests.property.scenes import (
    FEW,
    experiments,
    fit,
    spec_of,
    traffic,
)


@FEW
@given(experiments(), traffic())
def test_packets_are_conserved_buffers_hold_and_queue_pairs_keep_order(
    given: dict[str, Any], flows: list[Flow]
) -> None:
    spec = spec_of(given)
    out = simulate(spec, fit(spec, flows))
    check_conservation(out)
    check_buffers(out)
    check_order(out)
    check_nothing_is_left(out)


@FEW
@given(experiments(broken=False), traffic())
def test_no_drop_in_a_lossless_class_while_headroom_suffices(
    given: dict[str, Any], flows: list[Flow]
) -> None:
    spec = spec_of(given)
    out = simulate(spec, fit(spec, flows))
    pfc = spec.topology.switches.leaf.pfc
    if pfc.enabled and pfc.headroom == 150_000:
        assert "headroom_exceeded" not in out.drops
        lossless = out.flows[out.flows["priority"] == 3]
        assert (lossless["status"] == "done").all()
        assert (lossless["retransmitted_bytes"] == 0).all()
    assert set(out.drops) <= {"headroom_exceeded", "egress_limit", "buffer_full"}
    check_nothing_is_left(out)


@FEW
@given(experiments(), traffic(), st.lists(st.integers(1, 200 * US), max_size=12))
def test_neither_sampling_nor_splitting_a_run_changes_it(
    given: dict[str, Any], flows: list[Flow], stops: list[int]
) -> None:
    spec = spec_of(given)
    plain, split = (prepare(scenario(spec, fit(spec, flows))) for _ in range(2))
    play(plain, [], 30 * MS)
    play(split, stops, 30 * MS)
    assert plain.flows.equals(split.flows)
    assert plain.counters == split.counters
    watermarks = {"pg_watermark_bytes"}  # found to within 32 KiB, see mmu.h
    for name, column in plain.engine.queues().items():
        if name not in watermarks:
            assert (column == split.engine.queues()[name]).all(), name


@FEW
@given(experiments(), traffic())
def test_a_run_ends(given: dict[str, Any], flows: list[Flow]) -> None:
    """Also where nothing can be delivered any more and no limit was given."""
    spec = spec_of(given, drain=None)
    assert end_ps(scenario(spec, fit(spec, flows))) > 10**15
    out = simulate(spec, fit(spec, flows))
    assert out.engine.now_ps < 10_000 * MS
