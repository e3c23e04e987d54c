"""A live trace: what watchers see of it, and that it is bounded and says what it has lost."""

from __future__ import annotations

import asyncio

import pytest

from hubwire.errors import TooManyWatchers
from hubwire.model import Audience, Caller
from hubwire.options import LiveTraceOptions
from hubwire.server.live_trace import LiveTrace, TraceCategory, TraceEvent, TraceFilter, TraceLevel, TraceWatch
from hubwire.testing import FakeClock, make_caller

EVERYTHING = TraceFilter()
CONNECTIVITY, MESSAGING, HTTP = TraceCategory


def make_trace(options: LiveTraceOptions | None = None) -> LiveTrace:
    return LiveTrace(options, clock=FakeClock(), is_diagnostic=lambda caller: "diagnostic" in caller.claims)


def diagnostic(user_id: str | None = "dora", connection_id: str = "d", hub: str = "chat") -> Caller:
    return make_caller(user_id, connection_id=connection_id, hub=hub, claims={"diagnostic": True})


def happen(trace: LiveTrace, count: int = 1, caller: Caller | None = None) -> None:
    for number in range(count):
        trace.tell_of_caller(caller or make_caller("ann", hub="chat"), CONNECTIVITY, f"E{number}", "It happened.")


async def seen(watch: TraceWatch) -> list[str]:
    """Everything up to now."""
    watch.end()
    taken = await watch.take()
    return [] if taken is None else [event.event for event in taken[0]]


async def test_nobody_watches_until_somebody_does() -> None:
    trace = make_trace()
    seen = [trace.is_watched]
    with trace.watch(EVERYTHING):
        with trace.watch(EVERYTHING):
            seen.append(trace.is_watched)
        seen.append(trace.is_watched)
    seen.append(trace.is_watched)
    assert seen == [False, True, True, False]


async def test_a_watcher_sees_what_happens_from_then_on_in_its_order() -> None:
    trace = make_trace()
    happen(trace)
    with trace.watch(EVERYTHING) as watch:
        happen(trace, 3)
        assert await seen(watch) == ["E0", "E1", "E2"]


async def test_an_event_tells_whom_it_is_about() -> None:
    trace = make_trace()
    caller = make_caller("ann", connection_id="a", hub="Chat", transport="WebSockets")
    with trace.watch(EVERYTHING) as watch:
        trace.tell_of_caller(caller, CONNECTIVITY, "ConnectionAborted", "It broke.", error=TimeoutError("late"))
        taken = await watch.take()
    assert taken is not None
    (event,) = taken[0]
    assert event == TraceEvent(
        time=event.time,
        level=TraceLevel.WARNING,
        category=CONNECTIVITY,
        event="ConnectionAborted",
        message="It broke.",
        exception="TimeoutError",
        hub="chat",
        connection_id="a",
        user_id="ann",
        address="127.0.0.1",
        transport="WebSockets",
    )


async def test_a_request_that_failed_or_was_left_is_a_warning() -> None:
    trace = make_trace()
    with trace.watch(EVERYTHING) as watch:
        for status in (202, 404, None):
            trace.tell_of_request("POST", "/api/x", status, 0.0123, "10.0.0.1", "7")
        taken = await watch.take()
    assert taken is not None
    assert [(event.level.value, event.event, event.message) for event in taken[0]] == [
        ("information", "RequestAnswered", "POST /api/x: 202 after 12.3 ms"),
        ("warning", "RequestFailed", "POST /api/x: 404 after 12.3 ms"),
        ("warning", "RequestFailed", "POST /api/x: was left after 12.3 ms"),
    ]


async def test_that_nobody_is_there_is_an_answer() -> None:
    trace = make_trace()
    with trace.watch(EVERYTHING) as watch:
        for method, status in (("HEAD", 404), ("HEAD", 401), ("GET", 404)):
            trace.tell_of_request(method, "/api/x", status, 0.001, None, None)
        taken = await watch.take()
    assert taken is not None
    assert [event.event for event in taken[0]] == ["RequestAnswered", "RequestFailed", "RequestFailed"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EVERYTHING, "connected sent RequestAnswered throttled"),
        (TraceFilter(categories=frozenset({MESSAGING})), "sent throttled"),
        (TraceFilter(categories=frozenset({CONNECTIVITY, HTTP})), "connected RequestAnswered"),
        (TraceFilter(hub="chat"), "connected sent throttled"),
        (TraceFilter(hub="other"), ""),
        (TraceFilter(user_id="ann"), "connected sent"),
        (TraceFilter(user_id="bob"), ""),
        (TraceFilter(connection_id="a"), "connected"),
    ],
)
async def test_a_filter_leaves_out_what_was_not_asked_for(wanted: TraceFilter, expected: str) -> None:
    trace = make_trace()
    with trace.watch(wanted) as watch:
        trace.tell_of_caller(make_caller("ann", connection_id="a", hub="chat"), CONNECTIVITY, "connected", "")
        trace.tell_of_audience("chat", Audience.user("ann"), MESSAGING, "sent", "")
        trace.tell_of_request("POST", "/api/x", 202, 0.1, None, None)
        trace.tell_of_service(MESSAGING, "throttled", "", hub="chat")
        assert await seen(watch) == expected.split()


async def test_diagnostic_clients_can_be_watched_alone() -> None:
    trace = make_trace()
    client, stranger = diagnostic(), make_caller("ann", connection_id="a", hub="chat")
    with trace.watch(TraceFilter(is_diagnostic_only=True)) as watch:
        for caller in (client, stranger):
            trace.opened(caller)
            trace.tell_of_caller(caller, CONNECTIVITY, f"{caller.connection_id} connected", "")
        for hub, audience in (
            ("chat", Audience.connections(["a", "d"])),
            ("chat", Audience.connection("a")),
            ("chat", Audience.users(["ann", "dora"])),
            ("other", Audience.user("dora")),
            ("chat", Audience.user("ann")),
            ("chat", Audience.all()),
            ("chat", Audience.group("g")),
            ("other", Audience.all()),
        ):
            trace.tell_of_audience(hub, audience, MESSAGING, f"{hub} {audience.kind.value} {len(audience.names)}", "")
        trace.closed(client)
        trace.tell_of_audience("chat", Audience.user("dora"), MESSAGING, "gone", "")
        trace.tell_of_audience("chat", Audience.all(), MESSAGING, "gone", "")
        assert await seen(watch) == ["d connected", "chat connections 2", "chat users 2", "chat all 0", "chat groups 1"]


async def test_a_diagnostic_user_counts_while_any_of_its_connections_is_there() -> None:
    trace = make_trace()
    first, second = diagnostic(connection_id="1"), diagnostic(connection_id="2")
    with trace.watch(TraceFilter(is_diagnostic_only=True)) as watch:
        for step, caller in ((trace.opened, first), (trace.opened, second), (trace.closed, first)):
            step(caller)
        trace.closed(make_caller("nobody"))
        trace.tell_of_audience("chat", Audience.user("dora"), MESSAGING, "sent", "")
        trace.closed(second)
        trace.closed(second)
        trace.tell_of_audience("chat", Audience.user("dora"), MESSAGING, "gone", "")
        assert await seen(watch) == ["sent"]


async def test_a_watcher_who_does_not_follow_loses_the_newest_and_is_told() -> None:
    trace = make_trace(LiveTraceOptions(buffer_events=3))
    with trace.watch(EVERYTHING) as slow, trace.watch(TraceFilter(user_id="nobody")) as other:
        happen(trace, 5)
        taken = await slow.take()
        assert taken is not None
        assert ([event.event for event in taken[0]], taken[1]) == (["E0", "E1", "E2"], 2)
        happen(trace)
        taken = await slow.take()
        assert taken is not None
        assert ([event.event for event in taken[0]], taken[1]) == (["E0"], 0)
        assert await seen(other) == []


async def test_more_watchers_than_may_are_refused() -> None:
    trace = make_trace(LiveTraceOptions(maximum_watchers=2))
    refused = pytest.raises(TooManyWatchers, match="raise LiveTraceOptions")
    with trace.watch(EVERYTHING), trace.watch(EVERYTHING), refused, trace.watch(EVERYTHING):
        pass
    with trace.watch(EVERYTHING):
        pass


async def test_a_stop_lets_watchers_go_once_they_have_what_waits() -> None:
    trace = make_trace()
    with trace.watch(EVERYTHING) as early:
        waiting = asyncio.ensure_future(early.take())
        await asyncio.sleep(0)
        happen(trace)
        trace.stop()
        happen(trace)
        taken = await waiting
        assert taken is not None
        assert len(taken[0]) == 1
        assert await early.take() is None
        with trace.watch(EVERYTHING) as late:
            assert await late.take() is None
