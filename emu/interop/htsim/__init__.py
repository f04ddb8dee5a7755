# SPDX-License-Identifier: Apache-2.0
"""htsim (csg-htsim and uet-htsim): connection matrices and fat-tree topology files."""

from emu.interop.htsim.convert import import_htsim

__all__ = ["import_htsim"]
