"""A server that plays Azure's resource manager, and the identity endpoint of a machine in Azure, over HTTPS.

Azure cannot be had here. The requests that arrive are those of Azure's own library, through its whole pipeline: log-in,
retries, long operations, paging. The answers are in the shape of the published descriptions of these interfaces.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from engine.tests.client.certificate import write_certificate

from meschain.provisioning.calls import Call

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
GROUP = "shop"
IDENTITY_HEADER = "only this machine knows it"
TOKEN = "token-of-the-managed-identity"

Answer = tuple[int, dict[str, str], Any]
"""Status, headers and body."""


class FakeAzure:
    """What Azure knows, and what it was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.calls: list[Call] = []
        """Everything that was asked of the resource manager, in order; polls of long operations left out."""
        self.group: dict[str, Any] | None = None
        self.deployment: dict[str, Any] | None = None
        self.failing: dict[str, Any] | None = None
        """The error that the next deployment ends with."""
        self.operations: list[dict[str, Any]] = []
        self.resources: list[dict[str, Any]] = []
        self.health: list[dict[str, Any]] | None = []
        """None: whoever asks has no right to read it."""
        self.changes: list[dict[str, Any]] = []
        self.polls = 0
        self.wait: dict[str, str] = {}
        """Headers that say when to ask again for a long operation."""
        self._running = 0

    @property
    def writes(self) -> list[Call]:
        """What was asked to change something."""
        return [call for call in self.calls if call.method != "GET"]

    def answer(self, call: Call) -> Answer:
        """What Azure says to a call."""
        path = urlsplit(call.target).path
        root = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}"
        if path.startswith("/operations/"):
            return self._poll(path.rsplit("/", 1)[1])
        self.calls.append(call)
        if not path.lower().startswith(root):
            return 404, {}, _error("SubscriptionNotFound", "There is no such subscription.")
        rest = path[len(root) :]
        if rest == "" and call.method == "PUT":
            self.group = {"id": path, "name": GROUP, **call.body}
            return 201, {}, self.group
        if self.group is None:
            return 404, {}, _error("ResourceGroupNotFound", f"Resource group '{GROUP}' could not be found.")
        match call.method, rest:
            case "GET", "":
                return 200, {}, self.group
            case "DELETE", "":
                return 202, self._started("Location", "delete"), None
            case "GET", "/resources":
                return 200, {}, self._page(call, self.resources)
            case "PUT", "/providers/Microsoft.Resources/deployments/meschain":
                self.deployment = {"id": path, "name": "meschain", "properties": {"provisioningState": "Running"}}
                return 201, self._started("Azure-AsyncOperation", "deploy"), self.deployment
            case "POST", "/providers/Microsoft.Resources/deployments/meschain/whatIf":
                return 200, {}, {"status": "Succeeded", "properties": {"changes": self.changes}}
            case "GET", "/providers/Microsoft.Resources/deployments/meschain" if self.deployment:
                return 200, {}, self.deployment
            case "GET", ("/deployments/meschain/operations"):
                return 200, {}, {"value": self.operations}
            case "GET", "/providers/Microsoft.ResourceHealth/availabilityStatuses":
                if self.health is None:
                    return 403, {}, _error("AuthorizationFailed", "Not allowed.")
                return 200, {}, self._page(call, self.health)
        return 404, {}, _error("NotFound", f"There is no {rest}.")

    def _started(self, header: str, name: str) -> dict[str, str]:
        self._running = 2
        return {header: f"{self.address}/operations/{name}?api-version=1", **self.wait}

    def _poll(self, name: str) -> Answer:
        self.polls += 1
        self._running -= 1
        if self._running > 0:
            return 202 if name == "delete" else 200, self.wait, {"status": "Running"}
        if name == "delete":
            self.group = self.deployment = None
            return 200, {}, None
        assert self.deployment is not None
        state = "Failed" if self.failing else "Succeeded"
        outputs: dict[str, dict[str, Any]] = {}
        if not self.failing:
            outputs["vault"] = {"type": "String", "value": "shop-vault"}
            outputs["signalRHosts"] = {"type": "Array", "value": ["a.example", "b.example"]}
        self.deployment["properties"] = {"provisioningState": state, "outputs": outputs}
        return 200, {}, {"status": state, **({"error": self.failing} if self.failing else {})}

    def _page(self, call: Call, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """One entry for each page, so that whoever reads must follow."""
        at = int(parse_qs(urlsplit(call.target).query).get("skip", ["0"])[0])
        page: dict[str, Any] = {"value": entries[at : at + 1]}
        if at + 1 < len(entries):
            page["nextLink"] = f"{self.address}{call.target.partition('&skip=')[0]}&skip={at + 1}"
        return page


@contextmanager
def machine_in_azure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAzure]:
    """A fake on a free port, and the environment of a machine that has an identity there and trusts it."""
    certificate = write_certificate(folder / "azure.pem")
    azure = FakeAzure()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(azure))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    azure.address = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{azure.address}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    try:
        yield azure
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _handler(azure: FakeAzure) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(length)
            if self.path.startswith("/identity"):
                status, headers, body = self._identity()
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, headers, body = 401, {}, _error("AuthenticationFailed", "The token is not accepted.")
            else:
                call = Call(self.command, self.path, json.loads(content) if content else None)
                status, headers, body = azure.answer(call)
            text = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _identity(self) -> Answer:
            if self.headers.get("X-IDENTITY-HEADER") != IDENTITY_HEADER:
                return 401, {}, {"message": "Who are you?"}
            return 200, {}, {"access_token": TOKEN, "expires_on": str(2**33), "resource": "", "token_type": "Bearer"}

        def do_GET(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            """Tests say what they expect."""

    return Handler
