# SPDX-License-Identifier: Apache-2.0
"""Rules about the sources themselves: layering, headers, sizes, nothing left behind."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent

# Which part may import which (docs/architecture.md). What is not named is forbidden; a part
# may always import itself.
BASE = {"units", "errors", "docstrings"}
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "docstrings": set(),
    "units": {"errors"},
    "spec": BASE,
    "fabric": BASE | {"spec"},
    "workload": BASE | {"spec", "fabric"},
    "core": set(),
    "telemetry": BASE,
    "wire": BASE | {"core"},
    "sim": BASE | {"spec", "fabric", "workload", "telemetry", "core"},
    "lab": BASE | {"spec", "fabric", "workload", "sim", "telemetry", "core", "wire"},
    "report": BASE | {"telemetry", "wire"},
    "interop": BASE | {"spec", "fabric", "telemetry"},
    "validate": BASE | {"spec", "fabric", "workload", "sim", "interop", "core"},
    "bench": BASE | {"spec", "fabric", "workload", "sim"},
    "bench_gate": BASE | {"bench"},
    "bench_agree": {"bench"},
    "bench_recording": BASE | {"bench", "sim"},
    "bench_routing": {"bench"},
    "bench_start": BASE | {"bench"},
    "bench_threads": BASE | {"bench", "sim"},
    "_api": BASE | {"spec", "sim", "telemetry", "report"},
}
# Every part may ask for the version; the command may import everything.
UNRESTRICTED = {"cli"}

LINES_MAX = {".py": 600, ".cc": 900, ".h": 500}
BYTES_MAX = 1_500_000
SOURCE_SUFFIXES = {".py", ".cc", ".h", ".cmake"}
TEXT_SUFFIXES = SOURCE_SUFFIXES | {
    ".css", ".html", ".in", ".j2", ".js", ".json", ".lock", ".md", ".sh", ".svg", ".toml",
    ".txt", ".yaml", ".yml", "",
}  # fmt: skip

# Put together from pieces, so that this file does not hold what it looks for.
LEFT_BEHIND = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]))
MACHINE = re.compile(
    "|".join(
        [
            r"/wo" + r"rk/",
            r"/ro" + r"ot/",
            r"/ho" + r"me/[a-z]",
            r"/opt/py" + r"pi",
            r"--(extra-)?index-u" + r"rl[ =]",
            r"pythonhost" + r"ed\.org",
            r"pypi\.or" + r"g/simple",
            r"\.\./sha" + r"red/",
        ]
    )
)


def _tracked() -> list[Path]:
    """Files that belong to the project: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listing = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    names = listing.stdout.decode().split("\0")
    return [REPOSITORY / name for name in names if name and (REPOSITORY / name).is_file()]


def _part(path: Path) -> str:
    first = path.relative_to(REPOSITORY / "emu").parts[0]
    return first.removesuffix(".py")


def _imported_parts(path: Path) -> set[str]:
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            modules = [node.module or ""]
            if node.module == "emu":
                modules = [f"emu.{alias.name}" for alias in node.names]
        else:
            continue
        parts |= {m.split(".")[1] for m in modules if m.startswith("emu.")}
    return parts - {"__version__"}


def _python_sources() -> list[Path]:
    return sorted((REPOSITORY / "emu").rglob("*.py"))


def _ids(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", _python_sources(), ids=_ids)
def test_a_part_imports_only_the_layers_below_it(path: Path) -> None:
    part = _part(path)
    if part in UNRESTRICTED or part == "__init__":
        return
    assert part in LAYERS, f"emu/{part} has no row in the layer table"
    forbidden = _imported_parts(path) - LAYERS[part] - {part}
    assert not forbidden, f"emu/{part} must not import {sorted(forbidden)}"


def test_only_the_bindings_know_python() -> None:
    for path in sorted((REPOSITORY / "emu" / "core").rglob("*.[hc]*")):
        if path.suffix in {".h", ".cc"} and not path.match("bindings*.cc"):
            text = path.read_text(encoding="utf-8")
            assert "nanobind" not in text, f"{path}: only bindings*.cc includes nanobind"
            assert "Python.h" not in text, path


# scapy is GPL-2.0: what derives from it says so, and of the package that is one file only.
SCAPY_LAYERS = REPOSITORY / "emu" / "wire" / "scapy_layers.py"
SCAPY_IMPORT = re.compile(
    r"^\s*(?:import|from) (?:scapy\b|emu\.wire\.scapy_layers)|^\s*from emu\.wire import .*scapy",
    re.MULTILINE,
)


def _knows_scapy(path: Path) -> bool:
    return path.suffix == ".py" and bool(SCAPY_IMPORT.search(path.read_text(encoding="utf-8")))


def test_one_file_of_the_package_knows_scapy_and_it_knows_nothing_of_emu() -> None:
    assert [path for path in _python_sources() if _knows_scapy(path)] == [SCAPY_LAYERS]
    assert not _imported_parts(SCAPY_LAYERS)
    assert "emu/wire/scapy_layers.py" in (REPOSITORY / "NOTICE").read_text(encoding="utf-8")


def test_source_files_name_their_licence_first() -> None:
    missing = []
    for path in _tracked():
        if path.suffix not in SOURCE_SUFFIXES and path.name not in {"CMakeLists.txt", "Makefile"}:
            continue
        head = path.read_text(encoding="utf-8").splitlines()[:2]
        first = head[1:] if head and head[0].startswith("#!") else head[:1]
        licence = "GPL-2.0-only" if _knows_scapy(path) else "Apache-2.0"
        if not first or not first[0].endswith(f"SPDX-License-Identifier: {licence}"):
            missing.append(_ids(path))
    assert not missing


def test_source_files_hold_one_idea_each() -> None:
    long = {
        _ids(path): lines
        for path in _tracked()
        if path.suffix in LINES_MAX
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LINES_MAX[path.suffix]
    }
    assert not long


def test_no_file_is_too_big_to_review() -> None:
    assert not {_ids(p): s for p in _tracked() if (s := p.stat().st_size) > BYTES_MAX}


@pytest.mark.parametrize(
    ("what", "pattern"),
    [("work left behind", LEFT_BEHIND), ("a path or registry of one machine", MACHINE)],
)
def test_nothing_tracked_contains(what: str, pattern: re.Pattern[str]) -> None:
    found = []
    for path in _tracked():
        if path.suffix not in TEXT_SUFFIXES:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{_ids(path)}:{number}: {line.strip()[:100]}")
    assert not found, what + ":\n" + "\n".join(found)


def test_lock_pins_every_requirement_with_hashes_and_no_address() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", lock, flags=re.MULTILINE))
    wanted = {
        line.strip()
        for line in (REPOSITORY / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    }
    assert wanted <= pinned
    assert lock.count("==") - len(re.findall("[<>=!]= '", lock)) <= lock.count("--hash=sha256:")
