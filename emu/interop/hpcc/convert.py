# SPDX-License-Identifier: Apache-2.0
"""A case of the HPCC simulator becomes an experiment file and a flow list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from emu.errors import InputError, RunError
from emu.interop.hpcc.config import Config
from emu.interop.hpcc.flows import ORIGIN_PS, Flow, read_flows
from emu.interop.hpcc.topology import Link, Topology, read_topology
from emu.units import format_rate, format_time

KB = 1000


def import_case(topology: Path, flow: Path, config: Path, out: Path) -> tuple[Path, list[str]]:
    """Read the three files and write an experiment that runs the same.

    Parameters
    ----------
    topology, flow, config : Path
        Files of the simulator.
    out : Path
        The experiment to write; the flows go beside it, as ``<stem>.flows.csv``.

    Returns
    -------
    tuple
        The flow list, and notes about what differs all the same.

    Raises
    ------
    InputError
        For damaged files and for what cannot be reproduced.
    RunError
        If the result cannot be written.
    """
    graph = read_topology(topology)
    flows = read_flows(flow, graph)
    settings = Config(config)
    groups = sorted({item.priority for item in flows})
    if len(groups) > 1:
        raise InputError(
            f"flows are in the priority groups {', '.join(map(str, groups))}",
            file=str(flow),
            hint="one group at a time can be imported",
        )
    table = out.with_name(out.stem + ".flows.csv")
    experiment = _experiment(out.stem, graph, flows, settings, table.name)
    try:
        table.write_text(_csv(graph, flows), encoding="utf-8")
        out.write_text(
            yaml.safe_dump(experiment, sort_keys=False, width=100, allow_unicode=True),
            encoding="utf-8",
        )
    except OSError as error:
        raise RunError(f"cannot write {error.filename}: {error.strerror}") from None
    return table, _notes(graph, flows)


def _csv(graph: Topology, flows: list[Flow]) -> str:
    rows = ["start_ps,src,dst,bytes,priority,sport"]
    rows += [
        f"{f.start_ps},{graph.name(f.src)}.0,{graph.name(f.dst)}.0,{f.size_bytes},{f.priority},"
        f"{f.sport}"
        for f in flows
    ]
    return "\n".join(rows) + "\n"


def _notes(graph: Topology, flows: list[Flow]) -> list[str]:
    notes = []
    hosts = set(graph.hosts)
    nic = max(link.rate_bps for link in graph.links if {link.a, link.b} & hosts)
    if any(link.rate_bps > nic for link in graph.links):
        notes.append(
            "ports faster than the hosts': there their share of the free buffer doubles with "
            "the rate, here all have 1/8"
        )
    pairs = [tuple(sorted((link.a, link.b))) for link in graph.links]
    if len(set(pairs)) < len(pairs):
        notes.append("parallel links between two nodes: there only the last one carries traffic")
    if len({flow.dport for flow in flows}) > 1:
        notes.append("several destination ports: the path hash takes that of the first flow")
    return notes


def _experiment(
    name: str, graph: Topology, flows: list[Flow], config: Config, table: str
) -> dict[str, Any]:
    _refuse_losses(graph, config)
    priority = flows[0].priority
    congestion = config.word("CC_MODE").text == "1"
    stop = int(config.decimal("SIMULATOR_STOP_TIME") * 10**12) - ORIGIN_PS - flows[0].start_ps
    if stop <= 0:
        raise config.fault("SIMULATOR_STOP_TIME", "the run would stop before the first flow")
    ack = 6 if config.flag("ACK_HIGH_PRIO") else priority
    payload = config.word("PACKET_PAYLOAD_SIZE").integer("PACKET_PAYLOAD_SIZE", 256, 9000)
    nic = {
        "base": "hpcc-ns3",
        "mtu": f"{payload}B",
        "ack_interval": 1,
        "data_priority": priority,
        "ack_priority": ack,
    }
    transport: dict[str, Any] = {"cc": "none"}
    if congestion:
        transport = {"cc": "dcqcn", "dcqcn": config.dcqcn()}
    return {
        "kind": "experiment",
        "name": name,
        "question": "Imported from files of the HPCC ns-3 simulator.",
        "topology": {
            "name": name,
            "explicit": _graph(graph, config),
            "switches": {"leaf": _switch(graph, config, priority)},
            "nic": nic,
        },
        "workload": {"trace": {"file": table, "format": "flows"}},
        "transport": transport,
        "dialect": {"base": "hpcc-ns3", "hash_dport": flows[0].dport},
        "designs": ["l3"],
        "stop": {"at": format_time(stop), "acked": True},
    }


def _graph(graph: Topology, config: Config) -> dict[str, Any]:
    links = []
    homes = dict.fromkeys(graph.hosts, 0)
    for link in _in_order(graph):
        ends = {}
        for side, node in (("a", link.a), ("b", link.b)):
            if graph.kinds[node] == "host":
                homes[node] += 1
                if homes[node] > 1:
                    raise link.place.fault(
                        f"host {node} has a second link", "hosts with one link can be imported"
                    )
                ends[side] = f"{graph.name(node)}.0"
            else:
                ends[side] = graph.name(node)
        links.append(
            {**ends, "rate": format_rate(link.rate_bps), "delay": format_time(link.delay_ps)}
        )
    for host, count in homes.items():
        if count == 0:
            raise InputError(f"host {host} has no link", file=graph.links[0].place.file)
    nodes = [{"name": graph.name(n), "kind": kind} for n, kind in enumerate(graph.kinds)]
    return {"nodes": nodes, "links": links}


def _in_order(graph: Topology) -> list[Link]:
    """Links such that every switch meets its neighbours in the order in which that simulator
    lists equal next hops: by the addresses of its objects, the later node first.

    A switch there is so large (2 MB of counters, switch-node.h) that each gets a memory mapping
    of its own, and mappings grow downwards.
    """
    inner = [k for k in graph.links if graph.kinds[k.a] != "host" and graph.kinds[k.b] != "host"]
    outer = [k for k in graph.links if k not in inner]
    return outer + sorted(inner, key=lambda k: (max(k.a, k.b), min(k.a, k.b)), reverse=True)


def _switch(graph: Topology, config: Config, priority: int) -> dict[str, Any]:
    buffer = config.word("BUFFER_SIZE").integer("BUFFER_SIZE", 1, 100_000)
    return {
        "base": "hpcc-ns3",
        "buffer": f"{buffer}MiB",
        "pfc": {"priorities": [priority]},
        "ecn": _ecn(graph, config, priority),
    }


def _ecn(graph: Topology, config: Config, priority: int) -> dict[str, Any]:
    maps = {key: config.by_rate(key) for key in ("KMIN_MAP", "KMAX_MAP", "PMAX_MAP")}
    if not config.flag("ENABLE_QCN"):
        return {"enabled": False, "priorities": [priority]}
    by_rate = {}
    for rate in dict.fromkeys(format_rate(link.rate_bps) for link in graph.links):
        for key, known in maps.items():
            if rate not in known:
                raise config.fault(
                    key,
                    f"{key} has no entry for links of {rate}: given are "
                    f"{', '.join(known) or 'none'}",
                    "without one the simulator marks nothing at 0 and everything above",
                )
        low, high = (int(maps[key][rate] * KB) for key in ("KMIN_MAP", "KMAX_MAP"))
        by_rate[rate] = {
            "kmin": f"{low}B", "kmax": f"{high}B", "pmax": float(maps["PMAX_MAP"][rate])
        }  # fmt: skip
    return {"by_rate": by_rate, "priorities": [priority]}


def _refuse_losses(graph: Topology, config: Config) -> None:
    everywhere = float(config.decimal("ERROR_RATE_PER_LINK"))
    for link in graph.links:
        loss = link.error_rate or everywhere
        if loss:
            raise link.place.fault(
                f"the link loses packets (rate {loss:g})",
                "import without losses and add a fault of kind link-degraded to the experiment",
            )
