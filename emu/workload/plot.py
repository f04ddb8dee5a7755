# SPDX-License-Identifier: Apache-2.0
"""A trace description as one SVG: arrivals over time and one histogram per size."""

from __future__ import annotations

from html import escape

from emu.workload.describe import Distribution, TraceDescription

_WIDTH, _PANEL_HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 190, 60, 34, 30
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe-Ito


def plot(description: TraceDescription) -> str:
    """SVG text, the same for the same description; readable in light and dark."""
    d = description
    panels = [_time_panel(d)]
    for title, unit, values in (
        ("How long are the prompts?", "input tokens", d.input_tokens),
        ("How long are the answers?", "output tokens", d.output_tokens),
        ("How large are the transfers?", "bytes", d.flow_bytes),
        (
            f"How large is the KV cache of {d.model.model} ({d.model.dtype})?" if d.model else "",
            "bytes per request",
            d.model.request_bytes if d.model else None,
        ),
    ):
        if values is not None:
            panels.append(_size_panel(title, unit, values, _COLOURS[len(panels) % 4]))
    height = _PANEL_HEIGHT * len(panels)
    body = "".join(
        f'<g transform="translate(0 {index * _PANEL_HEIGHT})">{panel}</g>'
        for index, panel in enumerate(panels)
    )
    text = (
        f"{d.rows} {d.kind} over {d.span_s:.0f} s, {d.rate_per_s:.3g} per second; "
        f"gap CV {d.arrivals.iat_cv:.3g}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-labelledby="t d" font-family="sans-serif" font-size="12">'
        f'<title id="t">{escape(d.file)}</title><desc id="d">{escape(text)}</desc>'
        "<style>text{fill:#222}line{stroke:#888}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>"
        f"{body}</svg>\n"
    )


def _time_panel(d: TraceDescription) -> str:
    bin_s = d.span_s / len(d.arrivals_over_time)
    rates = [count / bin_s if bin_s else 0.0 for count in d.arrivals_over_time]
    marks = [(0.0, "0 s"), (0.5, f"{d.span_s / 2:,.4g} s"), (1.0, f"{d.span_s:,.4g} s")]
    return _panel(
        "When do requests arrive?", f"{d.kind} per second", rates, marks, _COLOURS[0], 0.5
    )


def _size_panel(title: str, unit: str, values: Distribution, colour: str) -> str:
    counts = [float(count) for _, count in values.bins]
    every = max(1, len(counts) // 8)
    marks = [
        (index / len(counts), _edge(low))
        for index, (low, _) in enumerate(values.bins)
        if index % every == 0
    ]
    return _panel(title, f"rows by {unit}", counts, marks, colour, 1.5)


def _panel(
    title: str,
    axis: str,
    heights: list[float],
    marks: list[tuple[float, str]],
    colour: str,
    gap: float,
) -> str:
    width, height = _WIDTH - _LEFT - 20, _PANEL_HEIGHT - _TOP - _BOTTOM
    top = max(heights, default=0.0) or 1.0
    step, base = width / len(heights), _TOP + height
    bars = "".join(
        f'<rect x="{_LEFT + index * step + gap / 2:.1f}" y="{base - h / top * height:.1f}" '
        f'width="{step - gap:.1f}" height="{h / top * height:.1f}" fill="{colour}"/>'
        for index, h in enumerate(heights)
        if h > 0
    )
    labels = "".join(
        f'<text x="{_LEFT + at * width:.1f}" y="{base + 16}" '
        f'text-anchor="{"end" if at == 1.0 else "start"}">{escape(text)}</text>'
        for at, text in marks
    )
    return (
        f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(title)}</text>'
        f'<text x="{_WIDTH - 20}" y="18" text-anchor="end">{escape(axis)}</text>'
        f'<text x="{_LEFT - 6}" y="{_TOP + 10}" text-anchor="end">{top:,.3g}</text>'
        f'<text x="{_LEFT - 6}" y="{base}" text-anchor="end">0</text>'
        f'{bars}<line x1="{_LEFT}" y1="{base}" x2="{_LEFT + width}" y2="{base}"/>{labels}'
    )


def _edge(low: int) -> str:
    for factor, unit in ((1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")):
        if low >= factor:
            return f"{low // factor}{unit}"
    return str(low)
