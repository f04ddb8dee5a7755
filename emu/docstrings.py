# SPDX-License-Identifier: Apache-2.0
"""Docstrings under the fields of pydantic models, as descriptions in a JSON Schema.

pydantic can do the same (``use_attribute_docstrings``), but does it for every class at import, by
reading and parsing the source: half of what importing all models takes. Here it is done when a
schema is asked for.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator

from pydantic import BaseModel

__all__ = ["describe_fields"]


def describe_fields(base: type[BaseModel]) -> None:
    """Give every field of a model and of all its subclasses its docstring as description.

    Fields that say their description themselves keep it.
    """
    written: dict[tuple[str, str], dict[str, str]] = {}
    models = list(_family(base))
    for module in {model.__module__ for model in models}:
        for cls in ast.walk(ast.parse(inspect.getsource(sys.modules[module]))):
            if isinstance(cls, ast.ClassDef):
                written[module, cls.name] = dict(_docstrings(cls))
    for model in models:
        for name, field in model.model_fields.items():
            owners = [
                written.get((owner.__module__, owner.__name__), {}) for owner in model.__mro__
            ]
            said = [texts[name] for texts in owners if name in texts]
            if field.description is None and said:
                field.description = said[0]
    for model in models:
        model.model_rebuild(force=True)


def _family(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield base
    for model in base.__subclasses__():
        yield from _family(model)


def _docstrings(cls: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Each annotated name of a class body that a string follows, and the string."""
    for field, after in zip(cls.body, cls.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            yield field.target.id, inspect.cleandoc(after.value.value)
