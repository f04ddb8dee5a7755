# SPDX-License-Identifier: Apache-2.0
"""When faults begin and end."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from emu.spec import FAULT_KINDS, FaultSpec, fault_windows

MS = 10**9
ADAPTER: TypeAdapter[Any] = TypeAdapter(FaultSpec)
EXAMPLES: dict[str, dict[str, Any]] = {
    "link-down": {"link": "leaf1-spine2[0]", "for": "2ms"},
    "link-flap": {"link": "h3.0-leaf1", "period": "1ms", "count": 5},
    "switch-down": {"switch": "spine0", "for": "2ms"},
    "line-card-down": {"switch": "leaf1", "cards": 4, "card": 2, "for": "2ms"},
    "slow-link": {"switch": "spine0", "share": 0.5, "for": "2ms"},
    "ecn-off": {"switch": "leaf1"},
    "mtu-mismatch": {"link": "leaf1-spine2", "mtu": "1500B", "receiver": "spine2"},
    "pfc-priority": {"switch": "leaf1", "priorities": [4]},
    "same-hash-seed": {"switches": ["leaf*", "spine0"], "for": "2ms"},
    "bridging-loop": {"link": "leaf1-spine2", "for": "2ms"},
    "link-degraded": {"link": "leaf1-spine2", "loss": 1e-4},
    "slow-receiver": {"host": "h3", "rate": "100G"},
    "nic-storm": {"host": "h3.1", "for": "2ms"},
    "black-hole": {"switch": "spine0", "to": ["h[0-3]"]},
    "silent-host": {"host": "h3"},
    "wrong-route": {"switch": "spine0", "to": ["h3"], "via": "leaf1", "for": "2ms"},
}


def _fault(kind: str, **fields: Any) -> Any:
    return ADAPTER.validate_python({"kind": kind, **EXAMPLES[kind], **fields})


def test_there_is_an_example_of_every_kind() -> None:
    assert set(EXAMPLES) == set(FAULT_KINDS)


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_can_be_dumped_and_read_again(kind: str) -> None:
    fault = _fault(kind, at="1ms")
    assert ADAPTER.validate_python(fault.model_dump(mode="json")) == fault


def test_windows() -> None:
    windows = fault_windows(
        [
            _fault("link-down", name="first", at="10ms"),
            _fault("link-flap", after="first", delay="1ms"),
            _fault("switch-down", after="first.end"),
            _fault("silent-host", at="0"),
        ]
    )
    assert [(w.name, w.start_ps, w.end_ps) for w in windows] == [
        ("first", 10 * MS, 12 * MS),
        ("link-flap-1", 11 * MS, 16 * MS),
        ("switch-down-2", 12 * MS, 14 * MS),
        ("silent-host-3", 0, None),
    ]


def test_faults_may_wait_for_later_ones() -> None:
    first, second = fault_windows(
        [_fault("link-down", after="b.end"), _fault("switch-down", name="b", at="1ms")]
    )
    assert (first.start_ps, second.start_ps) == (3 * MS, 1 * MS)


def test_a_circle_is_shown() -> None:
    with pytest.raises(ValueError, match="a -> b -> a"):
        fault_windows(
            [_fault("link-down", name="a", after="b"), _fault("link-down", name="b", after="a")]
        )


@pytest.mark.parametrize(
    "link", ["", "leaf1", "leaf1-", "-spine1", "leaf1-spine1[", "leaf1-spine1[x]", "a b-c"]
)
def test_what_cannot_be_the_name_of_a_link(link: str) -> None:
    with pytest.raises(ValidationError, match="name of a link"):
        _fault("link-down", link=link, at="1ms")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"loss": None}, "neither of loss and pre_fec_ber"),
        ({"pre_fec_ber": 1e-3}, "both of loss and pre_fec_ber"),
        ({"fec": "kr4"}, "fec belongs to pre_fec_ber"),
        ({"loss": None, "pre_fec_ber": 0.2}, "less than or equal to 0.1"),
    ],
)
def test_a_degraded_link_has_one_measure(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _fault("link-degraded", at="1ms", **fields)


def test_a_loop_has_an_end_and_is_short() -> None:
    with pytest.raises(ValidationError, match="for"):
        ADAPTER.validate_python({"kind": "bridging-loop", "link": "leaf1-spine2", "at": "0"})
    with pytest.raises(ValidationError, match="less than or equal to"):
        _fault("bridging-loop", at="0", **{"for": "200ms"})
