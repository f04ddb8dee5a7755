# SPDX-License-Identifier: Apache-2.0
"""Variants: what an experiment runs, one design and one set of values each."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from emu.errors import Fault, SpecError
from emu.spec.context import LoadContext
from emu.spec.design import DesignSpec
from emu.spec.experiment import ExperimentSpec
from emu.spec.faultlist import Places, faults_of
from emu.spec.merge import set_path, split_path
from emu.spec.nearest import hint_for
from emu.spec.walk import known_keys, types_at

VARIANTS_MAX = 10_000
_PATH = tuple[Any, ...]
_FIXED = ("kind", "name", "question", "designs", "matrix", "base", "cases", "seeds")
"""Fields that a variant cannot set."""


@dataclass(frozen=True)
class Variant:
    """One design under one set of values; it is run once for every seed.

    Parameters
    ----------
    id : str
        Safe as the name of a folder, and unique within the experiment.
    labels : dict
        ``design``, ``case`` ("base" for the product) and each matrix path, as text.
    spec : ExperimentSpec
        With exactly one design, without matrix and cases.
    """

    id: str
    labels: dict[str, str]
    spec: ExperimentSpec

    @property
    def design(self) -> DesignSpec:
        """The only design."""
        return self.spec.designs[0]


@dataclass(frozen=True)
class _Setting:
    """Values to set, and the part of the experiment that asked for each."""

    case: str
    values: dict[str, Any]
    places: dict[str, _PATH]
    designs: tuple[str, ...] | None


def make_variants(
    spec: ExperimentSpec, raw: dict[str, Any], context: LoadContext, places: Places
) -> list[Variant]:
    """All variants, the product of matrix and designs first, then the cases.

    Parameters
    ----------
    spec : ExperimentSpec
        The experiment.
    raw : dict
        The mapping that it was read from: paths are set in this.
    context : LoadContext
        Folder of its file.
    places : Places
        Positions for messages.

    Raises
    ------
    SpecError
        For paths that do not exist, values that are not allowed and too many variants.
    """
    faults = list(_path_faults(spec, raw, places))
    if faults:
        raise SpecError(faults)
    variants: list[Variant] = []
    used: dict[str, int] = {}
    for setting in _settings(spec):
        data = raw
        try:
            data = _data_under(raw, setting)
            found = _under(spec, data, context, setting, used)
            variants += _with_places(found, setting, places)
        except ValidationError as error:
            wrong = faults_of(error, ExperimentSpec, data, Places())
            faults += [_blamed(fault, setting, places) for fault in wrong]
        except ValueError as error:
            faults.append(_blamed(Fault(str(error)), setting, places))
        except SpecError as error:
            faults += error.faults
    if faults:
        # The same value may be wrong in many combinations.
        raise SpecError(list(dict.fromkeys(faults)))
    return variants


def _settings(spec: ExperimentSpec) -> Iterator[_Setting]:
    if spec.base:
        keys = list(spec.matrix)
        for combination in itertools.product(*(enumerate(spec.matrix[key]) for key in keys)):
            chosen = dict(zip(keys, combination, strict=True))
            yield _Setting(
                "base",
                {key: value for key, (_, value) in chosen.items()},
                {key: ("matrix", key, index) for key, (index, _) in chosen.items()},
                None,
            )
    for i, case in enumerate(spec.cases):
        places = {key: ("cases", i, "set", key) for key in case.set}
        yield _Setting(case.name, dict(case.set), places, case.designs)


def _data_under(raw: dict[str, Any], setting: _Setting) -> dict[str, Any]:
    """What the file would say with the values of the setting written into it."""
    data = {key: value for key, value in raw.items() if key not in ("matrix", "base", "cases")}
    for path, value in setting.values.items():
        data = set_path(data, _real_path(path, data), value)
    return data


def _under(
    spec: ExperimentSpec,
    data: dict[str, Any],
    context: LoadContext,
    setting: _Setting,
    used: dict[str, int],
) -> list[Variant]:
    """The variants of one setting: one for each design."""
    resolved = ExperimentSpec.model_validate(data, context=context)
    variants = []
    for design in resolved.designs:
        if setting.designs is not None and not {design.label, design.key} & set(setting.designs):
            continue
        one = _with_only(design, resolved)
        labels = {"design": design.label, "case": setting.case}
        for path in spec.matrix:
            labels[path] = _shown(setting.values.get(path, _given(data, path)))
        for path, value in setting.values.items():
            labels.setdefault(path, _shown(value))
        variants.append(Variant(_unique(_slug(design, setting), used), labels, one))
    return variants


def _with_only(design: DesignSpec, resolved: ExperimentSpec) -> ExperimentSpec:
    """The experiment with one design and the routing policy that its control is."""
    fields: dict[str, Any] = {"designs": (design,)}
    raw = {**resolved._raw, "designs": [design.model_dump()]}
    if design.control == "adaptive" and resolved.routing.policy == "ecmp":
        fields["routing"] = resolved.routing.model_copy(update={"policy": "controller"})
        raw["routing"] = {**(raw.get("routing") or {}), "policy": "controller"}
    one = resolved.model_copy(update=fields)
    one._raw = raw
    return one


def _with_places(variants: list[Variant], setting: _Setting, places: Places) -> list[Variant]:
    """Tells each variant where its values are written."""
    aliases = [
        (tuple(split_path(path.replace("overrides.", "topology.", 1))), place)
        for path, place in setting.places.items()
    ]
    for variant in variants:
        variant.spec._places = places.also(*aliases)
    return variants


def _real_path(path: str, data: dict[str, Any]) -> str:
    """A path into a topology that is given by name goes to the overrides instead."""
    if path.startswith("topology.") and isinstance(data.get("topology"), str):
        return "overrides." + path.removeprefix("topology.")
    return path


def _given(raw: dict[str, Any], path: str) -> Any:
    node: Any = raw
    for key in split_path(path):
        if isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        elif isinstance(node, dict):
            node = next((value for k, value in node.items() if str(k) == key), None)
        else:
            return "default"
        if node is None:
            return "default"
    return node


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and all(_has_kind(item) for item in value):
        return ", ".join(str(item["kind"]) for item in value)
    return json.dumps(value, default=str, separators=(",", ":"), sort_keys=True)


def _has_kind(item: Any) -> bool:
    return isinstance(item, dict) and "kind" in item


def _slug(design: DesignSpec, setting: _Setting) -> str:
    parts = [design.label]
    if setting.case != "base":
        parts.insert(0, setting.case)
    else:
        values = setting.values
        parts += [f"{_short(path, values)}-{_shown(value)}" for path, value in values.items()]
    words = [re.sub(r"[^a-z0-9.]+", "-", part.lower()).strip("-.") for part in parts]
    return "_".join(word for word in words if word)[:100] or "variant"


def _short(path: str, paths: Iterable[str]) -> str:
    """The last keys of a path, as many as tell it from the other paths."""
    own = split_path(path)
    others = [split_path(other) for other in paths if other != path]
    count = 1
    while count < len(own) and any(other[-count:] == own[-count:] for other in others):
        count += 1
    return "-".join(own[-count:])


def _unique(slug: str, used: dict[str, int]) -> str:
    used[slug] = used.get(slug, 0) + 1
    return slug if used[slug] == 1 else _unique(f"{slug}-{used[slug]}", used)


def _path_faults(spec: ExperimentSpec, raw: dict[str, Any], places: Places) -> Iterator[Fault]:
    """Paths of matrix and cases that lead nowhere, designs that do not exist, sheer number."""
    written: list[tuple[_PATH, str]] = [(("matrix", path), path) for path in spec.matrix]
    for i, case in enumerate(spec.cases):
        written += [(("cases", i, "set", path), path) for path in case.set]
        known = {design.label for design in spec.designs} | {d.key for d in spec.designs}
        for j, name in enumerate(case.designs or ()):
            if name not in known:
                message = f"no design {name!r} in this experiment: {hint_for(name, sorted(known))}"
                yield places.fault(("cases", i, "designs", j), message)
    for place, path in written:
        message = _path_fault(path, raw)
        if message:
            yield places.fault(place, message, key=True)
    count = len(spec.designs) * len(spec.cases)
    if spec.base:
        product = len(spec.designs)
        for values in spec.matrix.values():
            product *= len(values)
        count += product
    if count > VARIANTS_MAX:
        yield places.fault(("matrix",), f"{count} variants: at most {VARIANTS_MAX} are allowed")


def _path_fault(path: str, raw: dict[str, Any]) -> str:
    keys = split_path(path)
    if keys[0] in _FIXED:
        settable = [name for name in known_keys([ExperimentSpec], raw) if name not in _FIXED]
        return f"{keys[0]} cannot be set by a path: those that can are {', '.join(settable)}"
    walked: list[Any] = []
    data: Any = raw
    if keys[0] == "overrides" and len(keys) > 1:
        # Overrides are free-form in the model; what they lead to is the topology.
        keys = ["topology", *keys[1:]]
    for i, key in enumerate(keys):
        here = types_at(ExperimentSpec, walked, raw)
        if not types_at(ExperimentSpec, [*walked, key], data):
            known = known_keys(here, None)
            where = ".".join(str(part) for part in keys[:i]) or "an experiment"
            lost = f"has no {key!r}, {hint_for(key, known)}" if known else "has no parts"
            return f"the path {path!r} does not exist: {where} {lost}"
        walked.append(key)
    return ""


def _blamed(fault: Fault, setting: _Setting, places: Places) -> Fault:
    """The fault of one combination, at the value that brought it about."""
    guilty = next(
        (
            path
            for path in setting.values
            if fault.field.startswith((path, "topology." + path.removeprefix("overrides.")))
        ),
        next(iter(setting.values), None),
    )
    where = places.fault(setting.places[guilty] if guilty else ("matrix",), "")
    return replace(where, message=fault.message, field=fault.field, hint=fault.hint)
