# SPDX-License-Identifier: Apache-2.0
"""ServeGen client descriptions (alibaba/ServeGen): requests are drawn, not replayed.

Input: a folder, or a tar of it, with two files per client: ``chunk-<id>-trace.csv``
(``t_s, rate_req_per_s, iat_cv, pattern, shape, scale`` per 600 s window, no header)
and ``chunk-<id>-dataset.json`` (distributions of token counts from time t_s on).

Method, as in ServeGen's own construct.py at commit f891d11: in each window a client's
inter-arrival times are drawn from its Gamma or Weibull distribution and scaled to fill
the window, and one uniform number per request picks all its token counts. Different
here: a window's fractional expected count is rounded up or down at random (ServeGen
rounds up, which doubles the rate of a client with half a request per window), and the
scaling keeps a gap at the window's end (ServeGen drops the last request instead).
"""

from __future__ import annotations

import json
import math
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from emu.workload.readers.options import ReadOptions
from emu.workload.readers.rows import unreadable
from emu.workload.seeds import stream
from emu.workload.trace import PS_PER_S, FloatArray, IntArray, RequestTrace

NAME = "servegen"
SUMMARY = "folder or tar of ServeGen client descriptions; requests are drawn with the seed"
_FILE = re.compile(r"chunk-(\d+)-(trace\.csv|dataset\.json)")
_KEY = re.compile(r"([-+0-9.eE]+)\s*:")
_PATTERNS = ("Gamma", "Weibull")
_NEEDED = "a folder or tar with chunk-<id>-trace.csv and chunk-<id>-dataset.json per client"


@dataclass(frozen=True)
class Window:
    """A client's arrivals from ``start_s`` on: rate and inter-arrival distribution."""

    start_s: int
    rate: float
    pattern: str
    shape: float
    scale: float


@dataclass(frozen=True)
class Lengths:
    """Token counts and their cumulative probability, from ``start_s`` on."""

    start_s: int
    input_tokens: tuple[IntArray, FloatArray]
    output_tokens: tuple[IntArray, FloatArray]


@dataclass(frozen=True)
class Client:
    """One client's day."""

    number: int
    windows: tuple[Window, ...]
    lengths: tuple[Lengths, ...]

    def lengths_at(self, start_s: int) -> Lengths | None:
        """The latest distributions that hold by then."""
        known = [entry for entry in self.lengths if entry.start_s <= start_s]
        return known[-1] if known else None


def detect(head: list[str]) -> bool:
    """Never by content: a folder or a tar is recognised before files are opened."""
    return False


def is_description(path: Path) -> bool:
    """Whether the path is a folder or tar that holds client descriptions."""
    if path.is_dir():
        return any(_FILE.fullmatch(entry.name) for entry in path.rglob("chunk-*"))
    try:
        return path.is_file() and tarfile.is_tarfile(path)
    except (OSError, EOFError):
        return False


def read(path: Path, options: ReadOptions) -> RequestTrace:
    """Draws requests window by window until ``start_ps`` and ``limit`` are met."""
    clients = load_clients(path)
    return draw(clients, options, path.name)


def draw(clients: list[Client], options: ReadOptions, source: str) -> RequestTrace:
    """Requests of all clients; the same for the same seed."""
    parts: list[tuple[FloatArray, IntArray, IntArray]] = []
    silent: set[int] = set()
    first: float | None = None
    enough = 0
    for start_s, length_s in _windows(clients):
        for client in clients:
            part = _draw_window(client, start_s, length_s, options.seed, silent)
            if part is not None:
                parts.append(part)
                first = part[0].min() if first is None else min(first, float(part[0].min()))
        if first is not None and options.limit is not None:
            after = first + options.start_ps / PS_PER_S
            enough = sum(int(np.count_nonzero(part[0] >= after)) for part in parts)
            if enough >= options.limit:
                break
    if not parts:
        return _trace(np.zeros(0), *(np.zeros(0, np.int64),) * 2, source, len(silent))
    arrival = np.concatenate([part[0] for part in parts])
    order = np.argsort(arrival, kind="stable")
    inputs = np.concatenate([part[1] for part in parts])[order]
    outputs = np.concatenate([part[2] for part in parts])[order]
    return _trace(arrival[order], inputs, outputs, source, len(silent))


def _trace(
    arrival_s: FloatArray, inputs: IntArray, outputs: IntArray, source: str, silent: int
) -> RequestTrace:
    count = len(arrival_s)
    begin = arrival_s[0] if count else 0.0
    notes = ["requests are drawn from ServeGen client descriptions, not replayed"]
    if silent:
        notes.append(f"{silent} clients have rates but no token counts and stay silent")
    return RequestTrace(
        arrival_ps=np.rint((arrival_s - begin) * PS_PER_S).astype(np.int64),
        input_tokens=inputs,
        output_tokens=outputs,
        block_ids=np.zeros(0, dtype=np.int64),
        block_offsets=np.zeros(count + 1, dtype=np.int64),
        block_tokens=0,
        format=NAME,
        source=source,
        rows_read=count,
        notes=tuple(notes),
    )


def _windows(clients: list[Client]) -> Iterator[tuple[int, int]]:
    """Start and length of each window, over all clients."""
    starts = sorted({window.start_s for client in clients for window in client.windows})
    step = min((b - a for a, b in pairwise(starts)), default=600)
    for start in starts:
        yield start, step


def _draw_window(
    client: Client, start_s: int, length_s: int, seed: int, silent: set[int]
) -> tuple[FloatArray, IntArray, IntArray] | None:
    window = next((w for w in client.windows if w.start_s == start_s), None)
    if window is None or window.rate <= 0 or not window.pattern:
        return None
    lengths = client.lengths_at(start_s)
    if lengths is None:
        silent.add(client.number)
        return None
    rng = stream(seed, f"servegen client {client.number} at {start_s}")
    expected = window.rate * length_s
    count = math.floor(expected) + int(rng.random() < expected - math.floor(expected))
    if count == 0:
        return None
    if window.pattern == "Gamma":
        gaps = rng.gamma(window.shape, window.scale, size=count + 1)
    else:
        gaps = rng.weibull(window.shape, size=count + 1) * window.scale
    total = gaps.sum()
    # A very small shape underflows to gaps of nothing: one instant for all.
    share = np.cumsum(gaps[:-1]) / total if total > 0 else np.full(count, rng.random())
    uniform = rng.random(count)
    return (
        start_s + share * length_s,
        _pick(lengths.input_tokens, uniform),
        _pick(lengths.output_tokens, uniform),
    )


def _pick(table: tuple[IntArray, FloatArray], uniform: FloatArray) -> IntArray:
    values, cumulative = table
    index = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.asarray(values[np.minimum(index, len(values) - 1)], dtype=np.int64)


def load_clients(path: Path) -> list[Client]:
    """All clients of a folder or tar, ordered by number.

    Raises
    ------
    TraceError
        Naming the file within the folder or tar.
    """
    texts = dict(_folder(path) if path.is_dir() else _tar(path))
    numbers = sorted({int(_match(name)[1]) for name in texts})
    if not numbers:
        unreadable(
            path,
            "holds no client descriptions",
            _NEEDED,
        )
    clients = []
    for number in numbers:
        found = {_match(name)[2]: name for name in texts if int(_match(name)[1]) == number}
        for kind in ("trace.csv", "dataset.json"):
            if kind not in found:
                unreadable(
                    path,
                    f"chunk-{number}-{kind} is missing",
                    "each client needs a trace.csv and a dataset.json",
                )
        trace, dataset = found["trace.csv"], found["dataset.json"]
        clients.append(
            Client(
                number,
                _parse_windows(path / trace, texts[trace]),
                _parse_lengths(path / dataset, texts[dataset]),
            )
        )
    return clients


def _match(name: str) -> re.Match[str]:
    match = _FILE.fullmatch(name)
    assert match is not None, name
    return match


def _folder(path: Path) -> Iterator[tuple[str, str]]:
    for entry in sorted(path.rglob("chunk-*")):
        if _FILE.fullmatch(entry.name):
            yield entry.name, _decode(entry, entry.read_bytes())


def _tar(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                name = Path(member.name).name
                data = tar.extractfile(member) if member.isfile() else None
                if data is not None and _FILE.fullmatch(name):
                    yield name, _decode(path / name, data.read())
    except tarfile.ReadError:
        unreadable(path, "is not a tar, or a damaged one", _NEEDED)
    except (OSError, EOFError, zlib.error) as error:
        unreadable(path, f"damaged tar ({error})", "fetch the file again")


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return unreadable(path, f"byte {error.start} is not UTF-8 text", "fetch the file again")


def _parse_windows(path: Path, text: str) -> tuple[Window, ...]:
    windows: list[Window] = []
    for row, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != 6:
            unreadable(
                path,
                f"{len(fields)} columns in row {row}",
                "6 columns: t_s,rate_req_per_s,iat_cv,pattern,shape,scale",
            )
        pattern = fields[3]
        if pattern and pattern not in _PATTERNS:
            unreadable(
                path, f"unknown pattern '{pattern[:40]}' in row {row}", "Gamma, Weibull or empty"
            )
        start, rate, _, shape, scale = (_number(path, row, fields[i]) for i in (0, 1, 2, 4, 5))
        if pattern and rate > 0 and not (shape > 0 and scale > 0):
            unreadable(
                path, f"shape or scale is not above 0 in row {row}", f"{pattern} needs both above 0"
            )
        if windows and start <= windows[-1].start_s:
            unreadable(path, f"t_s does not rise in row {row}", "windows in order of time")
        windows.append(Window(int(start), rate, pattern, shape, scale))
    return tuple(windows)


def _number(path: Path, row: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        unreadable(path, f"'{text[:40]}' in row {row}", "numbers of 0 or more")
    return value


def _parse_lengths(path: Path, text: str) -> tuple[Lengths, ...]:
    try:
        data = json.loads(text)
        entries = sorted((int(start), fields) for start, fields in data.items())
    except (ValueError, AttributeError, TypeError) as error:
        unreadable(path, f"not a JSON object by time ({error})", "{'<t_s>': {...}, …}")
    lengths = []
    for start, fields in entries:
        tables = [_table(path, start, fields, key) for key in ("input_tokens", "output_tokens")]
        if all(table is not None for table in tables):
            lengths.append(Lengths(start, *[table for table in tables if table is not None]))
    return tuple(lengths)


def _table(path: Path, start: int, fields: Any, key: str) -> tuple[IntArray, FloatArray] | None:
    """Values and cumulative probability of one distribution; None when it is empty."""
    hint = f"{key} is a text such as '{{45: 0.01, 46: 0.99}}'"
    if not isinstance(fields, dict) or not isinstance(fields.get(key), str):
        unreadable(path, f"{key} is missing at {start} s", hint)
    try:
        # A Python literal with numbers as keys: JSON once the keys are quoted.
        table = json.loads(_KEY.sub(r'"\1":', fields[key]))
        pairs = sorted((int(value), float(share)) for value, share in table.items())
    except (ValueError, AttributeError, TypeError):
        unreadable(path, f"{key} at {start} s is not a distribution", hint)
    if not pairs:
        return None
    values = np.array([value for value, _ in pairs], dtype=np.int64)
    shares = np.array([share for _, share in pairs], dtype=np.float64)
    if not np.isfinite(shares).all() or shares.min() < 0 or not abs(shares.sum() - 1) < 0.01:
        unreadable(
            path,
            f"{key} at {start} s adds up to {shares.sum():.3g}",
            "probabilities of 0 or more that add up to 1",
        )
    if values.min() < 0:
        unreadable(path, f"{key} at {start} s has the value {values.min()}", "0 or more tokens")
    # A prompt has at least one token.
    return np.maximum(values, 1 if key == "input_tokens" else 0), np.cumsum(shares)
