# SPDX-License-Identifier: Apache-2.0
"""One capture on one page: what moved, how long it took, who was marked and who was stopped."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from emu import __version__
from emu.errors import CaptureError, RunError
from emu.report.figures.timeline import Pause, Timeline, timeline_figures
from emu.report.numerals import BYTES, TIME, Scale, number, spoken
from emu.report.page import environment, page_css
from emu.wire.checks import CheckSettings, judge
from emu.wire.flows import data_flows
from emu.wire.inspection import Inspection, Settings, inspect
from emu.wire.pauses import pause_rows

__all__ = ["capture_page"]

EPISODES_MAX = 20_000
"""More pauses than that are drawn as the first so many; the tables count all of them."""
FLOWS_SHOWN = 30
RATE = Scale(("b/s", 1.0), ("kb/s", 1e3), ("Mb/s", 1e6), ("Gb/s", 1e9), ("Tb/s", 1e12))


@dataclass(frozen=True)
class _Content:
    """What the template's links need."""

    csv: dict[str, str]

    def csv_href(self, name: str) -> str:
        coded = base64.b64encode(self.csv[name].encode()).decode()
        return f"data:text/csv;charset=utf-8;base64,{coded}"


def capture_page(path: str, out: Path, *, speed_bps: int = 0) -> CaptureError | None:
    """Inspect a capture and write the page.

    Parameters
    ----------
    path : str
        pcap or pcapng, plain, gzip or zstd; "-" is standard input.
    out : Path
        The page; an older one is replaced.
    speed_bps : int
        Link speed for interfaces that do not tell theirs.

    Returns
    -------
    CaptureError or None
        Where the capture is cut off or damaged; the page tells of everything before.

    Raises
    ------
    InputError
        The capture cannot be read or is none.
    RunError
        The page cannot be written.
    """
    episodes: list[dict[str, Any]] = []

    def keep(_: Any, batch: dict[str, Any]) -> None:
        columns = {name: list(values) for name, values in batch.items()}
        for row in zip(*columns.values(), strict=True):
            if len(episodes) < EPISODES_MAX:
                episodes.append(dict(zip(columns, row, strict=True)))

    inspection = inspect(path, Settings(speed_bps=speed_bps), on_episodes=keep)
    html = _page(inspection, episodes)
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        partial.write_text(html, encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
    return inspection.error()


def _page(inspection: Inspection, episodes: list[dict[str, Any]]) -> str:
    flows = data_flows(inspection)
    pauses = pause_rows(inspection)
    timeline = Timeline.of(inspection.inspector.timeline(), inspection.totals["first_ps"])
    figures = timeline_figures(timeline, _pauses(inspection, episodes))
    tables = {f"figure-{figure.ident}": figure.data for figure in figures}
    tables["flows"] = pd.DataFrame(flows)
    tables["pauses"] = pd.DataFrame(pauses)
    content = _Content(
        {
            name: frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
            for name, frame in tables.items()
        }
    )
    template = environment().get_template("capture.html.j2")
    error = inspection.error()
    return template.render(
        content=content,
        css=Markup(page_css()),
        terms={},
        version=__version__,
        name=Path(inspection.name).name,
        head=_head(inspection),
        sentences=_sentences(inspection, flows, pauses),
        damage=str(error) if error is not None else "",
        figures=figures,
        svg=lambda figure: [Markup(s) for s in figure.svgs],
        verdicts=judge(inspection, CheckSettings()),
        flows=flows[:FLOWS_SHOWN],
        flows_left=max(0, len(flows) - FLOWS_SHOWN),
        pauses=pauses,
        rate=lambda bps: "–" if bps is None else spoken(bps, RATE),
        time=lambda ps: "–" if ps is None else spoken(ps, TIME),
        size=lambda n: spoken(n, BYTES),
        share=_share,
        number=number,
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{number(value * 100)} %"


def _pauses(inspection: Inspection, episodes: list[dict[str, Any]]) -> list[Pause]:
    ports = {
        int(port): (int(interface), mac)
        for port, interface, mac in zip(
            inspection.pauses["port"],
            inspection.pauses["interface"],
            inspection.pauses["src_mac"],
            strict=True,
        )
    }
    interfaces = inspection.capture["interfaces"]
    first_ps = inspection.totals["first_ps"]
    out = []
    for episode in episodes:
        interface, mac = ports[int(episode["port"])]
        name = interfaces[interface]["name"] or str(interface)
        priority = int(episode["priority"])
        out.append(
            Pause(
                row=f"{name} {'link' if priority == 8 else f'priority {priority}'}",
                by=mac,
                start_ps=int(episode["start_ps"]) - first_ps,
                end_ps=int(episode["end_ps"]) - first_ps,
            )
        )
    return out


def _head(inspection: Inspection) -> str:
    c, t = inspection.capture, inspection.totals
    names = [i["name"] for i in c["interfaces"] if i["name"]]
    where = f" at {', '.join(names[:4])}" if names else ""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return (
        f"{c['packets']:,} packets in {spoken(inspection.span_ps, TIME)}{where}{more} · "
        f"{spoken(t['bytes'], BYTES)} on the wire · {c['format']}"
    )


def _sentences(
    inspection: Inspection, flows: list[dict[str, Any]], pauses: list[dict[str, Any]]
) -> list[str]:
    """The answer: what moved, what was lost, who was marked, who was stopped."""
    if not flows:
        return ["No RoCEv2 data is in this capture."]
    span_ps = inspection.span_ps
    payload = sum(f["payload_bytes"] for f in flows)
    packets = sum(f["packets"] for f in flows)
    goodput = f", {spoken(payload * 8e12 / span_ps, RATE)} on average" if span_ps > 0 else ""
    one = len(flows) == 1
    said = [
        f"{len(flows):,} queue pair{'' if one else 's'} moved {spoken(payload, BYTES)} of payload"
        f"{goodput}."
    ]
    again = sum(f["retransmitted_packets"] for f in flows)
    missing = sum(f["missing_psns"] for f in flows)
    if missing:
        said.append(f"{missing:,} packets are missing and were not sent again.")
    elif again:
        said.append(
            f"{again:,} of {packets:,} packets were sent again, and nothing is missing in the end."
        )
    else:
        said.append("No packet was sent again, none is missing.")
    marked = sum(f["marked_packets"] for f in flows)
    cnps = sum(f["cnps"] or 0 for f in flows)
    share = _share(marked / max(1, packets))
    said.append(
        f"{share} of the packets were marked by congestion, {cnps:,} CNPs answered them."
        if marked or cnps
        else "Nothing was marked, no CNP was sent."
    )
    stops = sum(p["pauses"] for p in pauses)
    if stops:
        longest = max(p["longest_ps"] for p in pauses)
        said.append(
            f"{stops:,} pause{'' if stops == 1 else 's'}, the longest {spoken(longest, TIME)}."
        )
    else:
        said.append("Nobody was paused.")
    return said
