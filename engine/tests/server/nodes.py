"""Two nodes of a cluster in one process: each has a public port and an internal one, and knows where the other is.

Their brokers are not connected, and the directory is the test's: requests are passed on, nothing else.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hubwire import Cluster
from hubwire.brokers.memory import MemoryBroker
from hubwire.server.forwarder import Forwarder
from hubwire.server.peers import Peers

from .conftest import Running, Serve

KEY = bytes(range(32))


class Directory:
    """Implements `NodeDirectory` over a dictionary."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}

    def address(self, node_id: str) -> str | None:
        return self.addresses.get(node_id)


@dataclass
class Nodes:
    """Connections are negotiated at `home`; clients reach `other` with what comes then."""

    home: Running
    other: Running
    directory: Directory
    internal_ports: dict[str, int]

    @property
    def passing(self) -> Forwarder:
        """The way from the other node to its peers."""
        assert self.other.hubs.forwarder is not None
        return self.other.hubs.forwarder

    async def token(self, path: str = "/sample", query: str = "negotiateVersion=1") -> str:
        """A fresh one of home's."""
        answer = await self.home.negotiate(f"{path}/negotiate?{query}")
        token: str = answer.get("connectionToken", answer["connectionId"])
        return token


@asynccontextmanager
async def two_nodes(serve: Serve, **arguments: Any) -> AsyncIterator[Nodes]:
    """Serve both; the arguments are those of `serve`."""
    directory, ports = Directory(), dict[str, int]()
    async with AsyncExitStack() as stack:
        running = []
        for node_id in ("home", "other"):
            internal = stack.enter_context(socket.socket())
            internal.bind(("127.0.0.1", 0))
            ports[node_id] = internal.getsockname()[1]
            directory.addresses[node_id] = f"http://127.0.0.1:{ports[node_id]}"
            cluster = Cluster(MemoryBroker(), node_id=node_id, key=KEY)
            each = await stack.enter_async_context(serve(cluster=cluster, internal=internal, **arguments))
            assert each.hubs.forwarder is not None
            each.hubs.forwarder.peers = Peers(node_id, KEY, directory)
            running.append(each)
        yield Nodes(running[0], running[1], directory, ports)
