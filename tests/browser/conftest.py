# SPDX-License-Identifier: Apache-2.0
"""A report and a server for the tests that open pages."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from emu.report import build
from tests import chromium

browser = chromium.browser


def _synthetic() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "unit" / "report" / "synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic_runs_of_browser_tests", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def report_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six designs × (two loads, one link failure, two values of a timer) × two seeds."""
    folder = tmp_path_factory.mktemp("browser")
    _synthetic().write_runs(folder / "runs", seeds=(1, 2), transfers=120, withdraw_ms=(20, 500))
    return build([folder / "runs"], folder / "report").parent


@pytest.fixture
def site() -> Iterator[Any]:
    """Serves a folder on loopback: call it with the folder, get the address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    def serve(folder: Path) -> str:
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
