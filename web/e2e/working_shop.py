"""A demo shop whose connections to the outside a test holds in its hands: what a marketplace sends, how a sync goes on.

Knows no browser.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

from app.tests.marketplaces.etsy.test_notifications import message, signed
from app.tests.marketplaces.vector_files import vector
from app.tests.program import START_SECONDS
from web.e2e.server import Server

SYNCED = "n11"
"""The marketplace that the shop's own program syncs; all others are the demo's."""


class _Endpoint(BaseHTTPRequestHandler):
    server: SyncProgram

    def do_POST(self) -> None:
        self.server.asked.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Silence: the test says what went wrong."""


class SyncProgram(ThreadingHTTPServer):
    """The shop's own program that syncs a marketplace: it takes every job, and goes on as the test says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Endpoint)
        self.asked: Queue[dict[str, Any]] = Queue()

    def next_job(self) -> dict[str, Any]:
        """The job that was asked for next."""
        return self.asked.get(timeout=START_SECONDS)

    def report(self, job: Mapping[str, Any], **fields: object) -> None:
        """Say how far it is."""
        _post(job["reportUrl"], json.dumps(fields).encode(), {"Authorization": f"Bearer {job['reportToken']}"})


@dataclass
class WorkingShop(Server):
    """`meschain serve` with one store of Etsy and one sync program."""

    program: SyncProgram = field(default_factory=SyncProgram)

    @property
    def environment(self) -> dict[str, str]:
        store = {
            "shop_id": 42000001,
            "signing_secret": vector("etsy_secret.txt"),
            "api_key": "key",
            "refresh_token": "refresh",
        }
        address = f"http://127.0.0.1:{self.program.server_port}/"
        endpoint = {"url": address, "secret": secrets.token_urlsafe(48)}
        return {
            "MESCHAIN_ETSY_STORES": json.dumps({"main": store}),
            "MESCHAIN_SYNC_ENDPOINTS": json.dumps({SYNCED: endpoint}),
        }

    def start(self) -> None:
        threading.Thread(target=self.program.serve_forever, daemon=True).start()
        super().start()

    def stop(self) -> None:
        super().stop()
        self.program.shutdown()
        self.program.server_close()

    def receive_what_nobody_understands(self, webhook_id: str) -> None:
        """A webhook of Etsy, signed as it should be, about something that is no order: it is given up at once."""
        listing = "https://api.etsy.com/v3/application/shops/42000001/listings/1"
        request = signed(message(url=listing), webhook_id, str(int(time.time())))
        _post(f"{self.url}/webhooks/etsy/main", request.body, dict(request.headers))


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    sent = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json", **headers})  # noqa: S310
    with urllib.request.urlopen(sent, timeout=START_SECONDS) as answer:  # noqa: S310 - our own server
        assert answer.status < 300
