# SPDX-License-Identifier: Apache-2.0
"""Every error that emu raises on purpose.

    EmuError                exit code 1
    ├── InputError          exit code 2: what the user gave is wrong
    │   ├── SpecError       topology, experiment and profile files
    │   └── TraceError      trace files
    ├── CaptureError        exit code 3: a capture is cut off or damaged; the rest was told
    ├── RunError            exit code 1: the run could not be carried through
    └── Interrupted         exit code 130: stopped by the user, can be resumed

A wrong input never ends in a traceback: the command line prints ``str(error)``
and exits with ``error.exit_code``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in an input, and where.

    Parameters
    ----------
    message : str
        What was given and what is allowed.
    field : str
        Dotted path of the field, "" when the fault is not in one field.
    file : str
        Name of the file as the user gave it, "" when there is none.
    line, column : int
        Position counted from 1; 0 when it is not known.
    hint : str
        The likely remedy; "" when there is none.
    """

    message: str
    field: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}:{self.column}" if place else f"line {self.line}:{self.column}"
        text = ": ".join(part for part in (place, self.field, self.message) if part)
        return "\n".join([text, *(f"hint: {line}" for line in self.hint.splitlines())])


class EmuError(Exception):
    """Base of all errors of emu; ends the command with ``exit_code``."""

    exit_code = 1


class InputError(EmuError):
    """What the user gave is wrong."""

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int = 0,
        column: int = 0,
        field: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        self.hint = hint

    def __str__(self) -> str:
        return str(Fault(self.message, self.field, self.file, self.line, self.column, self.hint))


class SpecError(InputError):
    """All faults of one input file at once; the attributes are those of the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        if not faults:
            raise ValueError("a SpecError needs at least one fault")
        first = faults[0]
        super().__init__(
            first.message,
            file=first.file,
            line=first.line,
            column=first.column,
            field=first.field,
            hint=first.hint,
        )
        self.faults = list(faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)

    def __reduce__(self) -> tuple[type[SpecError], tuple[list[Fault]]]:
        # Worker processes hand their errors back pickled.
        return (SpecError, (self.faults,))


class TraceError(InputError):
    """A trace file is unreadable or has a damaged row.

    Parameters
    ----------
    reason : str
        What is wrong with the row or the file.
    file : str
        The trace file as the user gave it.
    row : int
        Number of the row counted from 1, header included; 0 when the whole file is meant.
    """

    def __init__(self, reason: str, *, file: str = "", row: int = 0, hint: str = "") -> None:
        super().__init__(reason, file=file, line=row, hint=hint)
        self.reason = reason
        self.row = row

    def __str__(self) -> str:
        row = f"row {self.row}" if self.row else ""
        text = ": ".join(part for part in (self.file, row, self.reason) if part)
        return "\n".join([text, *(f"hint: {line}" for line in self.hint.splitlines())])

    def __reduce__(self) -> tuple[object, ...]:
        return (_trace_error, (self.reason, self.file, self.row, self.hint))


def _trace_error(reason: str, file: str, row: int, hint: str) -> TraceError:
    return TraceError(reason, file=file, row=row, hint=hint)


class CaptureError(EmuError):
    """A capture is cut off or damaged; what could be read has been told.

    Parameters
    ----------
    reason : str
        What is wrong at that place.
    file : str
        The capture as the user gave it.
    offset : int
        Byte in the (decompressed) file where the damaged record begins.
    packets : int
        So many packets before it could be read.
    """

    exit_code = 3

    def __init__(self, reason: str, *, file: str = "", offset: int = 0, packets: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.file = file
        self.offset = offset
        self.packets = packets

    def __str__(self) -> str:
        read = "no packet was" if self.packets == 0 else f"{self.packets:,} packets were"
        if self.packets == 1:
            read = "1 packet was"
        place = f"{self.file}: " if self.file else ""
        return f"{place}byte {self.offset:,}: {self.reason}; {read} read before"


class RunError(EmuError):
    """The run could not be carried through: disk full, worker killed, folder unwritable.

    Parameters
    ----------
    message : str
        What could not be done, and why.
    hint : str
        The likely remedy; "" when there is none.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        return str(Fault(str(self.args[0]), hint=self.hint))


class Interrupted(EmuError):
    """Stopped by the user; what is finished is kept and ``--resume`` does the rest."""

    exit_code = 130
