# SPDX-License-Identifier: Apache-2.0
"""TimersSpec: times that are assumed rather than simulated.

Each has a default, the range of published values and a source. A conclusion
that rests on one of them has to hold over its range; reports take the range
from here. [U] marks a value that no source was found for, [S] a second-hand one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, ValidationInfo, model_validator

from emu.spec.base import Int, Spec
from emu.spec.context import LoadContext
from emu.spec.located import at
from emu.spec.profile import Measured, read_profile
from emu.units import Time, format_time, parse_time


class TimerInfo(NamedTuple):
    """Range of published values, in picoseconds (or a plain count), and their source."""

    low: int
    high: int
    source: str


def _timer(default: str, low: str, high: str, source: str) -> Any:
    """A Time field whose range and source travel with it."""
    info = TimerInfo(parse_time(low), parse_time(high), source)
    return Field(
        default=parse_time(default),
        description=source,
        json_schema_extra={"low": low, "high": high, "default": default, "source": info.source},
    )


class TimersSpec(Spec):
    """Assumed times of detection, protocols and ageing."""

    profile: Annotated[str, Field(min_length=1)] | None = None
    """File of ``emu lab measure-convergence``, relative to this one: times that real control
    planes took stand for what is not given here."""
    detection: Literal["los", "bfd"] = "los"
    """How a dead link is noticed: loss of signal, or BFD."""
    loss_of_signal: Time = _timer(
        "1ms",
        "10us",
        "10ms",
        'Loss of light: RFC 7938 7.1 says "in milliseconds"; the figure itself is assumed [U]',
    )
    bfd_interval: Time = _timer(
        "300ms",
        "50ms",
        "1s",
        "Hedgehog fabric pkg/agent/dozer/bcm/plan.go: 300 ms x 3; faster in hardware [U]",
    )
    bfd_multiplier: Annotated[
        Int,
        Field(ge=1, le=255, description="Hedgehog fabric pkg/agent/dozer/bcm/plan.go: 300 ms x 3."),
    ] = 3
    bgp_local_repair: Time = _timer(
        "10ms",
        "0s",
        "100ms",
        "Shrinking the ECMP group after detection. Whole link failure measured on SONiC: "
        "59.7 ms (sonic-mgmt PR 18044) and 114 ms (PR 11818) [S]; the share of it is assumed [U]",
    )
    bgp_remote_withdraw_per_hop: Time = _timer(
        "50ms",
        "50ms",
        "500ms",
        "No measured source; 50 to 500 ms as a parameter [U]. Link failure end to end on SONiC: "
        "59.7 ms and 114 ms (sonic-mgmt PR 18044, 11818) [S], a bad run 33.1 s (PR 24905) [S]",
    )
    bgp_restore: Time = _timer(
        "1s",
        "100ms",
        "3s",
        "A link that is back is used again after the session is up and the route is learned; "
        "assumed [U]. HostBGP of Hedgehog runs keepalive 3 s, hold 9 s",
    )
    host_repair: Time = _timer(
        "1ms",
        "0s",
        "100ms",
        "A dual-homed host takes a dead port out of its own multipath; assumed [U]",
    )
    active_standby_failover: Time = _timer(
        "100ms",
        "10ms",
        "1s",
        "A host with one active and one standby port moves over (bonding miimon 100 ms) [U]",
    )
    rstp_local: Time = _timer(
        "500ms",
        "50ms",
        "1s",
        "RSTP on link down: under 1 s (networkengineering.SE 35923) [S]",
    )
    rstp_indirect: Time = _timer(
        "6s",
        "3s",
        "6s",
        "RSTP after an indirect loss: 3 hellos of 2 s = 6 s (networkengineering.SE 35923) [S]",
    )
    mac_age: Time = _timer(
        "300s",
        "10s",
        "1800s",
        "MAC ageing 300 s: Junos, Aruba, 802.1D",
    )
    arp_age: Time = _timer(
        "4h",
        "60s",
        "4h",
        "ARP entry lives 4 h (Guo et al., SIGCOMM 2016) [S]; Linux hosts refresh after 60 s [U]",
    )
    arp_refresh: Time = _timer(
        "60s",
        "30s",
        "4h",
        "How often a host asks for each peer on a bridged segment; Linux about 60 s [U]",
    )
    mlag_failover: Time = _timer(
        "200ms",
        "50ms",
        "1s",
        "No published MLAG failover time was found [U]; LACP member loss measured on SONiC: "
        "189 ms (sonic-mgmt PR 18046) [S]",
    )
    lacp_member: Time = _timer(
        "189ms",
        "1ms",
        "3s",
        "Loss of one LAG member measured on SONiC: 189 ms (sonic-mgmt PR 18046) [S]; "
        "LACP fast timeout 3 s",
    )
    esi_mass_withdraw: Time = _timer(
        "100ms",
        "50ms",
        "500ms",
        "RFC 7432 17.3: one withdraw per Ethernet segment; its time is that of a BGP withdraw, "
        "50 to 500 ms [U]",
    )
    evpn_mac_withdraw: Time = _timer(
        "500ms",
        "50ms",
        "5s",
        "Withdraw of a single MAC/IP route (type 2) at all VTEPs; assumed [U]",
    )
    evpn_startup: Time = _timer(
        "60s",
        "0s",
        "300s",
        "Multihoming start-up delay: 60 s Hedgehog (plan.go:1941), 180 s Cumulus, "
        "300 s Enterprise SONiC [S]",
    )

    _measured: dict[str, Measured] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _lay_over_profile(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if not isinstance(data, dict) or not isinstance(data.get("profile"), str):
            return handler(data)
        context = info.context if isinstance(info.context, LoadContext) else LoadContext()
        try:
            found = read_profile(context.folder, data["profile"], cls.names())
        except ValueError as error:
            raise at("profile", str(error)) from None
        taken = {name: measured for name, measured in found.items() if name not in data}
        spec = handler({**{name: m.value for name, m in taken.items()}, **data})
        spec._measured = taken
        return spec

    def origin(self, name: str) -> str:
        """Whether a time was ``measured`` by the lab, ``given`` by the experiment or is the
        ``cited`` default."""
        measured = self._measured.get(name)
        if measured is not None and parse_time(measured.value) == getattr(self, name):
            return "measured"
        field = type(self).model_fields[name]
        return "cited" if getattr(self, name) == field.default else "given"

    @property
    def detection_ps(self) -> int:
        """Time from the death of a link until its ends know."""
        if self.detection == "bfd":
            return self.bfd_interval * self.bfd_multiplier
        return self.loss_of_signal

    @classmethod
    def info(cls, name: str) -> TimerInfo:
        """Range and source of a timer; KeyError when the name is no timer."""
        extra = cls.model_fields[name].json_schema_extra
        if not isinstance(extra, dict):
            raise KeyError(name)
        return TimerInfo(parse_time(extra["low"]), parse_time(extra["high"]), str(extra["source"]))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """All timers that have a range."""
        return tuple(
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict)
        )

    def describe(self) -> dict[str, dict[str, str]]:
        """For run.json and the report: name to value, low, high, origin, source, all as text."""
        rows = {
            "detection": {
                "value": self.detection, "low": "", "high": "",
                "origin": self.origin("detection"),
                "source": "BFD is not needed when loss of light fires (RFC 7938)",
            },
            "bfd_multiplier": {
                "value": str(self.bfd_multiplier), "low": "3", "high": "3",
                "origin": self.origin("bfd_multiplier"),
                "source": str(type(self).model_fields["bfd_multiplier"].description),
            },
        }  # fmt: skip
        for name in self.names():
            info, origin = self.info(name), self.origin(name)
            rows[name] = {
                "value": format_time(getattr(self, name)),
                "low": format_time(info.low),
                "high": format_time(info.high),
                "origin": origin,
                "source": self._measured[name].source if origin == "measured" else info.source,
            }
        return rows
