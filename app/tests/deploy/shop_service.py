"""MesChain-Sync as a publisher meets it on bad days: a real HTTP server whose next answers a test programs.

It stands for faults that the running application does not have at will: 503, silence, a cut connection.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ShopService:
    """Remembers what it was sent, and answers 202 unless told otherwise."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[dict[str, Any]]]] = []
        """The Authorization header, and the events."""
        self.next: deque[tuple[int, dict[str, Any], dict[str, str]]] = deque()
        """Status, body and headers of the next answers; status 0: none at all, the connection ends."""
        self.hangs = threading.Event()
        """While it is set, requests are answered when `stop` is."""
        self.stop = threading.Event()
        self.arrived = threading.Event()
        """Set by the first request."""
        self.url = ""

    @property
    def accepted(self) -> list[str]:
        return [event["eventId"] for event in self.taken]

    taken: list[dict[str, Any]]

    @contextmanager
    def running(self) -> Iterator[ShopService]:
        service = self
        service.taken = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                events = json.loads(body)["events"]
                service.requests.append((self.headers["Authorization"], events))
                service.arrived.set()
                if service.hangs.is_set():
                    service.stop.wait(30)
                    return
                status, answer, headers = service.next.popleft() if service.next else (202, {}, {})
                if not status:
                    self.close_connection = True
                    return
                if status == 202:
                    service.taken.extend(events)
                text = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            self.stop.set()
            server.shutdown()
            thread.join()
            server.server_close()
