# SPDX-License-Identifier: Apache-2.0
"""``config.txt``: one ``KEY value…`` a line, in the order of no matter.

Times are microseconds, thresholds kB (1000 bytes), the buffer MiB. What emu cannot do is
refused here, not ignored.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from emu.errors import InputError
from emu.interop.words import Word, words_of
from emu.spec.nearest import hint_for
from emu.units import format_rate

_IGNORED = frozenset({
    "TOPOLOGY_FILE", "FLOW_FILE", "TRACE_FILE", "TRACE_OUTPUT_FILE", "FCT_OUTPUT_FILE",
    "PFC_OUTPUT_FILE", "QLEN_MON_FILE", "QLEN_MON_START", "QLEN_MON_END", "ENABLE_TRACE",
    "L2_CHUNK_SIZE", "GLOBAL_T", "VAR_WIN", "FAST_REACT", "U_TARGET", "MI_THRESH", "INT_MULTI",
    "MULTI_RATE", "SAMPLE_FEEDBACK", "PINT_LOG_BASE", "PINT_PROB", "DCTCP_RATE_AI",
})  # fmt: skip
"""Names of files, and parameters of what is refused or has no effect with DCQCN."""
_DEFAULTS = {
    "ENABLE_QCN": "1", "USE_DYNAMIC_PFC_THRESHOLD": "1", "PACKET_PAYLOAD_SIZE": "1000",
    "SIMULATOR_STOP_TIME": "3.01", "CC_MODE": "1", "ALPHA_RESUME_INTERVAL": "55",
    "RATE_DECREASE_INTERVAL": "4", "CLAMP_TARGET_RATE": "0", "RP_TIMER": "1500",
    "EWMA_GAIN": "0.0625", "FAST_RECOVERY_TIMES": "5", "RATE_AI": "5Mb/s", "RATE_HAI": "50Mb/s",
    "MIN_RATE": "100Mb/s", "ERROR_RATE_PER_LINK": "0", "L2_ACK_INTERVAL": "0",
    "L2_BACK_TO_ZERO": "0", "HAS_WIN": "1", "RATE_BOUND": "1", "ACK_HIGH_PRIO": "0",
    "BUFFER_SIZE": "16",
}  # fmt: skip
"""The simulator's own values for keys that a file leaves out (third.cc)."""
_LISTS = ("KMAX_MAP", "KMIN_MAP", "PMAX_MAP", "LINK_DOWN")


class Config:
    """The file's values by key; every getter points at the word that is wrong."""

    def __init__(self, path: Path) -> None:
        self._file = str(path)
        self._words: dict[str, list[Word]] = {}
        known = [*_DEFAULTS, *_LISTS, *sorted(_IGNORED)]
        for line in words_of(path, comment="#"):
            key = line[0]
            if key.text not in known:
                raise key.fault(f"unknown key {key.text[:40]}", hint_for(key.text, known))
            if len(line) < 2 and key.text not in _IGNORED:
                raise key.fault(f"{key.text} has no value")
            self._words[key.text] = line[1:]
        self._refuse_what_is_missing()

    def word(self, key: str) -> Word:
        """The value of a key, or the simulator's own."""
        if key in self._words:
            return self._words[key][0]
        return Word(_DEFAULTS[key], self._file, 0, 0)

    def flag(self, key: str) -> bool:
        """A value of 0 or 1."""
        return self.word(key).integer(key, 0, 1) == 1

    def time_us(self, key: str) -> str:
        """Microseconds, as the text of a time."""
        value = self.word(key).decimal(key)
        if value == 0:
            raise self.word(key).fault(f"{key} is 0: it must be positive")
        return f"{value:f}us"

    def decimal(self, key: str) -> Decimal:
        """A number, at least 0."""
        return self.word(key).decimal(key)

    def by_rate(self, key: str) -> dict[str, Decimal]:
        """A list ``n rate value rate value …``; empty when the file has none."""
        words = self._words.get(key, [])
        if not words:
            return {}
        count = words[0].integer(key, 0, 100)
        if len(words) != 1 + 2 * count:
            raise words[0].fault(
                f"{key} announces {count} rates and has {len(words) - 1} more fields",
                f"{2 * count} are wanted: rate in bit/s and value, {count} times",
            )
        return {
            format_rate(words[i].integer(f"a rate of {key}", 1, 10**13)): words[i + 1].decimal(key)
            for i in range(1, len(words), 2)
        }

    def _refuse_what_is_missing(self) -> None:
        refusals = (
            ("HAS_WIN", "1", "a window of bytes in flight is not modelled", "HAS_WIN 0"),
            ("L2_BACK_TO_ZERO", "1", "go-back-0 is not modelled", "L2_BACK_TO_ZERO 0"),
            ("RATE_BOUND", "0", "senders are always bound to their rate", "RATE_BOUND 1"),
            (
                "USE_DYNAMIC_PFC_THRESHOLD", "0", "fixed PFC thresholds are not modelled",
                "USE_DYNAMIC_PFC_THRESHOLD 1",
            ),
            (
                "L2_ACK_INTERVAL", "0", "a sender without acknowledgements never knows its end",
                "L2_ACK_INTERVAL 1",
            ),
        )  # fmt: skip
        for key, value, reason, hint in refusals:
            if self.word(key).text == value:
                raise self._at(key).fault(f"{key} is {value}: {reason}", f"import with {hint}")
        mode = self.word("CC_MODE").integer("CC_MODE", 0, 100)
        if mode not in (0, 1):
            names = {3: "HPCC", 7: "TIMELY", 8: "DCTCP", 10: "HPCC-PINT"}
            raise self._at("CC_MODE").fault(
                f"CC_MODE is {mode} ({names.get(mode, 'unknown')}): only DCQCN is modelled",
                "CC_MODE 1 (DCQCN), or 0 with ENABLE_QCN 0 (PFC only)",
            )
        down = self._words.get("LINK_DOWN")
        if down and down[0].text != "0":
            raise down[0].fault(
                "LINK_DOWN fails a link and repairs all routes at the same moment",
                "import with LINK_DOWN 0 0 0 and add a fault of kind link-down to the experiment",
            )

    def _at(self, key: str) -> Word:
        if key in self._words:
            return self._words[key][0]
        return Word(_DEFAULTS[key], self._file, 0, 0)

    def fault(self, key: str, message: str, hint: str = "") -> InputError:
        """An error about a key."""
        words = self._words.get(key)
        if words:
            return words[0].fault(message, hint)
        return InputError(message, file=self._file, hint=hint)

    def dcqcn(self) -> dict[str, Any]:
        """DCQCN parameters of an experiment; the simulator has no byte counter."""
        return {
            "g": float(self.decimal("EWMA_GAIN")),
            "alpha_timer": self.time_us("ALPHA_RESUME_INTERVAL"),
            "rate_reduce_interval": self.time_us("RATE_DECREASE_INTERVAL"),
            "cnp_interval": self.time_us("RATE_DECREASE_INTERVAL"),
            "increase_timer": self.time_us("RP_TIMER"),
            "byte_counter": 0,
            "fast_recovery_stages": self.word("FAST_RECOVERY_TIMES").integer(
                "FAST_RECOVERY_TIMES", 1, 100
            ),
            "rate_ai": format_rate(self.word("RATE_AI").rate_bps("RATE_AI")),
            "rate_hai": format_rate(self.word("RATE_HAI").rate_bps("RATE_HAI")),
            "rate_min": format_rate(self.word("MIN_RATE").rate_bps("MIN_RATE")),
            "clamp_target_rate": self.flag("CLAMP_TARGET_RATE"),
            "timers": "free-running",
            "initial_alpha": 1.0,
        }
