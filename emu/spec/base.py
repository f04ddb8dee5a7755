# SPDX-License-Identifier: Apache-2.0
"""What all models of input files share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic_core import core_schema


class Spec(BaseModel):
    """Base of every model: unknown keys are errors, instances never change.

    Quantities are integers (``rate_bps`` style units, see ``emu.units``) and are
    written back as canonical strings, so that a dump can be read again.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
        defer_build=True,  # most commands use few of the models
    )


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} has a character that cannot be printed")
    return text


@dataclass(frozen=True)
class Formed:
    """Text of a form: messages say the words, the JSON Schema has the pattern."""

    pattern: str
    words: str

    def _check(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None or len(text) > 80:
            raise ValueError(f"{text!r} is not {self.words}")
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self.pattern}$", "description": self.words}


# YAML has types of its own: 3 is not "3" and `true` is not 1.
Bool = Annotated[bool, Strict()]
Int = Annotated[int, Strict()]
Float = Annotated[float, Strict()]
Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_printable)]
Text = Annotated[str, Field(max_length=4000)]
Priority = Annotated[int, Strict(), Field(ge=0, le=7)]
Dscp = Annotated[int, Strict(), Field(ge=0, le=63)]


def _number_key(key: object) -> object:
    # The keys of a JSON object are always text.
    return int(key) if isinstance(key, str) and key.isdecimal() and len(key) < 4 else key


PriorityKey = Annotated[Priority, BeforeValidator(_number_key)]
DscpKey = Annotated[Dscp, BeforeValidator(_number_key)]
