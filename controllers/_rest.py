# SPDX-License-Identifier: Apache-2.0
"""A read-only REST view of an app: JSON over HTTP, from the standard library alone.

os-ken has dropped Ryu's WSGI module, so the view uses neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from controllers import _api

View = Callable[[], Any]


def serve(host: str, port: int, views: Mapping[str, View]) -> None:
    """Answer GET requests for the paths of ``views`` in the background."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            view = views.get(self.path.rstrip("/") or "/")
            if view is None:
                self._answer(404, {"error": f"no {self.path}", "paths": sorted(views)})
            else:
                self._answer(200, view())

        def _answer(self, status: int, document: Any) -> None:
            body = json.dumps(document, indent=1).encode() + b"\n"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Requests are not logged."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    _api.hub.spawn(server.serve_forever)
