# SPDX-License-Identifier: Apache-2.0
"""Text of metrics, as Prometheus reads it: OpenMetrics 1.0 and the format before it (0.0.4).

Written here and not with prometheus_client, because a backfill has a time on every sample, and
because samples are told apart by labels that only the run knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from emu.telemetry.sai import SAI_COUNTERS, sai_name

__all__ = ["CONTENT_TYPES", "Family", "metric_name", "render", "sai_family"]

CONTENT_TYPES: Mapping[str, str] = {
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "text": "text/plain; version=0.0.4; charset=utf-8",
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_DURATION = "_duration_us"


@dataclass
class Family:
    """All samples of one metric: (labels, value, time in seconds since 1970 or None)."""

    name: str
    kind: Literal["counter", "gauge"]
    doc: str
    samples: list[tuple[Mapping[str, str], float, float | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.endswith("_total"):
            raise ValueError(f"{self.name!r} is no name of a metric")

    def add(self, labels: Mapping[str, str], value: float, at_s: float | None = None) -> None:
        """Append a sample. Samples with the same labels come in order of time."""
        self.samples.append((labels, value, at_s))


def metric_name(counter: str) -> tuple[str, float]:
    """Name in Prometheus of a SAI name, and what a value is multiplied by.

    Prometheus counts time in seconds, so microseconds become seconds; the priority within a name
    becomes a label.

    >>> metric_name("SAI_QUEUE_STAT_WATERMARK_BYTES")
    ('sai_queue_stat_watermark_bytes', 1.0)
    >>> metric_name("SAI_PORT_STAT_PFC_3_RX_PAUSE_DURATION_US")
    ('sai_port_stat_pfc_rx_pause_duration_seconds', 1e-06)
    """
    name = sai_name(counter)[0].replace("_{}", "").lower()
    if name.endswith(_DURATION):
        return name.removesuffix("_us") + "_seconds", 1e-6
    return name, 1.0


def sai_family(counter: str) -> Family:
    """An empty family for a counter of `SAI_COUNTERS`."""
    about = SAI_COUNTERS[sai_name(counter)[0]]
    doc = about.doc.replace("microseconds", "seconds")
    return Family(metric_name(counter)[0], "counter" if about.grows else "gauge", doc)


def render(families: Iterable[Family], form: Literal["openmetrics", "text"]) -> Iterator[str]:
    """Text, piece by piece.

    Parameters
    ----------
    families : iterable of Family
        Each name once.
    form : str
        "openmetrics" ends with `# EOF` and names a counter without `_total` in its head.
    """
    for family in families:
        if not family.samples:
            continue
        sample = family.name + ("_total" if family.kind == "counter" else "")
        head = family.name if form == "openmetrics" else sample
        yield f"# HELP {head} {family.doc}\n# TYPE {head} {family.kind}\n"
        for labels, value, at_s in family.samples:
            shown = ",".join(f'{k}="{str(v).translate(_ESCAPES)}"' for k, v in labels.items())
            line = (
                f"{sample}{{{shown}}} {_number(value)}" if shown else f"{sample} {_number(value)}"
            )
            if at_s is not None:
                line += f" {at_s:.3f}" if form == "openmetrics" else f" {round(at_s * 1000)}"
            yield line + "\n"
    if form == "openmetrics":
        yield "# EOF\n"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
