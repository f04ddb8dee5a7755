# SPDX-License-Identifier: Apache-2.0
"""What the kernel tells of its tables: `ip -timestamp monitor` and `bridge -timestamp monitor`."""

from __future__ import annotations

import re
import time

_STAMP = re.compile(r"Timestamp: (.+) (\d+) usec")


def kernel_events(text: str) -> list[tuple[float, str]]:
    """Wall time in seconds and line of each change, in order.

    >>> stamp = "Timestamp: Thu Jan  1 00:00:01 1970 250000 usec"
    >>> [(moment % 1, line) for moment, line in kernel_events(f"{stamp}\\nid 1 fdb\\n")]
    [(0.25, 'id 1 fdb')]
    """
    moment, events = 0.0, []
    for line in text.splitlines():
        stamp = _STAMP.match(line)
        if stamp:
            moment = time.mktime(time.strptime(stamp[1])) + int(stamp[2]) / 1e6
        elif line.strip():
            events.append((moment, line.strip()))
    return events
