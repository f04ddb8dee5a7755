# SPDX-License-Identifier: Apache-2.0
"""Docstrings under fields become the descriptions of a JSON Schema."""

from __future__ import annotations

from pydantic import BaseModel, Field

from emu.docstrings import describe_fields


class _Parent(BaseModel):
    plain: int = 1
    """Counts
    things."""
    said: int = Field(default=2, description="said itself")
    """Not this."""
    silent: int = 3


class _Child(_Parent):
    own: int = 4
    """Only here."""
    silent: int = 5
    """Speaks in the child."""


def test_fields_of_a_model_and_of_its_children_get_their_docstrings() -> None:
    describe_fields(_Parent)
    parent = _Parent.model_json_schema()["properties"]
    assert parent["plain"]["description"] == "Counts\nthings."
    assert parent["said"]["description"] == "said itself"
    assert "description" not in parent["silent"]
    child = _Child.model_json_schema()["properties"]
    assert child["plain"]["description"] == "Counts\nthings."
    assert child["own"]["description"] == "Only here."
    assert child["silent"]["description"] == "Speaks in the child."
