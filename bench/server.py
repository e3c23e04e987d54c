"""Ours in the load lab: a complete hubwire stack, on its defaults, with a hub that does what the scenarios ask for.

Usage: python bench/server.py PORT --key KEY [--workers N --redis-url URL]; runs until it is terminated. The key signs
the clients' tokens. Knows no scenario: payload sizes and groups come with the calls.
"""

from __future__ import annotations

import argparse

import hubwire
from hubwire import Cluster, Hub, HubServer, ServerOptions, Worker, hub_method
from hubwire.azure.jwt import ClientTokens

HUB = "bench"
USER = "user-1234"
FRAME_OVERHEAD_BYTES = len('{"type":1,"target":"ReceiveMessage","arguments":["user-1234",""]}\x1e')
"""What JSON adds to the text of a message, so that a message has exactly the size that a scenario names."""


class BenchHub(Hub):
    """Sends, groups and answers as any hub does; nothing is prepared beforehand."""

    def __init__(self, excluded: list[str]) -> None:
        self._excluded = excluded

    @hub_method("Echo")
    async def echo(self, value: int) -> int:
        return value

    @hub_method("Broadcast")
    async def broadcast(self, size_bytes: int) -> None:
        await self.clients.all.send("ReceiveMessage", USER, text_of(size_bytes))

    @hub_method("JoinGroup")
    async def join_group(self, name: str, is_excluded: bool) -> None:
        await self.groups.add(self.context.connection_id, name)
        if is_excluded:
            self._excluded.append(self.context.connection_id)

    @hub_method("BroadcastGroup")
    async def broadcast_group(self, name: str, size_bytes: int) -> None:
        await self.clients.group_except(name, self._excluded).send("ReceiveMessage", USER, text_of(size_bytes))


def text_of(size_bytes: int) -> str:
    return "m" * (size_bytes - FRAME_OVERHEAD_BYTES)


def make_hubs(tokens: ClientTokens, cluster: Cluster | None = None) -> HubServer:
    excluded: list[str] = []
    server = HubServer(ServerOptions(client_path="/client/"), verifier=tokens, cluster=cluster)
    server.add(lambda: BenchHub(excluded), name=HUB)
    return server


def run_workers(tokens: ClientTokens, port: int, workers: int, redis_url: str) -> None:
    """Several processes on the port, joined to one service."""
    from hubwire.brokers.redis import RedisBroker  # only now: a single process is measured without the Redis library

    def build(worker: Worker) -> HubServer:
        return make_hubs(tokens, worker.cluster(RedisBroker(redis_url)))

    hubwire.run(build, workers=workers, port=port, log_level="warning", loop="uvloop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--key", required=True, help="signs the clients' tokens; at least 32 characters")
    parser.add_argument("--workers", type=int, help="processes on the one port; needs --redis-url")
    parser.add_argument("--redis-url", help="joins them to one service")
    options = parser.parse_args()
    tokens = ClientTokens([options.key], [f"http://127.0.0.1:{options.port}"])
    if options.workers:
        if not options.redis_url:
            parser.error("--workers needs --redis-url, over which they act as one.")
        run_workers(tokens, options.port, options.workers, options.redis_url)
    else:
        hubwire.run(make_hubs(tokens), port=options.port, log_level="warning", loop="uvloop")


if __name__ == "__main__":
    main()
