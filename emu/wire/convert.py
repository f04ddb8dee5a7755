# SPDX-License-Identifier: Apache-2.0
"""Captures rewritten: another format, a part of one, other addresses, no payload."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from emu.core import _wire
from emu.errors import CaptureError, InputError, RunError
from emu.wire.source import STDIN, Source, SourceDamaged

__all__ = ["FORMATS", "Converted", "Cut", "convert"]

FORMATS = ("pcapng", "pcap")
_COMPRESSION = {".gz": "gzip", ".zst": "zstd"}
_KEY_BYTES = 16


@dataclass(frozen=True)
class Cut:
    """Which packets stay; everything that is asked for must hold.

    Parameters
    ----------
    from_ps, to_ps : int, optional
        Time since the first packet, both ends kept.
    hosts : tuple of str
        One of these addresses is source or destination, of the inner or the outer header.
    between : (str, str), optional
        Both ends, in either direction.
    qp : int, optional
        Destination queue pair.
    keep_pause : bool
        Pause frames of the chosen time stay, whatever hosts and queue pair say.
    """

    from_ps: int | None = None
    to_ps: int | None = None
    hosts: tuple[str, ...] = ()
    between: tuple[str, str] | None = None
    qp: int | None = None
    keep_pause: bool = False


@dataclass(frozen=True)
class Converted:
    """What a conversion did."""

    read_packets: int
    written_packets: int
    icrc_right: int
    """Of packets that lost their payload."""
    icrc_wrong: int
    icrc_unknown: int
    error: CaptureError | None
    """Where the capture that was read is cut off or damaged."""


def convert(
    path: str,
    out: str,
    *,
    form: str | None = None,
    cut: Cut | None = None,
    strip_payload: bool = False,
    key: str | None = None,
) -> Converted:
    """Write a capture anew, in bounded memory.

    Parameters
    ----------
    path : str
        pcap or pcapng, plain, gzip or zstd; "-" is standard input.
    out : str
        What to write; "-" is standard output. A name that ends in .gz or .zst is compressed.
    form : str, optional
        "pcap" or "pcapng"; by the name when not given, else pcapng. Times are nanoseconds.
    cut : Cut
        Which packets stay.
    strip_payload : bool
        Packets end behind their headers, as with a short snap length: lengths in headers and in
        the file stay those of the wire. Whether the ICRC was right is told in comments.
    key : str, optional
        Anonymise: every MAC and IP address becomes another one, the same for the same key, with
        prefixes kept; what is no known header is set to zero. Checksums and ICRC are as right
        or wrong as before.

    Returns
    -------
    Converted
        Also for a damaged capture: then of everything before the damage.

    Raises
    ------
    InputError
        The capture cannot be read or is none, `out` is the same file, an address of the cut is
        none, or a pcap would have to hold two link types.
    RunError
        The result cannot be written.
    """
    form = form or _form_of(out)
    if form not in FORMATS:
        raise InputError(f"format {form!r}; allowed: {', '.join(FORMATS)}")
    cut = cut or Cut()
    try:
        converter = _wire.Converter(
            pcapng=form == "pcapng",
            from_ps=cut.from_ps,
            to_ps=cut.to_ps,
            hosts=list(cut.hosts),
            between=cut.between,
            qp=cut.qp,
            keep_pause=cut.keep_pause,
            strip_payload=strip_payload,
            anonymise_key=_digest(key) if key is not None else None,
        )
    except ValueError as error:
        raise InputError(str(error)) from None
    with Source(path) as source:
        if path != STDIN and out != STDIN and _same(path, out):
            raise InputError("would overwrite the capture that is read", file=out)
        with _opened(out) as file:
            try:
                for buffer, n in source.pieces():
                    file.write(converter.feed(buffer, n))
                    if not converter.running:
                        break
            except SourceDamaged as damage:
                converter.fail(str(damage))
            file.write(converter.finish())
            capture = converter.capture()
            if capture["ending"] == "damaged" and not capture["format"]:
                raise InputError(capture["error"], file=source.name)
            if converter.refused_packet:
                raise InputError(
                    f"packet {converter.refused_packet:,} has another link type than those before "
                    "it; a pcap holds one",
                    file=source.name,
                    hint="write pcapng instead",
                )
    damage_found = None
    if capture["ending"] != "whole":
        damage_found = CaptureError(
            capture["error"],
            file=source.name,
            offset=capture["error_offset"],
            packets=capture["packets"],
        )
    return Converted(
        capture["packets"],
        converter.written,
        converter.icrc_right,
        converter.icrc_wrong,
        converter.icrc_unknown,
        damage_found,
    )


def _form_of(out: str) -> str:
    name = out.lower()
    for ending in _COMPRESSION:
        name = name.removesuffix(ending)
    return "pcap" if name.endswith((".pcap", ".cap", ".dmp")) else "pcapng"


def _same(path: str, out: str) -> bool:
    try:
        return os.path.samefile(path, out)
    except OSError:
        return False


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=_KEY_BYTES, person=b"emu pcap").digest()


@contextmanager
def _opened(out: str) -> Iterator[IO[bytes] | Any]:
    """The place to write to; a file appears under its name when it is whole."""
    if out == STDIN:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            kind = _COMPRESSION.get(path.suffix.lower())
            if kind is None:
                yield file
            else:
                import pyarrow as pa

                with pa.CompressedOutputStream(file, kind) as packed:
                    yield packed
        partial.replace(path)
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
