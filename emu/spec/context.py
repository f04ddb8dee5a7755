# SPDX-License-Identifier: Apache-2.0
"""Where the files that a file names are found, and what was read of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emu.spec.nearest import hint_for
from emu.spec.yamltree import YamlTree, load_yaml

PRESETS = Path(__file__).resolve().parents[2] / "topologies"
"""The presets beside the package in a source tree."""
PACKAGED = Path(__file__).resolve().parents[1] / "topologies"
"""The presets inside an installed package."""


@dataclass
class LoadContext:
    """Passed through validation.

    Parameters
    ----------
    folder : Path
        Folder of the file that is read: paths in it are relative to this.
    topology : YamlTree or None
        Positions of the topology file, once an experiment has named one.
    read : dict
        What was read: the variants of an experiment share their files.
    """

    folder: Path = field(default_factory=Path)
    topology: YamlTree | None = None
    read: dict[Path, YamlTree] = field(default_factory=dict)

    def load_topology(self, name: str) -> dict[str, Any]:
        """Data of a topology given by path or preset name.

        Raises
        ------
        ValueError
            When there is neither such a file nor such a preset.
        SpecError
            When the file is no YAML.
        """
        path = self.find_topology(name)
        tree = self.read.get(path) or load_yaml(path, shown_path(path))
        self.read[path] = tree
        if not isinstance(tree.data, dict):
            raise ValueError(f"{shown_path(path)} is not a mapping of fields")
        self.topology = tree
        return tree.data

    def find_topology(self, name: str) -> Path:
        """Path of a topology file; ValueError when there is none."""
        presets = topology_presets(self.folder)
        if name in presets:
            return presets[name]
        path = self.folder / name
        if path.is_symlink() or path.exists():
            # What is wrong with it (a folder, say) is found by reading it.
            return path
        if name.endswith((".yaml", ".yml")) or "/" in name:
            names = [str(Path(name).parent / found) for found in _topology_files(path.parent)]
            raise ValueError(f"there is no topology file {name!r}: {hint_for(name, names)}")
        raise ValueError(f"unknown topology {name!r}: {hint_for(name, sorted(presets))}")


def topology_presets(folder: Path) -> dict[str, Path]:
    """Name to file of the presets seen from a folder: its own ``topologies/`` or that of
    a folder above it, then those that come with emu."""
    found: dict[str, Path] = {}
    above = folder.resolve()
    candidates = [parent / "topologies" for parent in (above, *above.parents)]
    for place in (*candidates, PRESETS, PACKAGED):
        if place.is_dir():
            for path in sorted(place.glob("*.yaml")):
                found.setdefault(path.stem, path)
    return found


def _topology_files(folder: Path) -> list[str]:
    """Names of the files of a folder that say that they are topologies."""
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    return [path.name for path in files if "kind: topology" in _beginning(path)]


def _beginning(path: Path) -> str:
    """The first lines of a file; nothing when it cannot be read: it is only looked at for hints."""
    if not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(1000)
    except OSError:
        return ""


def shown_path(path: Path) -> str:
    """A path as messages show it: from the current folder where it lies below."""
    try:
        # Links stay as they were named.
        return str(Path(os.path.abspath(path)).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
