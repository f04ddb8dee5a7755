# SPDX-License-Identifier: Apache-2.0
"""Routing policies side by side: what each wins over ECMP, how even it is, what it asks of NICs."""

from emu.report.routing.section import Routing, compare_routing

__all__ = ["Routing", "compare_routing"]
