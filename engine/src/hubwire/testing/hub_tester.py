"""Drives a hub in memory, through its dispatcher and a local data plane, and shows what clients would see.

Arguments, results and messages pass through JSON as on the wire, so a hub that works here binds and encodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hubwire.hub.context import HubContext
from hubwire.hub.contracts import ClientContract
from hubwire.hub.dispatcher import HubDispatcher, HubFactory
from hubwire.hub.failures import close_error, completion_error
from hubwire.hub.filters import HubFilter
from hubwire.plane.local import LocalDataPlane
from hubwire.testing.lines import MemoryLine, make_caller
from hubwire.wire.framing import RECORD_SEPARATOR
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Close, Invocation


class InvocationFailed(Exception):
    """What a client gets for a call that failed; the text is the Completion's, the exception itself its cause."""


class ConnectFailed(Exception):
    """What a client gets when the hub refuses it at connect; the text is the Close's, the exception its cause."""


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
        detailed_errors: bool = False,
    ) -> None:
        self.plane = LocalDataPlane()
        """Where the hub sends to."""
        self.dispatcher = HubDispatcher(factory, self.plane, filters, hub=name)
        """What the clients' events pass through."""
        self.detailed_errors = detailed_errors
        """Whether exception texts reach the clients, as by `HubOptions.detailed_errors`."""

    @property
    def context(self) -> HubContext[ClientContract]:
        """Sends from outside of the hub."""
        return self.dispatcher.context

    async def connect(
        self,
        user_id: str | None = None,
        *,
        claims: Mapping[str, object] | None = None,
        connection_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Sequence[str]] | None = None,
    ) -> HubTesterClient:
        """Open a connection and run the hub's `connected`. Raises: ConnectFailed when that raises."""
        caller = make_caller(
            user_id,
            claims=claims,
            connection_id=connection_id,
            hub=self.dispatcher.name,
            headers=headers,
            query=query,
        )
        line = MemoryLine(caller)
        self.plane.registry.attach(line)
        try:
            await self.dispatcher.connected(caller)
        except Exception as error:
            self.plane.registry.detach(line)
            raise ConnectFailed(close_error(error, self.detailed_errors)) from error
        return HubTesterClient(self, line)


class HubTesterClient:
    """One connection to the hub under test."""

    def __init__(self, tester: HubTester, line: MemoryLine) -> None:
        self._tester = tester
        self._line = line
        self.connection_id = line.caller.connection_id

    @property
    def received(self) -> list[tuple[str, list[Any]]]:
        """Every call of this client so far: target and arguments, as decoded from JSON."""
        return [(call.target, _over_the_wire(call.arguments)) for call in self._line.received]

    @property
    def closed(self) -> Close | None:
        """How the hub ended the connection, None: it did not."""
        return self._line.closed

    async def invoke(self, target: str, *arguments: object) -> Any:
        """Call a hub method and return its result as decoded from JSON. Raises: InvocationFailed."""
        caller = self._line.caller
        try:
            result = await self._tester.dispatcher.invoke(caller, Invocation(target, _over_the_wire(arguments), "1"))
        except Exception as error:
            spelling = self._tester.dispatcher.method_name(target) or target
            raise InvocationFailed(completion_error(error, spelling, self._tester.detailed_errors)) from error
        return _over_the_wire([result])[0]

    async def until(self, target: str, count: int = 1) -> list[list[Any]]:
        """Wait until the hub called `target` that often and return the arguments of each call."""
        return [_over_the_wire(call.arguments) for call in await self._line.until(target, count)]

    async def disconnect(self, error: BaseException | None = None) -> None:
        """End the connection; with `error` it was lost. The hub's `disconnected` has run on return."""
        await self._tester.dispatcher.disconnected(self._line.caller, error)
        self._tester.plane.registry.detach(self._line)


def _over_the_wire(values: Sequence[object]) -> list[Any]:
    """The values as the other end gets them."""
    record = JSON.encode(Invocation("anything", values))
    message = JSON.decode(record.removesuffix(RECORD_SEPARATOR))
    assert isinstance(message, Invocation)  # noqa: S101 - what went in comes out
    return list(message.arguments)
