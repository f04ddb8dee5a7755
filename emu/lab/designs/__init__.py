# SPDX-License-Identifier: Apache-2.0
"""The designs as the lab builds them, one file per way; each tells the registry its name."""

from __future__ import annotations

from emu.errors import InputError
from emu.lab.designs import (
    evpn_controller,
    evpn_frr,
    l3_adaptive,
    l3_controller,
    l3_frr,
    l3_host_frr,
    stretched_controller,
    stretched_ovs,
)
from emu.lab.designs.l3_static import VARIANT as L3_STATIC
from emu.lab.designs.variant import Variant
from emu.spec.nearest import hint_for

VARIANTS: tuple[Variant, ...] = (
    l3_controller.VARIANT,
    l3_adaptive.VARIANT,
    l3_frr.VARIANT,
    L3_STATIC,
    l3_host_frr.VARIANT,
    stretched_ovs.VARIANT,
    stretched_controller.TREE,
    stretched_controller.MLAG,
    evpn_frr.VARIANT,
    evpn_controller.VARIANT,
)
"""A design's first is its default."""


def find_variant(design: str, control: str | None = None) -> Variant:
    """The variant of a design; InputError that names the known ones otherwise."""
    of_design = [v for v in VARIANTS if design in (v.design, v.design.partition("/")[0])]
    if not of_design:
        known = dict.fromkeys(v.design for v in VARIANTS)
        raise InputError(f"the lab has no design {design!r}: {hint_for(design, known)}")
    if control is None:
        return of_design[0]
    for variant in of_design:
        if variant.control == control:
            return variant
    known = dict.fromkeys(v.control for v in of_design)
    raise InputError(f"{design} has no control {control!r}: {hint_for(control, known)}")


__all__ = ["VARIANTS", "Variant", "find_variant"]
