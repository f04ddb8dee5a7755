# SPDX-License-Identifier: Apache-2.0
"""Walking the models by name: which fields exist at a path."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def _alternatives(annotation: Any) -> list[Any]:
    """The types that a value may have, Annotated and Optional taken off."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [part for arg in get_args(annotation) for part in _alternatives(arg)]
    return [] if annotation is type(None) else [annotation]


def field_names(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Name in files to field."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _pick(models: list[type[BaseModel]], data: Any) -> list[type[BaseModel]]:
    """Those whose literal ``kind`` is that of the data, all if that does not decide."""
    kind = data.get("kind") if isinstance(data, dict) else None
    chosen = [
        model
        for model in models
        if "kind" in model.model_fields
        and get_origin(model.model_fields["kind"].annotation) is Literal
        and kind in get_args(model.model_fields["kind"].annotation)
    ]
    return chosen or models


def step(types_here: list[Any], key: Any, data: Any) -> list[Any]:
    """Types of the part ``key``; empty when there is no such part."""
    found: list[Any] = []
    models = [t for t in types_here if isinstance(t, type) and issubclass(t, BaseModel)]
    for model in _pick(models, data):
        field = field_names(model).get(str(key))
        if field is not None:
            found += _alternatives(field.annotation)
    for candidate in types_here:
        origin, args = get_origin(candidate), get_args(candidate)
        if candidate is Any:
            found.append(Any)
        elif origin is dict:
            found += _alternatives(args[1])
        elif origin is tuple and str(key).isdigit():
            found += _alternatives(args[0])
    return found


def known_keys(types_here: Sequence[Any], data: Any) -> list[str]:
    """Names that may stand at this place, in the order of the models."""
    models = [t for t in types_here if isinstance(t, type) and issubclass(t, BaseModel)]
    names: dict[str, None] = {}
    for model in _pick(models, data):
        names.update(dict.fromkeys(field_names(model)))
    return list(names)


def types_at(model: type[BaseModel], path: Sequence[Any], data: Any = None) -> list[Any]:
    """Types at a path of a model; empty when the path does not exist."""
    here: list[Any] = [model]
    for key in path:
        here = step(here, key, data)
        data = _child(data, key)
        if not here:
            return []
    return here


def _child(data: Any, key: Any) -> Any:
    if isinstance(data, dict):
        return data.get(key)
    if isinstance(data, list) and str(key).isdigit() and int(key) < len(data):
        return data[int(key)]
    return None
