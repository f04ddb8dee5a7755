# SPDX-License-Identifier: Apache-2.0
"""NicProfile: what one RDMA NIC does."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from emu.spec.base import Dscp, Int, Name, Priority, Spec, Text
from emu.spec.dcqcn import Dcqcn
from emu.spec.preset import expander
from emu.spec.switch import PauseResponse, response_ps
from emu.units import Size, Time, format_size

ROCE_IP_BYTES = 20 + 8 + 12 + 16 + 4
"""IP, UDP, BTH, RETH and ICRC: what RoCEv2 adds to the payload inside the IP MTU."""
RDMA_MTUS = (256, 512, 1000, 1024, 2048, 4096)
"""Path MTUs of InfiniBand; 1000 is the packet of the HPCC simulator."""


class NicProfile(Spec):
    """One RDMA NIC port: path MTU, latencies, acknowledgements, receive buffer."""

    name: Name = "inline"
    description: Text = ""
    mtu: Size = 4096
    """RDMA path MTU: payload of a full packet."""
    ip_mtu: Annotated[Size, Field(ge=1280, le=65535)] = 9000
    """Largest IP packet of the interface; with a tunnel it must fit the fabric's mtu."""
    latency_tx: Time
    """From posting a work request to the first bit on the wire."""
    latency_rx: Time
    """From the last bit received to completion."""
    ack_interval: Annotated[Int, Field(ge=1, le=1024)]
    """Packets per acknowledgement; the last packet of a message always asks for one."""
    ack_priority: Priority = 3
    data_priority: Priority = 3
    cnp_priority: Priority = 6
    data_dscp: Dscp = 26
    cnp_dscp: Dscp = 48
    retransmit_timeout: Annotated[Time, Field(gt=0)]
    retry_count: Annotated[Int, Field(ge=0, le=7)] = 7
    """Timeouts in a row after which the queue pair fails."""
    rx_buffer: Annotated[Size, Field(gt=0)]
    """Receive buffer, used when the host takes data slower than the link brings it."""
    rx_xoff: Size
    """The NIC sends PFC when its receive buffer holds more."""
    rx_xon: Size
    """The NIC lets the sender go on when its receive buffer holds no more."""
    cc: Dcqcn | None = None
    """DCQCN parameters or the name of a preset; null: fixed rate."""
    pfc_response: PauseResponse = "auto"
    sources: dict[str, Text] = {}

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.mtu not in RDMA_MTUS:
            raise ValueError(
                f"mtu is {format_size(self.mtu)}: an RDMA path MTU is one of "
                + ", ".join(f"{size}B" for size in RDMA_MTUS)
            )
        if self.mtu + ROCE_IP_BYTES > self.ip_mtu:
            raise ValueError(
                f"mtu {self.mtu} + {ROCE_IP_BYTES} bytes of RoCEv2 headers = "
                f"{self.mtu + ROCE_IP_BYTES} > ip_mtu {self.ip_mtu}"
            )
        if not self.rx_xon < self.rx_xoff < self.rx_buffer:
            raise ValueError(
                f"rx_xon is {format_size(self.rx_xon)}, rx_xoff {format_size(self.rx_xoff)}, "
                f"rx_buffer {format_size(self.rx_buffer)}: they must ascend in this order"
            )
        return self

    def pause_response_ps(self, rate_bps: int) -> int:
        """Time in which the NIC obeys a PFC frame."""
        return response_ps(self.pfc_response, rate_bps)


Nic = Annotated[NicProfile, BeforeValidator(expander("nic"))]
