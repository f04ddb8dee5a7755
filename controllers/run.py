#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one app under os-ken or Ryu: ``python controllers/run.py l3``.

os-ken has no manager command of its own, so this is it; ``ryu-manager controllers/l3.py``
does the same with Ryu. Options of an app follow it, as in ``run.py l3 --rest-port 8080``.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

APPS = ("l3", "adaptive", "stretched_l2", "evpn")


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("app", choices=APPS, nargs="?")
    parser.add_argument("-h", "--help", action="store_true", help="of an app: its options too")
    parser.add_argument("--runtime", choices=("os-ken", "ryu"), default="os-ken")
    parser.add_argument("--listen", default="127.0.0.1", help="address for OpenFlow and REST")
    parser.add_argument("--port", type=int, default=6653, help="TCP port for OpenFlow")
    parser.add_argument("--verbose", action="store_true")
    arguments, of_app = parser.parse_known_args()
    if arguments.help or arguments.app is None:
        parser.print_help()
    if arguments.app is None:
        sys.exit(0 if arguments.help else 2)
    return arguments, [*of_app, *(["--help"] if arguments.help else [])]


def main() -> None:
    """Start the app and serve until the process is ended."""
    arguments, of_app = _arguments()
    os.environ["EMU_CONTROLLER_RUNTIME"] = arguments.runtime
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    # Ryu's venv lacks what emu itself needs, and adaptive.py asks emu. Last, so that the
    # runtime's own packages win.
    sys.path += [path for path in [os.environ.get("EMU_SITE_PACKAGES")] if path]
    from controllers import _api

    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )
    name = f"controllers.{arguments.app}"
    # The app's module registers its options; the runtime's controller registers its own.
    _api.load("controller.controller")
    __import__(name)
    _api.CONF(
        [
            f"--ofp-listen-host={arguments.listen}",
            f"--ofp-tcp-listen-port={arguments.port}",
            f"--rest-host={arguments.listen}",
            *of_app,
        ],
        project="emu",
        default_config_files=[],
    )
    _api.AppManager.run_apps([name])


if __name__ == "__main__":
    main()
