# SPDX-License-Identifier: Apache-2.0
"""DesignSpec: which fabric design, and its options."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emu.spec.base import Bool, Int, Name, Spec
from emu.spec.nearest import hint_for

VARIANTS: dict[str, tuple[str, ...]] = {
    "l3": (),
    "l3-host": (),
    "stretched-l2": ("rstp", "mlag"),
    "evpn": ("l2vni", "l3vni"),
}
"""Design to its variants; the first is the default."""

_EVPN_ONLY = (
    "ecn_copy_encap",
    "ecn_copy_decap",
    "dscp_copy_encap",
    "dscp_copy_decap",
    "vxlan_overhead",
)


def design_keys() -> tuple[str, ...]:
    """All designs as text: l3, l3-host, stretched-l2/rstp, ..."""
    return tuple(
        key
        for name, variants in VARIANTS.items()
        for key in ([f"{name}/{variant}" for variant in variants] or [name])
    )


class DesignSpec(Spec):
    """One design. In a file a text such as ``l3`` or ``evpn/l3vni`` is enough."""

    name: Literal["l3", "l3-host", "stretched-l2", "evpn"]
    variant: Literal["", "rstp", "mlag", "l2vni", "l3vni"] = ""
    label: Name = "design"
    """What reports call it; made from name, variant and options when not given."""
    ecn_copy_encap: Bool = True
    """EVPN: the ECN field goes to the outer header."""
    ecn_copy_decap: Bool = True
    """EVPN: a CE mark of the outer header comes back to the inner one."""
    dscp_copy_encap: Bool = True
    dscp_copy_decap: Bool = True
    vxlan_overhead: Annotated[Int, Field(ge=0, le=256)] = 50
    """EVPN: bytes that the tunnel adds: Ethernet 14, IP 20, UDP 8, VXLAN 8."""
    control: Literal["controller", "adaptive", "frr", "ovs", "static"] | None = None
    """Who forwards in the lab; null: the design's first. The simulator has no use for it, but
    for adaptive: that is ``routing.policy: controller`` on both."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: object) -> object:
        if isinstance(value, str):
            name, _, variant = value.partition("/")
            if name not in VARIANTS or (variant and variant not in VARIANTS[name]):
                raise ValueError(f"unknown design {value!r}: {hint_for(value, design_keys())}")
            value = {"name": name, "variant": variant}
        if not isinstance(value, dict):
            return value
        value = dict(value)
        variants = VARIANTS.get(value.get("name", ""), ()) if _is_text(value.get("name")) else ()
        if not value.get("variant") and variants:
            value["variant"] = variants[0]
        value.setdefault("label", _label(value))
        return value

    @model_validator(mode="after")
    def _variant_belongs(self) -> Self:
        known = VARIANTS[self.name]
        if self.variant and self.variant not in known:
            allowed = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(f"{self.name} has no variant {self.variant!r}: {allowed}")
        return self

    @model_validator(mode="after")
    def _options_belong(self) -> Self:
        if self.name != "evpn":
            changed = [
                option
                for option in _EVPN_ONLY
                if getattr(self, option) != type(self).model_fields[option].default
            ]
            if changed:
                raise ValueError(f"{changed[0]} is an option of evpn: {self.name} has no tunnel")
        return self

    @property
    def key(self) -> str:
        """Name and variant: l3, stretched-l2/mlag, evpn/l2vni, ..."""
        return f"{self.name}/{self.variant}" if self.variant else self.name

    @property
    def overhead_bytes(self) -> int:
        """Bytes that a tunnel adds to each packet in the fabric."""
        return self.vxlan_overhead if self.name == "evpn" else 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _label(value: dict[str, object]) -> str:
    """Name, variant and control, then the options that differ from the default."""
    parts = ("name", "variant", "control")
    label = " ".join(str(value[part]) for part in parts if value.get(part))
    changes = []
    for option in _EVPN_ONLY:
        given = value.get(option, DesignSpec.model_fields[option].default)
        if given is False:
            changes.append(f"no {option.replace('_', ' ')}")
        elif given != DesignSpec.model_fields[option].default:
            changes.append(f"{option.replace('_', ' ')} {given}")
    return ", ".join([label, *changes])[:80] or "design"
