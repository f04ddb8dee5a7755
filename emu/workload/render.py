# SPDX-License-Identifier: Apache-2.0
"""A trace description for the terminal: tables, and histograms of block characters."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from emu.workload.describe import Burstiness, Distribution, TraceDescription

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = " ▁▂▃▄▅▆▇█"
_BAR_CELLS = 32
_SHOWN = ("1", "50", "90", "99", "99.9", "100")


def render(description: TraceDescription) -> Group:
    """Everything in the description, for ``rich.console.Console.print``."""
    d = description
    parts: list[Table | Text] = [_facts(d), Text(), _sizes(d), Text()]
    parts += [Text("arrivals over time"), Text("  " + sparkline(d.arrivals_over_time)), Text()]
    for title, values, is_bytes in _distributions(d):
        parts += [Text(title), histogram(values, is_bytes=is_bytes), Text()]
    return Group(*parts[:-1])


def _facts(d: TraceDescription) -> Table:
    rows = [
        ("file", f"{d.file} ({d.format})"),
        (d.kind, f"{d.rows:,} over {_span(d.span_s)}, {d.rate_per_s:.3g} per second"),
        ("arrivals", _burst(d.arrivals)),
    ]
    if d.spread_s:
        rows.append(
            (
                "stamps",
                f"{d.distinct_stamps:,} distinct, quantised to {d.spread_s:g} s: spread by "
                f"U(0, {d.spread_s:g} s); as they stand: {_burst(d.stamps)}",
            )
        )
    if d.prefix is not None:
        rows.append(
            (
                "prefixes",
                f"{d.prefix.hit_token_fraction:.1%} of the prompt tokens repeat an earlier prefix "
                f"({d.prefix.distinct_blocks:,} of {d.prefix.blocks:,} blocks of "
                f"{d.prefix.block_tokens} tokens are distinct)",
            )
        )
    if d.model is not None:
        rows.append(
            (
                "KV cache",
                f"{d.model.model} {d.model.dtype}: {d.model.bytes_per_token:,} B per token, "
                f"{d.model.mean_gbps:.3g} Gb/s on average, {d.model.peak_1s_gbps:.3g} Gb/s in "
                "the busiest second",
            )
        )
    skipped = sum(d.rows_skipped.values())
    reasons = "; ".join(f"{count} × {reason}" for reason, count in d.rows_skipped.items())
    rows.append(
        ("rows", f"{d.rows_read:,} read, {skipped:,} skipped" + (f": {reasons}" if reasons else ""))
    )
    rows += [("note", note) for note in d.notes]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, Text(text))
    return table


def _burst(b: Burstiness) -> str:
    text = f"gap CV {b.iat_cv:.3g}"
    if b.dispersion_1s is not None:
        text += f", dispersion of counts per 1 s {b.dispersion_1s:.3g}"
    if b.dispersion_10s is not None:
        text += f", per 10 s {b.dispersion_10s:.3g}"
    return f"{text}; at most {b.peak_1s:,} in a second"


def _sizes(d: TraceDescription) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("sizes")
    for name in ("mean", *(f"p{p}" for p in _SHOWN[:-1]), "max", "sum"):
        table.add_column(name, justify="right")
    for name, values, is_bytes in _distributions(d):
        shown = [values.mean, *(values.percentiles[p] for p in _SHOWN), values.total]
        table.add_row(name, *(_bytes(v) if is_bytes else f"{v:,.0f}" for v in shown))
    return table


def _distributions(d: TraceDescription) -> list[tuple[str, Distribution, bool]]:
    """Title, figures and whether they are bytes, of what the trace has."""
    every = (
        ("input tokens", d.input_tokens, False),
        ("output tokens", d.output_tokens, False),
        ("bytes", d.flow_bytes, True),
        ("KV bytes", d.model.request_bytes if d.model else None, True),
    )
    return [(title, values, is_bytes) for title, values, is_bytes in every if values is not None]


def histogram(values: Distribution, *, is_bytes: bool = False) -> Table:
    """One line per power of two: lower edge, bar, count."""
    table = Table(box=None, show_header=False, pad_edge=True)
    for justify in ("right", "left", "right"):
        table.add_column(justify=justify)
    top = max(count for _, count in values.bins)
    for low, count in values.bins:
        table.add_row(_edge(low, is_bytes), bar(count / top, _BAR_CELLS), f"{count:,}")
    return table


def bar(share: float, cells: int) -> str:
    """A bar of block characters, to an eighth of a cell."""
    eighths = round(share * cells * 8)
    if share > 0:
        eighths = max(eighths, 1)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def sparkline(counts: list[int]) -> str:
    """One character per count; a blank is a true zero."""
    top = max(counts, default=0) or 1
    return "".join(_LEVELS[-(-count * 8 // top)] for count in counts)


def _edge(low: int, is_bytes: bool) -> str:
    if not is_bytes:
        return f"from {low:,}"
    for factor, unit in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if low >= factor:
            return f"from {low // factor} {unit}"
    return f"from {low} B"


def _bytes(value: float) -> str:
    for factor, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.0f} B"


def _span(seconds: float) -> str:
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:.3g} days"
    return f"{seconds:,.6g} s"
