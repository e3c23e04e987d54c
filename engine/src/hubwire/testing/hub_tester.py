"""Runs a hub in memory, behind the connections of a real server, and shows what clients would see.

There is no socket and no HTTP. Everything else is the server's own, from the codecs' bytes to the order of calls.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from http.cookies import SimpleCookie

from hubwire.clock import Clock, SystemClock
from hubwire.hub.context import HubContext
from hubwire.hub.contracts import ClientContract
from hubwire.hub.dispatcher import HubDispatcher, HubFactory
from hubwire.hub.filters import HubFilter
from hubwire.observe import NullObserver
from hubwire.options import HubOptions, PropertyNames, ServerOptions
from hubwire.plane.local import LocalDataPlane
from hubwire.server.connection import Connection
from hubwire.server.hosted import Hosted, HostedHub, Opening, Served
from hubwire.server.outboxes import Outboxes
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel
from hubwire.session.message_rates import MessageRates
from hubwire.testing.hub_tester_client import ConnectFailed, HubTesterClient, HubTesterStream, InvocationFailed
from hubwire.testing.hub_tester_wire import Visit, Watched
from hubwire.testing.lines import make_caller
from hubwire.wire.json_codec import JSON
from hubwire.wire.protocols import hub_protocols

__all__ = ["ConnectFailed", "HubTester", "HubTesterClient", "HubTesterStream", "InvocationFailed"]


class HubTester:
    """One hub and its clients.

    ```python
    tester = HubTester(ChatHub)
    alice = await tester.connect("alice")
    await alice.invoke("SendMessage", "alice", "hi")
    assert alice.received == [("ReceiveMessage", ["alice", "hi"])]
    ```
    """

    def __init__(
        self,
        factory: HubFactory,
        *,
        name: str | None = None,
        filters: Sequence[HubFilter] = (),
        options: HubOptions | None = None,
        detailed_errors: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Prepare a hub without clients.

        Args:
            factory: a hub class, or a function without arguments that makes one with its dependencies.
            name: None: the class's.
            options: as in `HubServer.add`: time limits of questions to clients, property names, parallel calls, ...
            detailed_errors: short for the option of that name.
            clock: None: real time. With a `FakeClock` the test says when time is up.
        """
        options = options or HubOptions()
        self.options = dataclasses.replace(options, detailed_errors=options.detailed_errors or detailed_errors)
        self.plane = LocalDataPlane()
        """Where the hub sends to."""
        self.dispatcher = HubDispatcher(
            factory, self.plane, filters, hub=name, property_names=self.options.property_names
        )
        """What the clients' events pass through."""
        self._clock = clock or SystemClock()
        self._wheel = TimerWheel(self._clock)
        self._time: asyncio.Task[None] | None = None
        self._watched = Watched(self.dispatcher)
        self._open = 0
        hub = HostedHub(
            name=self.dispatcher.name,
            options=self.options,
            codecs=hub_protocols(self.options.protocols, self.options.property_names),
            handler=self._watched,
            method_name=self.dispatcher.method_name,
            registry=self.plane.registry,
            clock=self._clock,
            observer=NullObserver(),
            wheel=self._wheel,
            tasks=Tasks(),
            outboxes=Outboxes(ServerOptions().outbox_total_bytes),
            rates=MessageRates(self.options),
        )
        self._hosted = Hosted(
            name=hub.name,
            options=self.options,
            verifier=None,
            open=lambda opening, transport, on_gone: Connection(hub, opening, transport, on_gone),
            frame_limit_bytes=None,
        )

    @property
    def context(self) -> HubContext[ClientContract]:
        """Sends, and asks, from outside of the hub."""
        return self.dispatcher.context

    async def connect(
        self,
        user_id: str | None = None,
        *,
        claims: Mapping[str, object] | None = None,
        connection_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Sequence[str]] | None = None,
        cookies: Mapping[str, str] | None = None,
        transport: str = "memory",
        expires_at: float | None = None,
        protocol: str = "json",
    ) -> HubTesterClient:
        """Open a connection and run the hub's `connected`.

        Args:
            headers: their names in lower case.
            transport: what the hub is told that it is.
            expires_at: when the client's token ends, in seconds since 1970 UTC.
            protocol: `json` or `messagepack`.

        Raises: ConnectFailed when `connected` raises.
        """
        named = dict(headers or {})
        if cookies:
            named["cookie"] = "; ".join(morsel.OutputString() for morsel in SimpleCookie(dict(cookies)).values())
        caller = make_caller(
            user_id,
            claims=claims,
            connection_id=connection_id,
            hub=self.dispatcher.name,
            headers=named,
            query=query,
            expires_at=expires_at,
            transport=transport,
        )
        visit = self._watched.visits[caller.connection_id] = Visit()
        codecs = hub_protocols(frozenset({protocol}), PropertyNames.AS_DECLARED)
        client = HubTesterClient(caller, visit, protocol, codecs.get(protocol, JSON))
        connection = self._hosted.open(Opening(self._hosted, caller, "token"), client.wire, self._forget)
        self._open += 1
        if self._time is None:
            self._time = asyncio.create_task(self._wheel.run())
        try:
            await client.begin(connection)
        except ConnectFailed:
            self._watched.visits.pop(caller.connection_id, None)
            raise
        return client

    def _forget(self, connection: Served) -> None:
        self._open -= 1
        if not self._open and self._time is not None:
            self._time.cancel()
            self._time = None
