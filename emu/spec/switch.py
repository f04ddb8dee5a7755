# SPDX-License-Identifier: Apache-2.0
"""SwitchProfile: what one switch ASIC does with packets it has to hold."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from emu.spec import headroom
from emu.spec.base import Bool, DscpKey, Float, Int, Name, Priority, PriorityKey, Spec, Text
from emu.spec.ecn import EcnProfile, EcnSpec
from emu.spec.headroom_table import HeadroomTable, headroom_table_bytes
from emu.spec.preset import expander
from emu.units import Fraction, Rate, Size, Time, format_size, format_time, parse_size, parse_time


def cable_of_delay_m(delay_ps: int) -> float:
    """Length of the cable that has this delay."""
    return delay_ps * headroom.CABLE_M_PER_S / 1e12


Alpha = Annotated[Float, Field(gt=0, le=1024)]
"""Dynamic threshold: a queue may hold alpha x the free part of the pool."""


def _size_or(*words: str) -> BeforeValidator:
    def parse(value: object) -> object:
        if value in words:
            return value
        try:
            return parse_size(value)
        except ValueError as error:
            raise ValueError(f"{error}, or one of the words {', '.join(words)}") from None

    return BeforeValidator(parse)


def _time_or(*words: str) -> BeforeValidator:
    def parse(value: object) -> object:
        if value in words:
            return value
        try:
            return parse_time(value)
        except ValueError as error:
            raise ValueError(f"{error}, or one of the words {', '.join(words)}") from None

    return BeforeValidator(parse)


def _written_size(value: int | str) -> str:
    return value if isinstance(value, str) else format_size(value)


def _written_time(value: int | str) -> str:
    return value if isinstance(value, str) else format_time(value)


_text = WithJsonSchema({"type": ["string", "integer"]})
Headroom = Annotated[
    int | Literal["auto", "hpcc", "table"],
    _size_or("auto", "hpcc", "table"),
    PlainSerializer(_written_size, return_type=str),
    _text,
]
PauseResponse = Annotated[
    int | Literal["auto"],
    _time_or("auto"),
    PlainSerializer(_written_time, return_type=str),
    _text,
]


def response_ps(response: int | str, rate_bps: int) -> int:
    """Time in which a port obeys a PFC frame; "auto" is the table of 802.3 31B.3.7."""
    return headroom.pause_response_ps(rate_bps) if isinstance(response, str) else response


class HeadroomFormula(Spec):
    """Inputs of the SONiC formula that ``headroom: auto`` uses."""

    port_mtu: Size = 9100
    """Largest frame of any class."""
    lossless_mtu: Size = 1024
    """Largest lossless frame; the NIC's frame is taken when that is larger."""
    small_packet_share: Annotated[Fraction, Field(ge=0, le=1)] = 1.0
    """Share of bytes in 64-byte packets."""
    tile_bytes_per_gbps: Annotated[Int, Field(ge=0, le=1000)] = 0
    """15 for Spectrum-4 and -5."""


WATCHDOG_ACTIONS = ("alert", "forward", "drop")


class WatchdogSpec(Spec):
    """PFC watchdog, as SONiC has it (sonic-swss, pfcwdorch): a lossless queue that holds
    packets, sends none and is paused for ``detect`` is in a storm, until its port has
    received no XOFF for ``restore``.

    The defaults are SONiC's for up to 32 ports. Its command line takes 100 ms to 5 s and
    100 ms to 60 s; here any time goes, so that a run of milliseconds can show one.
    """

    detect: Annotated[Time, Field(gt=0)] = 200_000_000_000
    restore: Annotated[Time, Field(gt=0)] = 200_000_000_000
    poll: Annotated[Time, Field(gt=0)] = 200_000_000_000
    """Counters are read this often; detect and restore are rounded up to whole polls."""
    action: Literal["alert", "forward", "drop"] = "drop"
    """``drop``: what the queue holds and what comes for it or from it is lost;
    ``forward``: its pauses are not obeyed; ``alert``: the storm is only recorded."""

    @model_validator(mode="after")
    def _polls_fit(self) -> Self:
        for name in ("detect", "restore"):
            span = getattr(self, name)
            if self.poll > span:
                raise ValueError(
                    f"poll is {format_time(self.poll)} and {name} {format_time(span)}: "
                    f"{name} is found by polling, poll at most that long"
                )
        return self


class PfcSpec(Spec):
    """Priority flow control: lossless classes and when they pause their senders."""

    enabled: Bool = True
    priorities: tuple[Priority, ...] = (3,)
    """Lossless priorities."""
    alpha: Alpha = 1.0
    """Dynamic threshold of a lossless priority group on the shared pool."""
    headroom: Headroom = "auto"
    """Bytes per port and priority kept for what arrives after XOFF; ``auto`` computes
    them from rate and cable by the formula of SONiC, ``table`` takes what the vendor
    published for the next longer cable, ``hpcc`` computes as the HPCC simulator."""
    headroom_table: HeadroomTable = {}
    """Rate to cable length to bytes."""
    formula: HeadroomFormula = HeadroomFormula()
    headroom_pool: Size | None = None
    """Shared headroom of the whole switch; none: each priority group has its own."""
    xon: Size
    """XON when the group holds no more than max(xon, limit - xon_offset)."""
    xon_offset: Size = 0
    reserved: Size = 0
    """Bytes per priority group that are always its own."""
    quanta: Annotated[Int, Field(ge=1, le=65535)] = 65535
    """Pause time asked for in a frame, in units of 512 bit times."""
    response: PauseResponse = "auto"
    """Time from the arrival of a PFC frame until the port is silent."""
    watchdog: WatchdogSpec | None = None
    """Ends storms and deadlocks; none: switched off."""

    @model_validator(mode="after")
    def _priorities_once(self) -> Self:
        if len(set(self.priorities)) != len(self.priorities):
            raise ValueError(f"priorities are {list(self.priorities)}: one is given twice")
        return self


class LossySpec(Spec):
    """Classes that may drop."""

    alpha: Alpha = 1.0
    """Dynamic threshold of a lossy egress queue."""
    reserved: Size = 0
    """Bytes per queue that are always its own."""


class SchedulerSpec(Spec):
    """Strict priorities first (the highest first), then DWRR among the others."""

    strict: tuple[Priority, ...] = (6, 7)
    dwrr: dict[PriorityKey, Annotated[Int, Field(ge=1, le=255)]] = {0: 50, 3: 50}
    """Weight per priority; a priority that is not named has weight 1."""

    @model_validator(mode="after")
    def _either_or(self) -> Self:
        both = sorted(set(self.strict) & set(self.dwrr))
        if both:
            raise ValueError(f"priority {both[0]} is both strict and dwrr: it can be one only")
        if len(set(self.strict)) != len(self.strict):
            raise ValueError(f"strict is {list(self.strict)}: one priority is given twice")
        return self

    def weight(self, priority: int) -> int:
        """DWRR weight of a priority; 0 when it is strict."""
        return 0 if priority in self.strict else self.dwrr.get(priority, 1)


class SwitchProfile(Spec):
    """Buffers, thresholds and schedulers of one kind of switch."""

    name: Name = "inline"
    description: Text = ""
    buffer: Annotated[Size, Field(gt=0)]
    """Shared packet buffer."""
    cell: Annotated[Size, Field(gt=0, le=65536)]
    """Unit in which packets take buffer."""
    capacity: Rate | None = None
    """Sum of the rates of all ports the chip can have; none: not checked."""
    mtu: Annotated[Size, Field(ge=1280, le=65535)] = 9216
    """Largest IP packet that a port forwards, tunnel headers included."""
    pipeline_latency: Time
    """From the end of ingress to the egress queue."""
    forwarding: Literal["store-and-forward", "cut-through"] = "store-and-forward"
    pfc: PfcSpec
    lossy: LossySpec = LossySpec()
    lossless_egress_alpha: Alpha = 128.0
    """Dynamic threshold of lossless egress queues: large, since PFC must act first."""
    ecn: EcnSpec
    scheduler: SchedulerSpec = SchedulerSpec()
    dscp_to_priority: dict[DscpKey, Priority] = {26: 3, 24: 3, 48: 6, 0: 0}
    """Traffic class by DSCP; a DSCP that is not named goes to priority 0."""
    sources: dict[str, Text] = {}
    """Field (dotted) to where its number is from."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.cell > self.buffer:
            raise ValueError(
                f"cell is {format_size(self.cell)} and buffer {format_size(self.buffer)}: "
                "not one cell fits"
            )
        pool = self.pfc.headroom_pool
        if pool is not None and pool >= self.buffer:
            raise ValueError(
                f"headroom_pool is {format_size(pool)} and buffer {format_size(self.buffer)}: "
                "nothing is left to share"
            )
        if self.pfc.enabled and self.ecn.enabled:
            for rate, profile in self.ecn.by_rate.items():
                if profile.kmin >= self.buffer:
                    raise ValueError(
                        f"ecn kmin at {rate} is {format_size(profile.kmin)} and buffer "
                        f"{format_size(self.buffer)}: no queue would ever be marked"
                    )
        return self

    def ecn_for(self, rate_bps: int) -> EcnProfile:
        """Marking of a port; ValueError naming the known rates when none fits."""
        return self.ecn.at(rate_bps)

    def priority_of(self, dscp: int) -> int:
        """Priority of packets with this DSCP."""
        return self.dscp_to_priority.get(dscp, 0)

    def headroom_for(self, rate_bps: int, cable_m: float, frame_bytes: int = 0) -> int:
        """Headroom of one lossless priority group of a port, in bytes.

        Parameters
        ----------
        rate_bps : int
            Rate of the port.
        cable_m : float
            Length of its cable; for a link given by its delay, ``cable_of_delay_m``.
        frame_bytes : int
            Largest lossless frame of the NICs, tunnel headers included.

        Raises
        ------
        ValueError
            When ``headroom`` is ``table`` and the table has no row for the port.
        """
        if not self.pfc.enabled:
            return 0
        if self.pfc.headroom == "hpcc":
            delay_ps = round(cable_m / headroom.CABLE_M_PER_S * 1e12)
            return headroom.headroom_hpcc_bytes(rate_bps, delay_ps)
        if self.pfc.headroom == "table":
            return headroom_table_bytes(self.pfc.headroom_table, rate_bps, cable_m)
        if self.pfc.headroom == "auto":
            formula = self.pfc.formula
            return headroom.headroom_sonic_bytes(
                rate_bps,
                cable_m,
                cell_bytes=self.cell,
                port_mtu_bytes=formula.port_mtu,
                lossless_mtu_bytes=max(formula.lossless_mtu, frame_bytes),
                small_packet_share=formula.small_packet_share,
                tile_bytes_per_gbps=formula.tile_bytes_per_gbps,
            )
        return int(self.pfc.headroom)

    def pause_response_ps(self, rate_bps: int) -> int:
        """Time in which a port of this switch obeys a PFC frame."""
        return response_ps(self.pfc.response, rate_bps)


Switch = Annotated[SwitchProfile, BeforeValidator(expander("switch"))]
