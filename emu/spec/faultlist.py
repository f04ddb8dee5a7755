# SPDX-License-Identifier: Apache-2.0
"""From pydantic's errors to faults with a place, what was given and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from emu.errors import Fault
from emu.spec.located import At
from emu.spec.nearest import known_names, nearest
from emu.spec.walk import known_keys, types_at
from emu.spec.yamltree import Mark, YamlTree
from emu.units import format_rate, format_size, format_time, parse_rate, parse_size, parse_time

_Path = tuple[Any, ...]
_COPIED = ("spine", "super_spine")


@dataclass
class Places:
    """Where the parts of an experiment stand.

    Several files may have a say: a layer is (path at which the file's data was put,
    the file). The first layer that knows the whole path wins, else the one that
    knows most of it.
    """

    layers: list[tuple[_Path, YamlTree]] = field(default_factory=list)
    aliases: list[tuple[_Path, _Path]] = field(default_factory=list)
    """(path that is asked for, path under which a layer also knows it)."""
    options: dict[_Path, str] = field(default_factory=dict)
    """Parts that no file holds: path to the command's option that gave it."""

    def fault(
        self, path: Sequence[Any], message: str, *, key: bool = False, hint: str = ""
    ) -> Fault:
        """A fault about the part at ``path``; ``key`` points at its key, not its value."""
        mark = self.find(tuple(path), key=key)
        name = ".".join(str(part) for part in path)
        if mark is None:
            return Fault(message, name, hint=hint)
        return Fault(message, name, mark.file, mark.line, mark.column, hint)

    def locate(self, fault: Fault) -> Fault:
        """The fault with the place of its field, if it has none yet."""
        if fault.file:
            return fault
        path = field_path(fault.field)
        for given, option in self.options.items():
            if path[: len(given)] == given:
                return replace(fault, field=option)
        mark = self.find(path)
        if mark is None:
            return fault
        return replace(fault, file=mark.file, line=mark.line, column=mark.column)

    def also(self, *aliases: tuple[_Path, _Path]) -> Places:
        """The same places, with further names for some parts."""
        return Places(self.layers, [*self.aliases, *aliases], self.options)

    def find(self, path: _Path, *, key: bool = False) -> Mark | None:
        """Place of the part, or of the nearest part around it."""
        asked = [path]
        for of, other in self.aliases:
            if path[: len(of)] == of:
                asked.insert(0, other + path[len(of) :])
        best: tuple[int, Mark] | None = None
        for candidate in asked:
            lost = len(candidate) - len(path)
            for base, tree in self.layers:
                if candidate[: len(base)] != base:
                    continue
                depth, mark = _deepest(tree, candidate[len(base) :], key)
                known = depth + len(base) - lost
                if best is None or known > best[0]:
                    best = (known, mark)
        return best[1] if best else None


def field_path(field: str) -> _Path:
    """Path of a field as faults name it.

    >>> field_path("faults[0].link")
    ('faults', 0, 'link')
    """
    parts = field.replace("[", ".").replace("]", "").split(".")
    return tuple(int(part) if part.isdecimal() else part for part in parts if part)


def _deepest(tree: YamlTree, path: _Path, key: bool) -> tuple[int, Mark]:
    """How much of the path the file knows, and where that stands."""
    for depth in range(len(path), 0, -1):
        part = path[:depth]
        if part in tree.values:
            at_key = key and depth == len(path) and part in tree.keys
            return depth, tree.keys[part] if at_key else tree.values[part]
    return 0, tree.values[()]


def faults_of(
    error: ValidationError, model: type[BaseModel], data: Any, places: Places
) -> list[Fault]:
    """All faults of a validation, in the order of the file."""
    faults: list[Fault] = []
    items = [
        (item, _real_path(item["loc"], data, item["type"]))
        for item in error.errors(include_url=False)
    ]
    causes = [(item, path) for item, path in items if not _follows(item, path, items, data)]
    for item, path in causes or items:
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, At):
            faults += [places.fault((*path, *more), text) for more, text in cause.items]
        else:
            faults.append(_fault(item, path, model, data, places))
    unique = list(dict.fromkeys(faults))
    return sorted(unique, key=lambda f: (f.line == 0, f.file, f.line, f.column))


def _follows(item: Any, path: _Path, items: list[tuple[Any, _Path]], data: Any) -> bool:
    """Is the error no more than what another one leads to?"""
    if "switches" in path[:-1]:
        # A tier that is not given is the one below it, faults included.
        at = path.index("switches") + 1
        tiers = _at(data, path[:at])
        if path[at] in _COPIED and _has(tiers, "leaf") and not _has(tiers, path[at]):
            return any(other[: at + 1] == (*path[:at], "leaf") for _, other in items)
    if item["type"] == "too_short":
        # The items that are wrong are not counted.
        return any(other[: len(path)] == path and len(other) > len(path) for _, other in items)
    if item["type"] == "missing":
        # The field is there, with its name mistyped.
        strangers = [
            str(other[-1])
            for what, other in items
            if what["type"] == "extra_forbidden" and other[:-1] == path[:-1]
        ]
        return nearest(str(path[-1]), strangers) is not None
    return False


def _real_path(loc: Sequence[Any], data: Any, kind: str) -> _Path:
    """The error's location without the names that unions put into it."""
    path: list[Any] = []
    node = data
    for i, key in enumerate(loc):
        if key == "[key]":
            continue
        if _has(node, key):
            node = node[key]
        elif data is not None and not (i == len(loc) - 1 and kind == "missing"):
            # A tag of a union, or a part that only a preset or default has.
            if not _is_tag(key, node):
                path.append(key)
            continue
        path.append(key)
    return tuple(path)


def _has(node: Any, key: Any) -> bool:
    if isinstance(node, list | tuple):
        return isinstance(key, int) and key < len(node)
    return isinstance(node, dict) and key in node


def _is_tag(key: Any, node: Any) -> bool:
    if not isinstance(key, str):
        return False
    return key in ("text", "mapping") or (isinstance(node, dict) and node.get("kind") == key)


def _fault(item: Any, path: _Path, model: type[BaseModel], data: Any, places: Places) -> Fault:
    kind, given = item["type"], item["input"]
    if kind in ("extra_forbidden", "invalid_key"):
        known = known_keys(types_at(model, path[:-1], data), _at(data, path[:-1]))
        return places.fault(path, _unknown_key(str(path[-1]), known), key=True)
    if kind == "missing":
        return places.fault(path, "is missing: it has no default")
    if kind == "union_tag_invalid":
        path = (*path, "kind")
    return places.fault(path, _message(kind, item, given), hint=_hint(kind, given))


def _unknown_key(name: str, known: list[str]) -> str:
    close = nearest(name, known)
    likely = f"did you mean {close}? " if close else ""
    return f"unknown key {name!r}: {likely}allowed here: {known_names(name, known)}"


def _at(data: Any, path: Sequence[Any]) -> Any:
    for key in path:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list | tuple) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return None
    return data


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "tuple_type": "a list ([a, b])",
    "list_type": "a list ([a, b])",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "or more"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "or less"),
}


def _message(kind: str, item: Any, given: Any) -> str:
    context = item.get("ctx", {})
    if kind in _WANTED:
        return f"{shown(given)} is not {_WANTED[kind]}"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        bound = _in_units_of(given, context[key])
        limit = f"{words} {bound}" if " than" in words else f"{bound} {words}"
        return f"{shown(given)} is out of range: {limit} is allowed"
    if kind in ("literal_error", "union_tag_invalid"):
        return _not_one_of(context, kind, given)
    if kind == "union_tag_not_found":
        return "kind is missing: it says what the rest means"
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length", context.get("max_length"))
        words = "at least" if kind == "too_short" else "at most"
        return f"has {context['actual_length']} items: {words} {bound} wanted"
    if kind in ("string_too_short", "string_too_long"):
        bound = context.get("min_length", context.get("max_length"))
        words = "at least" if kind == "string_too_short" else "at most"
        return f"{shown(given)} has the wrong length: {words} {bound} characters are allowed"
    if kind == "string_pattern_mismatch":
        return f"{shown(given)} does not have the form {context['pattern']}"
    text = str(item["msg"]).removeprefix("Value error, ")
    return text if kind == "value_error" else f"{text} (given: {shown(given)})"


def _not_one_of(context: Any, kind: str, given: Any) -> str:
    if kind == "union_tag_invalid":
        given = context["tag"]
        names = [part.strip("' ") for part in str(context["expected_tags"]).split(",")]
    else:
        names = [
            part.strip("' ") for part in str(context["expected"]).replace(" or ", ", ").split(",")
        ]
    close = nearest(given, names) if isinstance(given, str) else None
    likely = f"did you mean {close}? " if close else ""
    return f"{shown(given)} is not allowed: {likely}allowed: {', '.join(names)}"


def _hint(kind: str, given: Any) -> str:
    if kind not in ("int_type", "float_type") or not isinstance(given, str):
        return ""
    try:
        float(given)
    except ValueError:
        return ""
    return "text in quotes is no number: take the quotes away"


def _in_units_of(given: Any, bound: Any) -> str:
    """A bound as the field writes it: 1us beside '1ns', not 1000000."""
    if isinstance(given, str) and isinstance(bound, int):
        for parse, write in (
            (parse_time, format_time),
            (parse_size, format_size),
            (parse_rate, format_rate),
        ):
            try:
                parse(given)
            except ValueError:
                continue
            return write(bound)
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def shown(value: Any) -> str:
    """A value as messages show it, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
