# SPDX-License-Identifier: Apache-2.0
"""Inspections for the terminal. Numbers have three digits that count and a unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from emu.wire.checks import Verdict
from emu.wire.inspection import Inspection

__all__ = [
    "amount",
    "checks",
    "duration",
    "episodes",
    "flow_rows",
    "messages",
    "pauses",
    "rate",
    "summary",
    "table",
]

_UNKNOWN = "–"


def _scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    for factor, unit in units:
        # 999.5 and more would be written as four digits.
        if abs(value) >= factor * 0.9995 or factor == units[-1][0]:
            scaled = value / factor
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
            return f"{scaled:.{digits}f} {unit}" if value else f"0 {unit}"
    raise AssertionError("the last unit takes everything")


def duration(ps: int | float | None) -> str:
    """A time in the unit that suits it; unknown is a dash."""
    if ps is None:
        return _UNKNOWN
    return _scaled(ps, ((1e12, "s"), (1e9, "ms"), (1e6, "µs"), (1e3, "ns"), (1.0, "ps")))


def amount(size_bytes: int | float | None) -> str:
    """Bytes in powers of 1000."""
    if size_bytes is None:
        return _UNKNOWN
    if size_bytes < 1000:
        return f"{size_bytes:.0f} B"
    return _scaled(size_bytes, ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")))


def rate(rate_bps: float | None) -> str:
    """Bits per second."""
    if rate_bps is None:
        return _UNKNOWN
    return _scaled(rate_bps, ((1e12, "Tb/s"), (1e9, "Gb/s"), (1e6, "Mb/s"), (1e3, "kb/s")))


def share(value: float | None) -> str:
    """A share in percent."""
    return _UNKNOWN if value is None else f"{value:.2%}" if value else "0"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str]) -> Table:
    """An aligned table; `right` names the columns with numbers."""
    out = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    numbers = set(right)
    for column in columns:
        out.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        out.add_row(*(Text(_UNKNOWN if cell is None else str(cell)) for cell in row))
    return out


def _count(n: int) -> str:
    return f"{n:,}"


def _facts(inspection: Inspection) -> Table:
    c, t = inspection.capture, inspection.totals
    facts = [
        ("file", f"{inspection.name} ({c['format']})"),
        (
            "packets",
            f"{c['packets']:,}, {amount(t['bytes'])} on the wire in {duration(inspection.span_ps)}",
        ),
    ]
    if t["cut_packets"]:
        facts.append(("captured", f"{t['cut_packets']:,} packets only in part"))
    for i, one in enumerate(c["interfaces"]):
        if len(c["interfaces"]) == 1 and not one["name"] and not one["speed_bps"]:
            break
        speed = f", {rate(one['speed_bps'])}" if one["speed_bps"] else ""
        lost = f", {one['dropped_packets']:,} not captured" if one["dropped_packets"] else ""
        name = one["name"] or f"number {i}"
        facts.append(("interface", f"{name}: {one['packets']:,} packets{speed}{lost}"))
    if t["vlans"]:
        facts.append(("VLANs", ", ".join(f"{v} ({n:,})" for v, n, _ in t["vlans"])))
    if t["vnis"]:
        facts.append(("VXLAN", ", ".join(f"VNI {v} ({n:,})" for v, n, _ in t["vnis"])))
    tagged = [(p, n) for p, n, _ in t["pcps"] if p < 8]
    if tagged:
        facts.append(("PCP", ", ".join(f"{p} ({n:,})" for p, n in tagged)))
    if t["dscps"]:
        facts.append(("DSCP", ", ".join(f"{d} ({n:,})" for d, n, _ in t["dscps"])))
    if t["icrc_verified"]:
        wrong = inspection.findings["icrc_wrong"][0]
        facts.append(("ICRC", f"{t['icrc_verified']:,} verified, {wrong:,} wrong"))
    out = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    out.add_column(style="bold")
    out.add_column(overflow="fold")
    for name, text in facts:
        out.add_row(name, Text(text))
    return out


def _protocols(inspection: Inspection) -> Table:
    t = inspection.totals
    rows = [(name, n, size) for name, n, size in t["protocols"]]
    rows += [(f"{name} in VXLAN", n, size) for name, n, size in t["tunnelled_protocols"]]
    rows.sort(key=lambda r: -r[1])
    return table(
        ["protocol", "packets", "bytes"],
        [(name, _count(n), amount(size)) for name, n, size in rows],
        ["packets", "bytes"],
    )


def _naks(row: dict[str, Any]) -> str:
    if not row["naks"] and not row["rnrs"]:
        return "0" if row["rnrs"] is not None else _UNKNOWN
    parts = [f"{n:,} {code.replace('_', ' ')}" for code, n in row["naks"].items()]
    if row["rnrs"]:
        parts.append(f"{row['rnrs']:,} RNR")
    return ", ".join(parts)


def _reaction(row: dict[str, Any]) -> str:
    ratio = row["reaction_ratio"]
    return _UNKNOWN if ratio is None else f"× {ratio:.2f}"


_SEQUENCE = ("gaps", "lost", "late", "resent")


def flow_rows(rows: Sequence[dict[str, Any]]) -> Group:
    """Queue pairs with data: what was carried, and how well."""
    ends = [(f"{r['src']} → {r['dst']}", f"{r['dst_qp']:#x}") for r in rows]
    vxlan = any(r["vni"] is not None for r in rows)
    carried = table(
        ["flow", "QP", *(["VNI"] if vxlan else []), "packets", "payload", "goodput", "messages",
         "completion p50", "p99", "RTT p50", "p99 "],
        [
            (
                *end,
                *([r["vni"]] if vxlan else []),
                _count(r["packets"]),
                amount(r["payload_bytes"]),
                rate(r["goodput_bps"]),
                f"{r['messages_acked']:,}/{r['messages']:,}",
                duration(r["completion_p50_ps"]),
                duration(r["completion_p99_ps"]),
                duration(r["rtt_p50_ps"]),
                duration(r["rtt_p99_ps"]),
            )
            for end, r in zip(ends, rows, strict=True)
        ],
        ["QP", "VNI", "packets", "payload", "goodput", "messages", "completion p50", "p99",
         "RTT p50", "p99 "],
    )  # fmt: skip
    health = table(
        ["flow", "QP", *_SEQUENCE, "duplicate", "NAK", "marked", "CNPs", "CNPs/s", "rate after"],
        [
            (
                *end,
                _count(r["psn_gaps"]),
                _count(r["missing_psns"]),
                _count(r["out_of_order"]),
                _count(r["retransmitted_packets"]),
                _count(r["duplicates"]),
                _naks(r),
                share(r["marked_share"]),
                None if r["cnps"] is None else _count(r["cnps"]),
                None if r["cnps_per_s"] is None else f"{r['cnps_per_s']:,.0f}",
                _reaction(r),
            )
            for end, r in zip(ends, rows, strict=True)
        ],
        ["QP", *_SEQUENCE, "duplicate", "marked", "CNPs", "CNPs/s", "rate after"],
    )
    return Group(carried, Text(), health)


def summary(inspection: Inspection, flows: Sequence[dict[str, Any]], shown: int) -> Group:
    """Everything about one capture on a page; of the flows the `shown` largest."""
    parts: list[RenderableType] = [_facts(inspection), Text(), _protocols(inspection)]
    if flows:
        parts += [Text(), flow_rows(flows[:shown])]
        if len(flows) > shown:
            parts.append(Text(f"and {len(flows) - shown:,} flows more: --top shows them"))
    return Group(*parts)


def pauses(rows: Sequence[dict[str, Any]], storms: Sequence[dict[str, Any]]) -> Group:
    """Pauses by port and priority, then what a watchdog would have caught."""
    if not rows:
        return Group(Text("no pause frames"))
    parts: list[RenderableType] = [
        table(
            ["interface", "from", "priority", "XOFF", "XON", "pauses", "paused", "share",
             "longest", "packet"],
            [
                (
                    r["interface"],
                    r["src_mac"],
                    r["priority"],
                    _count(r["xoff_frames"]),
                    _count(r["xon_frames"]),
                    _count(r["pauses"]),
                    duration(r["total_ps"]),
                    share(r["paused_share"]),
                    duration(r["longest_ps"]),
                    _count(r["longest_packet"]),
                )
                for r in rows
            ],
            ["XOFF", "XON", "pauses", "paused", "share", "longest", "packet"],
        )
    ]  # fmt: skip
    if any(r["speed_bps"] is None for r in rows):
        parts.append(Text("link speed not known: a pause without XON ends with its last XOFF"))
    caught = sum(s["watchdog"] == "storm" for s in storms)
    perhaps = len(storms) - caught
    parts += [Text(), Text(f"watchdog: {caught:,} storms, {perhaps:,} pauses perhaps")]
    if storms:
        parts.append(episodes(storms))
    return Group(*parts)


def episodes(rows: Sequence[dict[str, Any]]) -> Table:
    """Single pauses."""
    return table(
        [
            "interface",
            "from",
            "priority",
            "start",
            "length",
            "XOFF",
            "ended",
            "packets",
            "watchdog",
        ],
        [
            (
                r["interface"],
                r["src_mac"],
                r["priority"],
                duration(r["start_ps"]),
                duration(r["length_ps"]),
                _count(r["xoff_frames"]),
                r["end"],
                f"{r['first_packet']:,}–{r['last_packet']:,}",
                r["watchdog"],
            )
            for r in rows
        ],
        ["start", "length", "XOFF"],
    )


def messages(rows: Sequence[dict[str, Any]]) -> Table:
    """RDMA messages in the order in which they ended."""
    return table(
        ["flow", "QP", "kind", "length", "start", "last", "acked", "completion", "packets",
         "resent", "marked", "NAKs", "end"],
        [
            (
                f"{r['src']} → {r['dst']}",
                f"{r['dst_qp']:#x}",
                r["kind"] + (" imm" if r["immediate"] else ""),
                amount(r["length_bytes"]) + ("" if not r["headless"] else " +"),
                duration(r["start_ps"]),
                duration(r["last_ps"]),
                duration(r["acked_ps"]),
                duration(r["completion_ps"]),
                _count(r["packets"]),
                _count(r["retransmitted_packets"]),
                _count(r["marked_packets"]),
                _count(r["naks"]),
                r["end"],
            )
            for r in rows
        ],
        ["QP", "length", "start", "last", "acked", "completion", "packets", "resent", "marked",
         "NAKs"],
    )  # fmt: skip


_STYLES = {"pass": "green", "fail": "bold red", "not judged": "yellow"}


def checks(verdicts: Sequence[Verdict]) -> Table:
    """The list of checks with their verdicts."""
    out = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("check", "verdict", "found"):
        out.add_column(column, overflow="fold")
    for v in verdicts:
        found = v.detail
        if v.packets:
            more = " …" if v.count > len(v.packets) else ""
            found += f" (packets {', '.join(str(p) for p in v.packets)}{more})"
        out.add_row(Text(v.check), Text(v.status, style=_STYLES[v.status]), Text(found))
    return out
