# SPDX-License-Identifier: Apache-2.0
"""The RDMA simulator of HPCC on ns-3: its topology, flow, config and result files.

Formats as its program ``scratch/third.cc`` reads and writes them
(alibaba-edu/High-Precision-Congestion-Control 9f4be2a9ea).
"""

from emu.interop.hpcc.convert import import_case
from emu.interop.hpcc.export import export_fct
from emu.interop.hpcc.results import Fct, Pfc, read_fct, read_pfc

__all__ = ["Fct", "Pfc", "export_fct", "import_case", "read_fct", "read_pfc"]
