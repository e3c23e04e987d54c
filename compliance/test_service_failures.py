"""What outlives what: kill -9 of the application and of the service, and a stop behind what was accepted."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from compliance.javascript import FOLDER, node
from compliance.server import SLOWNESS, ConformanceServer
from compliance.service import ServiceProcess, served

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.rest_tokens import RestTokens

SECONDS = 30 * SLOWNESS


@dataclass
class Survivor:
    """The official client in a process of its own."""

    process: subprocess.Popen[str]
    events: queue.Queue[list[Any]] = field(default_factory=queue.Queue)
    seen: list[list[Any]] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def until(self, event: str) -> Any:
        """The value of the next such event; those before it are kept in `seen`."""
        while True:
            found = self.events.get(timeout=SECONDS)
            self.seen.append(found)
            if found[0] == event:
                return found[1]

    def call(self, target: str, *arguments: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"target": target, "arguments": arguments}) + "\n")
        self.process.stdin.flush()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.seen]


@contextmanager
def survivor(application: ConformanceServer, user: str = "alice", transport: str = "WebSockets") -> Iterator[Survivor]:
    with urllib.request.urlopen(f"{application.url}/token?user={user}") as answer:
        token = answer.read().decode()
    command = [node(), "survivor.js", f"{application.url}/authorizedhub", token, transport]
    with subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        client = Survivor(process)
        reading = threading.Thread(target=client.read)
        reading.start()
        try:
            yield client
        finally:
            process.kill()
            reading.join()


def rest(service: ServiceProcess, method: str, path: str, body: object = None) -> int:
    """One call of the REST data plane, as any application makes it."""
    connection = ConnectionString.parse(service.connection_string)
    assert connection.access_key is not None
    token, _ = RestTokens([connection.access_key], [connection.endpoint]).sign(path)
    request = urllib.request.Request(
        f"{connection.server_url}{path}?api-version=2022-06-01",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
def test_clients_do_not_notice_that_the_application_was_killed(tmp_path: Path, transport: str) -> None:
    with served(tmp_path) as (service, application), survivor(application, transport=transport) as client:
        client.until("connected")
        client.call("Echo", "before")
        assert client.until("result") == "before"

        assert application.process is not None
        application.process.kill()
        application.process.communicate()
        client.call("Echo", "meanwhile")
        assert client.until("failed") == "Invocation failed, status code 500"
        sent = rest(service, "POST", "/api/hubs/authorizedhub/users/alice/:send", {"target": "Item", "arguments": [1]})
        assert (sent, client.until("item")) == (202, 1)

        application.start()
        client.call("Echo", "after")
        assert client.until("result") == "after"
        assert client.names == ["connected", "result", "failed", "item", "result"]


def test_clients_and_groups_of_users_outlive_the_service(tmp_path: Path) -> None:
    with (
        served(tmp_path, "--data", str(tmp_path / "groups.db")) as (service, application),
        survivor(application) as client,
    ):
        client.until("connected")
        assert rest(service, "PUT", "/api/hubs/authorizedhub/users/alice/groups/shop") == 200
        to_group = ("/api/hubs/authorizedhub/groups/shop/:send", {"target": "Item", "arguments": ["to the group"]})
        assert (rest(service, "POST", *to_group), client.until("item")) == (202, "to the group")

        service.kill()
        client.until("reconnecting")
        service.start()
        client.until("reconnected")
        client.call("Echo", "in")  # calls are taken once a connection has joined its user's groups
        assert client.until("result") == "in"
        assert (rest(service, "POST", *to_group), client.until("item")) == (202, "to the group")
        client.call("SendToUsers", ["alice"], "Item", "by the application")
        assert client.until("item") == "by the application"


def test_what_was_accepted_before_a_stop_is_delivered(tmp_path: Path) -> None:
    count = 200
    with served(tmp_path) as (service, application), survivor(application) as client:
        client.until("connected")
        for number in range(count):
            body = {"target": "Item", "arguments": [number]}
            assert rest(service, "POST", "/api/hubs/authorizedhub/:send", body) == 202
        service.stop()
        client.until("reconnecting")
        assert [value for name, value in client.seen if name == "item"] == list(range(count))
        service.start()  # for the client, which would try for ever
        client.until("reconnected")
