# SPDX-License-Identifier: Apache-2.0
"""The bytes of a capture: a file, standard input, gzip or zstd, in pieces of bounded size."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from emu.core import _wire
from emu.errors import InputError

__all__ = ["STDIN", "Source", "SourceDamaged"]

STDIN = "-"
CHUNK_BYTES = 1 << 18
"""Small enough to stay in a core's cache between reading and parsing."""
STEP_BYTES = 4 << 20
"""So much is read natively between two looks at the screen."""
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class SourceDamaged(Exception):
    """Decompression failed; what came before is good."""


class Source:
    """A capture that is read once, from front to back.

    Parameters
    ----------
    path : str
        A file, or "-" for standard input.

    Raises
    ------
    InputError
        The file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = "standard input" if path == STDIN else path
        self.read_bytes = 0
        """So many bytes of the file itself, compressed or not, have been read."""
        try:
            self._file: IO[bytes] = self._open()
            found = os.fstat(self._file.fileno())
        except OSError as error:
            raise InputError(f"cannot read it: {error.strerror}", file=self.name) from None
        self.total_bytes = found.st_size if stat.S_ISREG(found.st_mode) else None
        """Size of the file; None for a pipe."""

    def _open(self) -> IO[bytes]:
        if self.path == STDIN:
            return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
        return Path(self.path).open("rb", buffering=0)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def pieces(self) -> Iterator[tuple[Any, int]]:
        """Buffers and how many of their bytes count; a buffer is used again for the next piece.

        Raises
        ------
        SourceDamaged
            The compressed stream is cut off or damaged.
        InputError
            The file system or the pipe failed.
        """
        head, stream = self._begin()
        yield from _unpacked(head, stream)

    def feed(self, inspector: _wire.Inspector) -> Iterator[None]:
        """Give everything to an inspector; stops for the caller now and then.

        What is not compressed is read natively, in pieces that stay in the cache. Raises like
        `pieces`.
        """
        head, stream = self._begin()
        if _packing(head):
            for buffer, n in _unpacked(head, stream):
                inspector.feed(buffer, n)
                yield
            return
        for buffer, n in itertools.islice(stream, 1):
            inspector.feed(buffer, n)
            yield
        while inspector.running and (n := self._read_into(inspector)):
            self.read_bytes += n
            yield

    def _read_into(self, inspector: _wire.Inspector) -> int:
        while (n := inspector.read(self._file.fileno(), STEP_BYTES)) < 0:
            # Interrupted by a signal: Python has handled it on the way here (PEP 475).
            if n != -errno.EINTR:
                raise InputError(f"cannot read on: {os.strerror(-n)}", file=self.name) from None
        return n

    def _begin(self) -> tuple[bytes, Iterator[tuple[Any, int]]]:
        """The first four bytes, and the stream with them."""
        raw = self._raw()
        buffer, n = next(raw, (b"", 0))
        while 0 < n < 4:
            # A pipe may hand over its first bytes one by one; the next piece reuses the buffer.
            buffer = bytes(buffer[:n])
            more = next(raw, None)
            if more is None:
                break
            buffer, n = buffer + bytes(more[0][: more[1]]), n + more[1]
        return bytes(buffer[: min(n, 4)]), _chain((buffer, n), raw) if n else raw

    def _raw(self) -> Iterator[tuple[Any, int]]:
        buffer = bytearray(CHUNK_BYTES)
        view = memoryview(buffer)
        while True:
            try:
                n = self._file.readinto(view)  # type: ignore[attr-defined]
            except OSError as error:
                raise InputError(f"cannot read on: {error.strerror}", file=self.name) from None
            if not n:
                return
            self.read_bytes += n
            yield buffer, n


def _packing(head: bytes) -> str:
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head == ZSTD_MAGIC else ""


def _unpacked(head: bytes, stream: Iterator[tuple[Any, int]]) -> Iterator[tuple[Any, int]]:
    packing = _packing(head)
    if packing == "gzip":
        return _gunzip(stream)
    return _unzstd(stream) if packing == "zstd" else stream


def _chain(first: tuple[Any, int], rest: Iterator[tuple[Any, int]]) -> Iterator[tuple[Any, int]]:
    yield first
    yield from rest


def _gunzip(stream: Iterator[tuple[Any, int]]) -> Iterator[tuple[Any, int]]:
    """Members of a gzip file one behind the other; a piece grows to CHUNK_BYTES at most."""
    member = zlib.decompressobj(31)
    begun = False
    for buffer, n in stream:
        data = bytes(memoryview(buffer)[:n])
        while data:
            if member.eof:
                member, begun = zlib.decompressobj(31), False
            if not begun and not data.strip(b"\0"):
                break  # zeros behind the last member are padding (gzip(1))
            begun = True
            before = member.copy()
            try:
                out = member.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                out = _up_to_the_damage(before, data)
                if out:
                    yield out, len(out)
                raise SourceDamaged(f"the gzip stream is damaged ({error})") from None
            if out:
                yield out, len(out)
            data = member.unused_data if member.eof else member.unconsumed_tail
    while begun and not member.eof:
        out = member.decompress(member.unconsumed_tail, CHUNK_BYTES)
        if not out:
            raise SourceDamaged("the gzip stream is cut off")
        yield out, len(out)


def _up_to_the_damage(member: Any, data: bytes) -> bytes:
    """What zlib had unpacked when it found the damage: it keeps that to itself."""
    out = b""
    for i in range(len(data)):
        try:
            out += member.decompress(data[i : i + 1])
        except zlib.error:
            break
    return out


class _Readable:
    """What pyarrow takes for a file: the pieces, as many bytes at a time as it asks for."""

    def __init__(self, stream: Iterator[tuple[Any, int]]) -> None:
        self._stream = stream
        self._left = b""
        self.closed = False

    def read(self, n: int = -1) -> bytes:
        if not self._left:
            buffer, have = next(self._stream, (b"", 0))
            self._left = bytes(memoryview(buffer)[:have])
        n = len(self._left) if n < 0 else n
        out, self._left = self._left[:n], self._left[n:]
        return out

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def _unzstd(stream: Iterator[tuple[Any, int]]) -> Iterator[tuple[Any, int]]:
    # pyarrow is there anyway and brings zstd; Python's own library does not before 3.14.
    import pyarrow as pa

    plain = pa.CompressedInputStream(pa.PythonFile(_Readable(stream), mode="r"), "zstd")
    while True:
        try:
            out = plain.read(CHUNK_BYTES)
        except OSError as error:
            raise SourceDamaged(f"the zstd stream is cut off or damaged ({error})") from None
        if not out:
            return
        yield out, len(out)
