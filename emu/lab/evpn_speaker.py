# SPDX-License-Identifier: Apache-2.0
"""The BGP side of a leaf with an EVPN Ethernet segment, said word by word.

FRR 8.4 makes an Ethernet segment of its own from a bond only, which the kernel of a lab may not
have; it takes one that others announce. So a leaf that has one is stood in for by this speaker:
it holds sessions, announces the routes that such a leaf announces (RFC 7432: Ethernet A-D per
segment, type 1; MAC/IP, type 2) and withdraws them. What it hears it does not act on.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from os_ken.lib.packet import bgp

from emu.errors import RunError

PORT = 179
HOLD_S, KEEPALIVE_S = 90, 2.0
HEADER = struct.Struct("!16sHB")
NLRI_PER_UPDATE = 80
"""A BGP message has at most 4096 bytes, a type-2 route 35, in an announcement with attributes."""
TUNNEL_VXLAN = 8
"""BGP tunnel encapsulation type (RFC 8365, 5.1.3)."""


@dataclass(frozen=True)
class Segment:
    """One Ethernet segment as one of its leaves announces it."""

    esi: bytes
    """Nine bytes, of type 0 (RFC 7432, 5); all zero: hosts with one home each."""
    vni: int
    macs: tuple[str, ...]

    def per_segment(self, vtep: str) -> list[Any]:
        """Ethernet A-D per segment: its withdrawal takes the leaf out of the whole segment."""
        return [
            bgp.EvpnEthernetAutoDiscoveryNLRI(f"{vtep}:1", self._esi, bgp.EvpnNLRI.MAX_ET)
        ]  # fmt: skip

    def per_instance(self, vtep: str) -> list[Any]:
        """Ethernet A-D per VNI, by which traffic for any of the MACs may go to any leaf."""
        return [bgp.EvpnEthernetAutoDiscoveryNLRI(f"{vtep}:2", self._esi, 0, vni=self.vni)]

    def mac_routes(self, vtep: str) -> list[Any]:
        """One MAC/IP route per MAC, without an address."""
        return [
            bgp.EvpnMacIPAdvertisementNLRI(f"{vtep}:2", 0, mac, None, esi=self._esi, vni=self.vni)
            for mac in self.macs
        ]

    @property
    def _esi(self) -> Any:
        return bgp.EvpnArbitraryEsi(self.esi)


class Speaker:
    """Sessions of one VTEP with its spines."""

    def __init__(self, asn: int, vtep: str) -> None:
        self.asn, self.vtep = asn, vtep
        self._sessions: list[socket.socket] = []
        self._ready: set[int] = set()
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def connect(self, sessions: Sequence[tuple[socket.socket, str]], patience_s: float) -> None:
        """Open a session on each bound socket with a neighbour's address.

        Raises
        ------
        RunError
            When a neighbour does not take the session within ``patience_s``.
        """
        deadline = time.monotonic() + patience_s
        for stream, neighbour in sessions:
            stream.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                stream.connect((neighbour, PORT))
            except OSError as error:
                raise RunError(f"no BGP session with {neighbour}: {error}") from None
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sessions.append(stream)
        self._write(self._open())
        self._thread.start()
        while len(self._ready) < len(self._sessions):
            if time.monotonic() > deadline:
                raise RunError(f"BGP sessions of {self.vtep} are not established")
            time.sleep(0.02)

    def close(self) -> None:
        """End the sessions; their neighbours withdraw all that was announced."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        for stream in self._sessions:
            stream.close()

    def announce_vtep(self, next_hops: Sequence[str]) -> None:
        """The VTEP's address as an IPv4 route; each session has its own next hop."""
        for stream, next_hop in zip(self._sessions, next_hops, strict=True):
            update = bgp.BGPUpdate(
                path_attributes=[*self._origin(), bgp.BGPPathAttributeNextHop(next_hop)],
                nlri=[bgp.BGPNLRI(length=32, addr=self.vtep)],
            )
            self._write(bytes(update.serialize()), [stream])

    def announce(self, routes: Sequence[Any], vni: int, *, segment: bool = False) -> None:
        """Announce EVPN routes, with the route target that leaves derive from the VNI."""
        communities = [
            bgp.BGPTwoOctetAsSpecificExtendedCommunity(
                subtype=2, as_number=self.asn, local_administrator=vni
            ),
            bgp.BGPEncapsulationExtendedCommunity(subtype=12, tunnel_type=TUNNEL_VXLAN),
        ]
        if segment:
            communities.append(bgp.BGPEvpnEsiLabelExtendedCommunity(subtype=1, flags=0))
        text = b""
        for some in _in_parts(routes):
            family = bgp.RF_L2_EVPN
            attributes = [
                *self._origin(),
                bgp.BGPPathAttributeMpReachNLRI(family.afi, family.safi, self.vtep, some),
                bgp.BGPPathAttributeExtendedCommunities(communities),
            ]
            text += bytes(bgp.BGPUpdate(path_attributes=attributes).serialize())
        self._write(text)

    def withdraw(self, routes: Sequence[Any]) -> float:
        """Withdraw EVPN routes; returns the wall time just before the first byte went."""
        text = b""
        for some in _in_parts(routes):
            family = bgp.RF_L2_EVPN
            gone = bgp.BGPPathAttributeMpUnreachNLRI(family.afi, family.safi, some)
            text += bytes(bgp.BGPUpdate(path_attributes=[gone]).serialize())
        began = time.time()
        self._write(text)
        return began

    def _open(self) -> bytes:
        families = (bgp.RF_IPv4_UC, bgp.RF_L2_EVPN)
        able = [bgp.BGPOptParamCapabilityMultiprotocol(f.afi, f.safi) for f in families]
        message = bgp.BGPOpen(
            my_as=self.asn,
            bgp_identifier=self.vtep,
            hold_time=HOLD_S,
            opt_param=[*able, bgp.BGPOptParamCapabilityFourOctetAsNumber(self.asn)],
        )
        return bytes(message.serialize())

    def _origin(self) -> list[Any]:
        path = bgp.BGPPathAttributeAsPath([[self.asn]], as_pack_str="!I")
        return [bgp.BGPPathAttributeOrigin(bgp.BGP_ATTR_ORIGIN_IGP), path]

    def _write(self, text: bytes, streams: Sequence[socket.socket] = ()) -> None:
        with self._writing:
            for stream in streams or self._sessions:
                stream.sendall(text)

    def _listen(self) -> None:
        """Read what comes, answer the first keepalive, and stay alive."""
        waiting = dict.fromkeys(self._sessions, b"")
        keepalive = bytes(bgp.BGPKeepAlive().serialize())
        due = time.monotonic() + KEEPALIVE_S
        with selectors.DefaultSelector() as selector:
            for stream in self._sessions:
                selector.register(stream, selectors.EVENT_READ)
            sessions = {stream.fileno(): stream for stream in self._sessions}
            while not self._stop.is_set():
                for key, _ in selector.select(0.1):
                    stream = sessions[key.fd]
                    more = b""
                    with suppress(OSError):
                        more = stream.recv(1 << 16)
                    if not more:
                        selector.unregister(stream)
                        self._ready.discard(stream.fileno())
                        continue
                    waiting[stream] = self._take(stream, waiting[stream] + more, keepalive)
                if time.monotonic() >= due:
                    due += KEEPALIVE_S
                    with suppress(OSError):
                        self._write(keepalive)

    def _take(self, stream: socket.socket, text: bytes, keepalive: bytes) -> bytes:
        """Whole messages off the front; returns what is left."""
        while len(text) >= HEADER.size:
            _, length, kind = HEADER.unpack_from(text)
            if len(text) < length:
                break
            if kind == bgp.BGP_MSG_OPEN:
                self._write(keepalive, [stream])
            elif kind == bgp.BGP_MSG_KEEPALIVE:
                self._ready.add(stream.fileno())
            text = text[length:]
        return text


def _in_parts(routes: Sequence[Any]) -> list[list[Any]]:
    starts = range(0, len(routes), NLRI_PER_UPDATE)
    return [list(routes[start : start + NLRI_PER_UPDATE]) for start in starts]
