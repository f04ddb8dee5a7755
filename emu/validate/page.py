# SPDX-License-Identifier: Apache-2.0
"""``docs/validation.md`` and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emu.errors import RunError
from emu.validate.plot import svg
from emu.validate.row import Check
from emu.validate.run import Verdict

INTRODUCTION = """\
<!-- Written by `make validate`; edit emu/validate/ instead. -->

# Validation

Each row runs an experiment of `experiments/validation/` and holds the result against an expected
value whose source it names. A row that does not hold fails `make validate`; the rows marked *quick*
also run in `make test`. `emu validate NAME` runs one of them.
"""


def write_page(verdicts: Sequence[Verdict], page: Path) -> None:
    """Write the page and, beside it in a folder of its name, one SVG per row with a figure.

    Raises
    ------
    RunError
        If a file cannot be written.
    """
    figures = page.with_suffix("")
    text = [INTRODUCTION, _summary(verdicts)]
    part = ""
    try:
        figures.mkdir(parents=True, exist_ok=True)
        for verdict in verdicts:
            if verdict.row.part != part:
                part = verdict.row.part
                text.append(f"## {part}\n")
            text.append(_section(verdict, figures))
        page.write_text("\n".join(text), encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {error.filename}: {error.strerror}") from None


def _summary(verdicts: Sequence[Verdict]) -> str:
    rows = ["| row | holds | checks | error over tolerance | |", "|---|---|--:|--:|---|"]
    for verdict in verdicts:
        shares = [abs(c.error) / c.tolerance for c in verdict.result.checks if c.tolerance > 0]
        share = f"{max(shares):.0%}" if shares else "exact"
        quick = "quick" if verdict.row.quick else ""
        name = verdict.row.name
        rows.append(
            f"| [{name}](#{name}) | {_holds(verdict)} | "
            f"{len(verdict.result.checks)} | {share} | {quick} |"
        )
    return "\n".join(rows) + "\n"


def _holds(verdict: Verdict) -> str:
    if not verdict.result.checks:
        return "left out"
    return "yes" if verdict.ok else "**no**"


def _section(verdict: Verdict, figures: Path) -> str:
    row, result = verdict.row, verdict.result
    lines = [
        f"### {row.name}",
        "",
        f"{row.title}. Source: {row.source}. Experiment: "
        f"[`{row.experiment}`](../experiments/validation/{row.experiment}).",
        "",
        "| what | expected | got | error | tolerance | |",
        "|---|--:|--:|--:|--:|---|",
        *(_line(check) for check in result.checks),
        "",
    ]
    if result.figure is not None:
        name = f"{row.name}.svg"
        (figures / name).write_text(svg(result.figure), encoding="utf-8")
        lines += [f"![{result.figure.title}]({figures.name}/{name})", ""]
    for note in result.notes:
        lines += [note, ""]
    return "\n".join(lines)


def _line(check: Check) -> str:
    expected, got = f"{check.expected:.6g}", f"{check.got:.6g}"
    error, tolerance = terms(check)
    mark = "" if check.ok else "**fails**"
    return f"| {check.what} | {expected} | {got} | {error} | {tolerance} | {mark} |"


def terms(check: Check) -> tuple[str, str]:
    """Error and tolerance as text, in the terms in which they are meant."""
    if check.minimum:
        return "", "at least"
    if check.absolute or check.expected == 0:
        return f"{check.error:+.4g}", f"± {check.tolerance:.4g}"
    return f"{check.error:+.2%}", f"± {check.tolerance:.2%}"
