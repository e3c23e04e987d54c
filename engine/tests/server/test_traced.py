"""What tells a live trace changes nothing: it keeps the promises of what it stands around, watched or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from hubwire.errors import HubError
from hubwire.hub import HubDispatcher
from hubwire.model import Audience, Caller, Member
from hubwire.observe import NullObserver
from hubwire.plane import LocalDataPlane
from hubwire.ports import DataPlane, HubHandler, LineRegistry
from hubwire.server.live_trace import LiveTrace, TraceEvent, TraceFilter, TraceWatch
from hubwire.server.traced import TracedDataPlane, TracedHandler, TracedHttp, TracedObserver
from hubwire.testing import MemoryLine, make_caller
from hubwire.testing.specs import ClientResultsSpec, HubStreamsSpec, SpecHub, SpecJournal
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Completion, Invocation


class TestWatchedHandler(HubStreamsSpec):
    @asynccontextmanager
    async def create(self, factory: Callable[[], SpecHub]) -> AsyncIterator[HubHandler]:
        trace = LiveTrace()
        with trace.watch(TraceFilter()):
            yield TracedHandler(HubDispatcher(factory, LocalDataPlane()), trace)


class TestUnwatchedHandler(HubStreamsSpec):
    @asynccontextmanager
    async def create(self, factory: Callable[[], SpecHub]) -> AsyncIterator[HubHandler]:
        yield TracedHandler(HubDispatcher(factory, LocalDataPlane()), LiveTrace())


class TestWatchedDataPlane(ClientResultsSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        local, trace = LocalDataPlane(), LiveTrace()
        with trace.watch(TraceFilter()):
            yield TracedDataPlane(local, "hub", trace), local.registry


class TestUnwatchedDataPlane(ClientResultsSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        local = LocalDataPlane()
        yield TracedDataPlane(local, "hub", LiveTrace()), local.registry


class Watched:
    """A trace and what somebody saw of it."""

    def __init__(self, trace: LiveTrace, watch: TraceWatch) -> None:
        self.trace = trace
        self._watch = watch

    async def seen(self) -> list[TraceEvent]:
        """Everything that has happened."""
        self._watch.end()
        taken = await self._watch.take()
        return [] if taken is None else taken[0]

    async def messages(self) -> list[str]:
        return [f"{event.event}: {event.message}" for event in await self.seen()]


@contextmanager
def watched(is_diagnostic: Callable[[Caller], bool] = lambda caller: False) -> Iterator[Watched]:
    trace = LiveTrace(is_diagnostic=is_diagnostic)
    with trace.watch(TraceFilter()) as watch:
        yield Watched(trace, watch)


@pytest.fixture
def looked_at() -> Iterator[Watched]:
    with watched() as each:
        yield each


# Handlers


def handler_of(trace: LiveTrace) -> TracedHandler:
    journal = SpecJournal()
    return TracedHandler(HubDispatcher(lambda: SpecHub(journal), LocalDataPlane()), trace)


async def test_the_life_of_a_connection_is_told(looked_at: Watched) -> None:
    handler, caller = handler_of(looked_at.trace), make_caller("ann")
    await handler.connected(caller)
    assert await handler.invoke(caller, Invocation("Add", (1, 2), "1")) == 3
    with pytest.raises(HubError):
        await handler.invoke(caller, Invocation("Refuse", (), "2"))
    await handler.disconnected(caller, None)
    assert await looked_at.messages() == [
        "ConnectionStarted: The connection is open.",
        "MessageReceived: The client calls 'Add'.",
        "MessageAnswered: 'Add' is done.",
        "MessageReceived: The client calls 'Refuse'.",
        "MessageFailed: 'Refuse' failed: No more than three.",
        "ConnectionEnded: The connection was closed.",
    ]


async def test_a_loss_and_a_refusal_are_aborts_with_their_reason(looked_at: Watched) -> None:
    handler = handler_of(looked_at.trace)
    lost = make_caller("ann")
    await handler.connected(lost)
    await handler.disconnected(lost, ConnectionResetError("It broke."))
    with pytest.raises(HubError):
        await handler.connected(make_caller("unwelcome"))
    assert [(event.message, event.exception) for event in (await looked_at.seen())[1:]] == [
        ("The connection was lost: It broke.", "ConnectionResetError"),
        ("`connected` failed: Not you.", "HubError"),
    ]


async def test_one_that_ends_while_it_begins_is_told(looked_at: Watched) -> None:
    class Slow(SpecHub):
        async def connected(self) -> None:
            await asyncio.Event().wait()

    handler = TracedHandler(HubDispatcher(lambda: Slow(SpecJournal()), LocalDataPlane()), looked_at.trace)
    connecting = asyncio.ensure_future(handler.connected(make_caller()))
    await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    assert await looked_at.messages() == ["ConnectionAborted: It ended before `connected` was done"]


@pytest.mark.parametrize("user_id", ["dora", "unwelcome"])
async def test_diagnostic_clients_are_forgotten_with_their_connection(user_id: str) -> None:
    with (
        watched(lambda caller: True) as looked_at,
        looked_at.trace.watch(TraceFilter(is_diagnostic_only=True)) as watch,
    ):
        handler, caller = handler_of(looked_at.trace), make_caller(user_id)
        plane = TracedDataPlane(LocalDataPlane(), "hub", looked_at.trace)
        await asyncio.gather(handler.connected(caller), return_exceptions=True)
        if user_id == "dora":
            await plane.send(Audience.user(user_id), EncodedMessage.invocation("while there", ()))
            await handler.disconnected(caller, None)
        await plane.send(Audience.user(user_id), EncodedMessage.invocation("behind", ()))
        watch.end()
        taken = await watch.take()
        assert taken is not None
        assert not any("behind" in event.message for event in taken[0])
        assert any("while there" in event.message for event in taken[0]) is (user_id == "dora")


# Planes


async def test_what_is_sent_and_done_is_told_in_words(looked_at: Watched) -> None:
    local = LocalDataPlane()
    plane = TracedDataPlane(local, "Chat", looked_at.trace)
    line = MemoryLine(make_caller("ann", connection_id="a"))
    local.registry.attach(line)
    message = EncodedMessage.invocation("said", ("secret",))
    await plane.send(Audience.all(["b"]), message)
    await plane.send(Audience.groups(["1", "2", "3", "4", "5"]), message)
    await plane.send(Audience.user("x" * 200), EncodedMessage(Completion("1")))
    await plane.send(Audience.connection("a"), EncodedMessage.received({JSON: b"{}\x1e"}, {}))
    await plane.add_to_group("g", Member.user("ann"))
    await plane.remove_from_group("g", Member.connection("a"))
    await plane.remove_from_all_groups(Member.user("ann"))
    await plane.exists(Audience.all())
    await plane.members(Audience.all())
    asking = asyncio.ensure_future(plane.invoke("a", "ask", ("secret",)))
    await asyncio.sleep(0)
    await plane.close(Audience.user("ann"), "enough")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    events = await looked_at.seen()
    assert [f"{event.event}: {event.message}" for event in events] == [
        "MessageSent: 'said' goes to everybody but 1.",
        "MessageSent: 'said' goes to groups '1', '2', '3' and 2 more.",
        f"MessageSent: Completion goes to user '{'x' * 100}…'.",
        "MessageSent: A message that cannot be read goes to connection 'a'.",
        "GroupJoined: user 'ann' joins group 'g'.",
        "GroupLeft: connection 'a' leaves group 'g'.",
        "GroupLeft: user 'ann' leaves every group.",
        "MessageSent: 'ask' asks connection 'a' for a result.",
        "CloseRequested: user 'ann' is to be closed: enough",
    ]
    assert {event.hub for event in events} == {"chat"}


# HTTP


async def ask(application: TracedHttp, path: str = "/api/x", *, tracing_id: str | None = None) -> list[AsgiMessage]:
    sent: list[AsgiMessage] = []

    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": b""}

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    headers = [] if tracing_id is None else [(b"x-asrs-message-tracing-id", tracing_id.encode())]
    scope: AsgiMessage = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"access_token=secret",
        "headers": headers,
        "client": ("10.0.0.1", 5000),
    }
    await application(scope, receive, send)
    return sent


async def test_a_request_and_what_is_sent_for_it_carry_its_tracing_id(looked_at: Watched) -> None:
    plane = TracedDataPlane(LocalDataPlane(), "chat", looked_at.trace)

    async def application(scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        await plane.send(Audience.all(), EncodedMessage.invocation("said", ()))
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    traced = TracedHttp(application, looked_at.trace)
    assert [message["type"] for message in await ask(traced, tracing_id="42")] == [
        "http.response.start",
        "http.response.body",
    ]
    await ask(traced)
    events = await looked_at.seen()
    assert [(event.event, event.tracing_id, event.address) for event in events] == [
        ("MessageSent", "42", None),
        ("RequestAnswered", "42", "10.0.0.1"),
        ("MessageSent", None, None),
        ("RequestAnswered", None, "10.0.0.1"),
    ]
    assert not any("secret" in event.message for event in events)


async def test_a_request_that_fails_without_an_answer_is_told(looked_at: Watched) -> None:
    async def application(scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await ask(TracedHttp(application, looked_at.trace))
    (event,) = await looked_at.seen()
    assert event.event == "RequestFailed"


async def test_nothing_is_made_while_nobody_watches() -> None:
    trace = LiveTrace()
    passed: list[AsgiSend] = []

    async def application(scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        passed.append(send)

    async def receive() -> AsgiMessage:
        return {"type": "http.disconnect"}

    async def send(message: AsgiMessage) -> None:
        return

    await TracedHttp(application, trace)({"type": "http"}, receive, send)
    assert passed == [send]  # the server's own, with nothing around it
    line = EncodedMessage.received({JSON: b"{}\x1e"}, {})
    await TracedDataPlane(LocalDataPlane(), "chat", trace).send(Audience.all(), line)
    with trace.watch(TraceFilter()) as watch:
        watch.end()
        assert await watch.take() is None


# Observers


async def test_refusals_and_outages_are_told_and_passed_on(looked_at: Watched) -> None:
    told: list[tuple[object, ...]] = []

    class Recorder(NullObserver):
        def connection_opened(self, hub: str, transport: str) -> None:
            told.append((hub, transport))

        def connection_closed(self, hub: str, transport: str, reason: str) -> None:
            told.append((hub, transport, reason))

        def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
            told.append((hub, target, seconds, failed))

        def connect_refused(self, status: int) -> None:
            told.append((status,))

        def messages_throttled(self, hub: str) -> None:
            told.append((hub,))

        def broker_lost(self) -> None:
            told.append(())

        def broker_restored(self, seconds: float) -> None:
            told.append((seconds,))

    for trace in (looked_at.trace, LiveTrace()):
        observer = TracedObserver(Recorder(), trace)
        observer.connection_opened("Chat", "WebSockets")
        observer.connection_closed("Chat", "WebSockets", "closed")
        observer.invocation_finished("Chat", "Add", 0.5, False)
        observer.connect_refused(401)
        observer.messages_throttled("Chat")
        observer.broker_lost()
        observer.broker_restored(1.5)
    expected = [
        ("Chat", "WebSockets"),
        ("Chat", "WebSockets", "closed"),
        ("Chat", "Add", 0.5, False),
        (401,),
        ("Chat",),
        (),
        (1.5,),
    ]
    assert told == expected * 2
    assert await looked_at.messages() == [
        "ConnectRefused: A client was refused with 401; the log says why.",
        "MessagesThrottled: A client sends more messages than it may, and is not read for a moment.",
        "BrokerLost: The broker is away: messages between processes are refused.",
        "BrokerRestored: The broker is back after 1.5 s; what came between was missed.",
    ]
