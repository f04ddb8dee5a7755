# SPDX-License-Identifier: Apache-2.0
"""YAML with positions: plain data plus the line and column of every key and value.

Only the core schema of YAML 1.2 is read: `on` and `no` are text, 1e-4 is a
number, 12:30 is not 750. A key given twice is a fault, since one of the two
values would be lost without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from emu.errors import Fault, SpecError

Path_ = tuple[Any, ...]
BYTES_MAX = 8 * 2**20
REPEATED_MAX = 50_000
DEPTH_MAX = 60

_INT = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# What PyYAML's resolver assigns by itself; anything else was written as !tag.
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
)
_INF_NAN = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Mark:
    """A place in a file, counted from 1."""

    file: str
    line: int
    column: int


@dataclass
class YamlTree:
    """A file's data and where each part of it stands.

    ``values[path]`` is the place of a value, ``keys[path]`` that of its key.
    """

    data: Any
    file: str
    values: dict[Path_, Mark] = field(default_factory=dict)
    keys: dict[Path_, Mark] = field(default_factory=dict)


def load_yaml(path: Path, shown: str | None = None) -> YamlTree:
    """Reads a file; SpecError when it cannot be read or is no YAML."""
    shown = shown if shown is not None else str(path)
    try:
        with path.open("rb") as file:
            # No more than can be accepted: a device may never end.
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise SpecError([Fault("there is no such file", file=shown)]) from None
    except IsADirectoryError:
        raise SpecError([Fault("this is a folder, a YAML file is wanted", file=shown)]) from None
    except OSError as error:
        raise SpecError([Fault(f"cannot be read: {error.strerror}", file=shown)]) from None
    if len(raw) > BYTES_MAX:
        raise SpecError(
            [Fault(f"is too large: a spec file has at most {BYTES_MAX} bytes", file=shown)]
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError([Fault(f"byte {error.start} is not UTF-8 text", file=shown)]) from None
    return load_yaml_text(text, shown)


def load_yaml_text(text: str, file: str) -> YamlTree:
    """Reads YAML text; ``file`` is only the name in messages."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise SpecError(
            [Fault(f"not valid YAML: {what}", file=file, line=line, column=column)]
        ) from None
    except yaml.YAMLError as error:
        what = str(error).splitlines()[0]
        raise SpecError([Fault(f"not valid YAML: {what}", file=file)]) from None
    except RecursionError:
        raise SpecError([Fault("is nested too deeply", file=file)]) from None
    if node is None:
        raise SpecError([Fault("the file is empty", file=file)])
    builder = _Builder(file)
    tree = YamlTree(builder.build(node, ()), file, builder.values, builder.keys)
    if builder.faults:
        raise SpecError(builder.faults)
    return tree


class _Builder:
    """Turns composed nodes into data and notes where they stand."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[Path_, Mark] = {}
        self.keys: dict[Path_, Mark] = {}
        self.faults: list[Fault] = []
        self.repeated = 0
        self.seen: set[int] = set()
        self.open: set[int] = set()

    def mark(self, node: yaml.Node) -> Mark:
        return Mark(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def fault(self, node: yaml.Node, path: Path_, message: str, hint: str = "") -> None:
        mark = self.mark(node)
        name = ".".join(str(part) for part in path)
        self.faults.append(Fault(message, name, mark.file, mark.line, mark.column, hint))

    def build(self, node: yaml.Node, path: Path_) -> Any:
        # An alias gives the same node again: a few lines could unfold to
        # billions of nodes, or to an endless structure.
        self.repeated += id(node) in self.seen
        self.seen.add(id(node))
        if self.repeated > REPEATED_MAX:
            self.fault(node, (), f"aliases unfold to more than {REPEATED_MAX} values")
            raise SpecError(self.faults)
        if id(node) in self.open or len(path) > DEPTH_MAX:
            self.fault(node, path, "an alias contains itself or the nesting is too deep")
            raise SpecError(self.faults)
        self.values[path] = self.mark(node)
        self.open.add(id(node))
        try:
            return self._build(node, path)
        finally:
            self.open.discard(id(node))

    def _build(self, node: yaml.Node, path: Path_) -> Any:
        if node.tag not in _TAGS:
            self.fault(node, path, f"the tag {node.tag} is not allowed")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        data: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault(key_node, path, "a key must be a plain name")
                continue
            key = self._scalar(key_node, path)
            if key in data:
                first = self.keys[(*path, key)]
                self.fault(key_node, (*path, key), f"given twice, first in line {first.line}")
                continue
            if key == "<<" and key_node.style is None:
                self.fault(key_node, path, "merge keys (<<) are not part of YAML 1.2; use `base:`")
                continue
            self.keys[(*path, key)] = self.mark(key_node)
            data[key] = self.build(value_node, (*path, key))
        return data

    def _scalar(self, node: yaml.ScalarNode, path: Path_) -> Any:
        text = node.value
        if node.style is not None:
            return str(text)
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text in ("true", "True", "TRUE"):
            return True
        if text in ("false", "False", "FALSE"):
            return False
        if _INT.fullmatch(text):
            if len(text) > 40:
                self.fault(node, path, f"{text[:20]}... has too many digits")
                return 0
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _INF_NAN.fullmatch(text):
            self.fault(node, path, f"{text} is not a finite number")
            return 0.0
        return str(text)
