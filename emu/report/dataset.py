# SPDX-License-Identifier: Apache-2.0
"""Sorts runs into designs × cases × seeds: the shape in which every question is asked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from emu.errors import RunError
from emu.report.analysis import bystanders
from emu.report.analysis.slowdown import percentile_name, tail_percentile
from emu.report.style import free_style, short_label, style_index
from emu.telemetry import FAULT_KINDS, Run

__all__ = ["BASE_TITLE", "Case", "Cell", "Dataset", "DesignRef", "seconds", "slug"]

_TIMER = "timers."
BASE_TITLE = "Base case"
_Rest = tuple[tuple[str, str], ...]
_Timed = dict[tuple[str, str, str, _Rest], list[Run]]
_SECONDS = {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_WORDS = {"transport.cc": "congestion control", "overrides.nic.mtu": "MTU"}
"""Matrix paths whose last word says too little."""
_BASE_NAMES = {"", "-", "base", "none", "default"}


def slug(text: str) -> str:
    """Name that is safe as an anchor and as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


@dataclass(frozen=True)
class DesignRef:
    """One line in every figure."""

    key: str
    label: str
    style: int

    @property
    def slug(self) -> str:
        return slug(self.label)


@dataclass(frozen=True)
class Case:
    """Everything about a variant except its design: load, fault, matrix values."""

    labels: tuple[tuple[str, str], ...]
    title: str
    has_faults: bool

    @property
    def slug(self) -> str:
        return slug(self.title)

    @property
    def values(self) -> dict[str, str]:
        return dict(self.labels)


@dataclass(frozen=True)
class Cell:
    """The runs of one design in one case, one per seed."""

    design: DesignRef
    case: Case
    runs: tuple[Run, ...]

    @property
    def slug(self) -> str:
        return f"runs-{self.design.slug}-{self.case.slug}"

    @property
    def n_transfers(self) -> int:
        return sum(len(bystanders.transfers(run)) for run in self.runs)


@dataclass(frozen=True)
class Dataset:
    """All runs of one report.

    Attributes
    ----------
    designs, cases
        In display order. `cases` holds what the tables show; variants that differ only in
        an assumed timer are folded into `timer_cases`.
    timer_cases
        Timer name to {value as given: {case without the timer: cells}} for sensitivity.
    """

    runs: tuple[Run, ...]
    designs: tuple[DesignRef, ...]
    cases: tuple[Case, ...]
    cells: Mapping[tuple[str, tuple[tuple[str, str], ...]], Cell]
    timer_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timer_cells: tuple[tuple[str, str, Cell], ...] = ()
    """(timer, value, cell) for every variant that sets exactly that timer."""

    @classmethod
    def from_runs(cls, runs: Iterable[Run]) -> Dataset:
        ordered = tuple(sorted(runs, key=lambda r: (r.meta["variant"], r.seed, str(r.path))))
        if not ordered:
            raise RunError("there is no complete run to report on")
        _refuse_late(ordered)
        _refuse_duplicates(ordered)
        designs = _designs(ordered)
        by_label = {d.label: d for d in designs}
        constant = _constant_labels(ordered)

        plain: dict[tuple[str, tuple[tuple[str, str], ...]], list[Run]] = {}
        timed: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], list[Run]] = {}
        for run in ordered:
            label = _unique_label(run, ordered)
            rest, timers = _split_labels(run)
            if len(timers) == 1:
                ((name, value),) = timers.items()
                timed.setdefault((name, value, label, rest), []).append(run)
            if not timers:
                plain.setdefault((label, rest), []).append(run)
        timed = _with_unmoved(_beside_twins(timed, plain), plain)
        # A matrix over a timer has no run without it: the tables then show one value, the
        # middle one, and the sensitivity section all of them.
        for (name, value, label, rest), group in timed.items():
            if (label, rest) not in plain and value == _middle(
                [v for n, v, lab, r in timed if (n, lab, r) == (name, label, rest)]
            ):
                plain[(label, rest)] = group
        if not plain:
            for run in ordered:
                rest, _ = _split_labels(run)
                plain.setdefault((_unique_label(run, ordered), rest), []).append(run)

        faulty = {rest for (_, rest), group in plain.items() if any(map(_has_faults, group))}
        rests = sorted({rest for _, rest in plain}, key=lambda r: (r in faulty, _order(r)))
        cases = {r: Case(r, _title(r, constant), r in faulty) for r in rests}
        cells = {
            (label, rest): Cell(by_label[label], cases[rest], tuple(group))
            for (label, rest), group in plain.items()
        }
        timer_cells = tuple(
            (name, value, Cell(by_label[label], cases[rest], tuple(group)))
            for (name, value, label, rest), group in sorted(timed.items())
            if rest in cases
        )
        values: dict[str, set[str]] = {}
        for name, value, _ in timer_cells:
            values.setdefault(name, set()).add(value)
        return cls(
            ordered,
            designs,
            tuple(cases.values()),
            cells,
            {n: tuple(sorted(v, key=_number)) for n, v in values.items()},
            timer_cells,
        )

    @cached_property
    def unvaried_timers(self) -> tuple[str, ...]:
        """Assumed times that move some run with a fault and have one value in all of them."""
        faulty = [run for c in self.cells.values() if c.case.has_faults for run in c.runs]
        names = {name for run in faulty for name in run.meta["timers"] if _moves(run, name)}
        return tuple(sorted(names - set(self.timer_values)))

    def cell(self, design: DesignRef, case: Case) -> Cell | None:
        return self.cells.get((design.label, case.labels))

    def row(self, case: Case) -> list[Cell]:
        """The cells of a case in the order of the designs."""
        found = (self.cell(design, case) for design in self.designs)
        return [cell for cell in found if cell is not None]

    def twin(self, cell: Cell) -> Cell | None:
        """The same design and labels without the faults, if the experiment has it."""
        if not cell.case.has_faults:
            return None
        wanted = _without_case(cell.case)
        for case in self.cases:
            if not case.has_faults and _without_case(case) == wanted:
                return self.cell(cell.design, case)
        return None

    @cached_property
    def tail_q(self) -> float:
        """The percentile on which verdicts about tails rest: the smallest cell decides."""
        cells = [*self.cells.values(), *(cell for _, _, cell in self.timer_cells)]
        return tail_percentile(min(cell.n_transfers for cell in cells))

    @property
    def tail_name(self) -> str:
        return percentile_name(self.tail_q)

    @cached_property
    def meta(self) -> dict[str, object]:
        return self.runs[0].meta


def _refuse_late(runs: Sequence[Run]) -> None:
    """What a lab that was not on time measured is no result."""
    for run in runs:
        lab = run.meta.get("lab")
        if isinstance(lab, dict) and lab.get("late"):
            raise RunError(
                f"{run.path} is marked late: its packets came to their queues later than the "
                "lab's limit allows",
                hint="run it again with a larger --dilation or on a quieter machine",
            )


def _refuse_duplicates(runs: Sequence[Run]) -> None:
    seen: dict[tuple[str, str, int, str], Run] = {}
    for run in runs:
        key = (run.meta["experiment"], run.meta["variant"], run.seed, run.meta["backend"])
        if key in seen:
            raise RunError(
                f"{run.path} and {seen[key].path} are the same variant and seed: counting them "
                "twice would make intervals too narrow; give only one of the two"
            )
        seen[key] = run


def _designs(runs: Sequence[Run]) -> tuple[DesignRef, ...]:
    found: dict[str, str] = {}
    for run in runs:
        found.setdefault(_unique_label(run, runs), run.design)
    taken: set[int] = set()
    refs = []
    for label, key in sorted(found.items(), key=lambda item: (style_index(item[1]), item[0])):
        index = free_style(key, taken)
        taken.add(index)
        refs.append(DesignRef(key, label, index))
    return tuple(refs)


def _unique_label(run: Run, runs: Sequence[Run]) -> str:
    """The short name of a design, unless two designs of this report would share it."""
    del runs
    return short_label(run.design, str(run.meta["design_label"]))


def _beside_twins(timed: _Timed, plain: dict[tuple[str, _Rest], list[Run]]) -> _Timed:
    """A case that differs from another in one timer only is a variation of that one.

    The other one takes part too, with the timer's own value, for the designs that were varied.
    """

    def nameless(rest: _Rest) -> _Rest:
        return tuple(item for item in rest if item[0] != "case")

    twins = {nameless(rest): rest for _, rest in plain}
    found: _Timed = {}
    for (name, value, label, rest), group in timed.items():
        same = any(other == rest for _, other in plain)
        twin = rest if same else twins.get(nameless(rest), rest)
        found.setdefault((name, value, label, twin), []).extend(group)
        for run in plain.get((label, twin), []):
            own = str(run.meta["timers"].get(name, {}).get("value", ""))
            beside = found.setdefault((name, own, label, twin), [])
            if own and run not in beside:
                beside.append(run)
    return found


def _with_unmoved(timed: _Timed, plain: dict[tuple[str, _Rest], list[Run]]) -> _Timed:
    """A design whose runs a timer does not move has the same result at its every value.

    The runs say so themselves (``timers.NAME.moves``), so that nobody has to run them again.
    """
    found = dict(timed)
    for name, value, _, rest in timed:
        for (label, other), group in plain.items():
            if other == rest and not any(_moves(run, name) for run in group):
                found.setdefault((name, value, label, rest), group)
    return found


def _moves(run: Run, timer: str) -> bool:
    """Whether a timer changes what this run forwards; a run that does not know says yes."""
    return bool(run.meta["timers"].get(timer, {}).get("moves", True))


def _split_labels(run: Run) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    labels = {k: v for k, v in run.labels.items() if k != "design"}
    timers = {k.removeprefix(_TIMER): v for k, v in labels.items() if k.startswith(_TIMER)}
    rest = tuple(sorted((k, v) for k, v in labels.items() if not k.startswith(_TIMER)))
    return rest, timers


def _constant_labels(runs: Sequence[Run]) -> set[str]:
    values: dict[str, set[str]] = {}
    for run in runs:
        for key, value in run.labels.items():
            values.setdefault(key, set()).add(value)
    return {key for key, found in values.items() if len(found) == 1}


def _title(rest: tuple[tuple[str, str], ...], constant: set[str]) -> str:
    values = dict(rest)
    parts = []
    case = values.pop("case", "")
    if case not in _BASE_NAMES:
        values.pop("faults", None)  # the case's name says it
        parts.append(case.replace("-", " ").replace("_", " "))
    for key, value in values.items():
        if (key in constant and len(rest) > 1) or value in case.split():
            continue
        if key == "workload.load.fraction":
            parts.append(f"load {_percent(value)}")
        else:
            name = _WORDS.get(key) or key.rsplit(".", 1)[-1].replace("_", " ")
            parts.append(f"{name} {value}")
    title = ", ".join(parts) or BASE_TITLE
    return title[0].upper() + title[1:]


def _percent(value: str) -> str:
    number = value.strip()
    if number.endswith("%"):
        return f"{number[:-1].strip()}\u00a0%"
    try:
        return f"{100 * float(number):.3g}\u00a0%"
    except ValueError:
        return number


def _order(rest: tuple[tuple[str, str], ...]) -> tuple[tuple[str, float, str], ...]:
    values = dict(rest)
    case = values.pop("case", "")
    first = "" if case in _BASE_NAMES else case
    return (("", 0.0, first), *((k, _number(v), v) for k, v in values.items()))


def _number(text: str) -> float:
    match = re.match(r"\s*([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)\s*([a-zA-Z%]*)", text)
    if match is None:
        return 0.0
    return float(match[1]) * _SECONDS.get(match[2], 1.0)


def seconds(text: str) -> float:
    """A time as the experiment writes it, in seconds; not a number if it is none."""
    match = re.fullmatch(r"([0-9.]+(?:e[-+]?[0-9]+)?)(ps|ns|us|ms|s|min|h)", text)
    if match is None:
        return math.nan
    return float(match[1]) * _SECONDS[match[2]]


def _middle(values: Sequence[str]) -> str:
    ordered = sorted(set(values), key=_number)
    return ordered[(len(ordered) - 1) // 2]


def _without_case(case: Case) -> tuple[tuple[str, str], ...]:
    return tuple((k, v) for k, v in case.labels if k != "case" and not k.startswith("faults"))


def _has_faults(run: Run) -> bool:
    if run.meta.get("responses"):
        return True
    events = run.events
    return bool((events["kind"].isin(list(FAULT_KINDS)) & (events["phase"] == "start")).any())
