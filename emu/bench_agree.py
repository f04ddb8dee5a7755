# SPDX-License-Identifier: Apache-2.0
"""Do all compilers on this machine, optimising or not, give the same results?

    python -m emu.bench_agree

Two short cases of `emu bench` are recorded as journals of engine calls, the engine is built with
each compiler at -O0 and at -O3, and all must print the same digests.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from emu.bench import write_journal

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "agree"
COMPILERS = ("g++", "clang++")
OPTIMISATIONS = ("-O0", "-O3")
SHARES = {"permutation-128": 0.02, "incast-64": 0.05}


def main() -> int:
    """The command."""
    BUILD.mkdir(parents=True, exist_ok=True)
    journals = {}
    for case, share in SHARES.items():
        journals[case] = BUILD / f"{case}.journal"
        write_journal(case, share, journals[case])
    found: dict[str, dict[str, str]] = {case: {} for case in SHARES}
    for compiler in COMPILERS:
        if shutil.which(compiler) is None:
            print(f"{compiler}: not on this machine", file=sys.stderr)
            continue
        for level in OPTIMISATIONS:
            program = _build(compiler, level)
            for case, journal in journals.items():
                done = subprocess.run(
                    [program, journal], stdout=subprocess.PIPE, text=True, check=True
                )
                found[case][f"{compiler} {level}"] = done.stdout
    faults = 0
    for case, outputs in found.items():
        same = len(set(outputs.values())) == 1
        faults += not same
        print(f"{case}: {', '.join(outputs)}: {'equal' if same else 'DIFFERENT'}")
    return 1 if faults else 0


def _build(compiler: str, level: str) -> Path:
    folder = BUILD / f"{compiler}{level}"
    # Warnings are for the compiler that the project is built with.
    options = f"{level};-Wno-error"
    configure = [
        "cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DEMU_BUILD_REPLAY=ON",
        f"-DCMAKE_CXX_COMPILER={compiler}", f"-DEMU_REPLAY_OPTIMISE={options}",
    ]  # fmt: skip
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder / "replay"


if __name__ == "__main__":
    sys.exit(main())
