# SPDX-License-Identifier: Apache-2.0
"""KV-cache transfers over datacentre fabrics, simulated packet by packet.

>>> import emu
>>> experiment = emu.load("experiments/first-look.yaml")  # doctest: +SKIP
>>> runs = emu.run(experiment, out="runs/first-look")  # doctest: +SKIP
>>> runs[0].transfers["slowdown"].quantile(0.99)  # doctest: +SKIP
>>> emu.report(runs, "reports/first-look")  # doctest: +SKIP
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from emu._api import load, report, run

if TYPE_CHECKING:
    from emu.spec import ExperimentSpec as Experiment
    from emu.telemetry import Run

__all__ = ["Experiment", "Run", "__version__", "load", "report", "run"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # The two classes pull in pydantic and pandas; `emu --help` needs neither.
    if name == "Run":
        from emu.telemetry import Run

        return Run
    if name == "Experiment":
        from emu.spec import ExperimentSpec

        return ExperimentSpec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """This package, in which `emu.report` stays the verb.

    Importing the subpackage of the same name would otherwise bind it over the function.
    `from emu.report import ...` is not affected: it looks the subpackage up by its full name.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name == "report" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
