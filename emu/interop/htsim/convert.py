# SPDX-License-Identifier: Apache-2.0
"""A connection matrix on a fat tree becomes an experiment and a flow list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from emu.errors import RunError
from emu.interop.htsim.matrix import read_matrix
from emu.interop.htsim.topology import Topology, read_topology


def import_htsim(
    topology: Path, matrix: Path, out: Path, switch: str = "tomahawk4", nic: str = "connectx7"
) -> Path:
    """Read both files and write an experiment; the flows go beside it.

    The graph, rates, delays and switch latencies are those of the file. Buffers, marking and
    the NIC are emu's presets: htsim takes them from its command line.

    Returns
    -------
    Path
        The flow list.

    Raises
    ------
    InputError
        For damaged files and for what cannot be expressed.
    RunError
        If the result cannot be written.
    """
    graph = read_topology(topology)
    connections = read_matrix(matrix, graph.hosts)
    table = out.with_name(out.stem + ".flows.csv")
    rows = ["start_ps,src,dst,bytes,sport"]
    rows += [
        # A queue pair each, as there: the port tells them apart.
        f"{c.start_ps},h{c.src}.0,h{c.dst}.0,{c.size_bytes},{0xC000 | number & 0x3FFF}"
        for number, c in enumerate(connections)
    ]
    experiment = {
        "kind": "experiment",
        "name": out.stem,
        "question": "Imported from files of htsim.",
        "topology": {
            "name": out.stem,
            "explicit": _graph(graph),
            "switches": {
                name: {"base": switch, "capacity": None, "pipeline_latency": f"{tier.switch_ns}ns"}
                for name, tier in zip(("leaf", "spine", "super_spine"), graph.tiers, strict=False)
            },
            "nic": nic,
        },
        "workload": {"trace": {"file": table.name, "format": "flows"}},
        "designs": ["l3"],
    }
    try:
        table.write_text("\n".join(rows) + "\n", encoding="utf-8")
        out.write_text(yaml.safe_dump(experiment, sort_keys=False, width=100), encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {error.filename}: {error.strerror}") from None
    return table


def _graph(graph: Topology) -> dict[str, Any]:
    links = list(graph.links())
    kinds = {"h": "host", "leaf": "leaf", "spine": "spine", "super": "super-spine"}
    names = dict.fromkeys(end.removesuffix(".0") for link in links for end in link[:2])
    return {
        "nodes": [{"name": name, "kind": kinds[name.rstrip("0123456789")]} for name in names],
        "links": [
            {
                "a": a, "b": b, "rate": f"{graph.tiers[tier].rate_gbps}G",
                "delay": f"{graph.tiers[tier].delay_ns}ns", "count": count,
            }
            for a, b, tier, count in links
        ],
    }  # fmt: skip
