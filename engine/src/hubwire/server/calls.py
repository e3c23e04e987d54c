"""Runs the calls of one connection in its hub and tells the session what came of them. Knows no transport.

Each coroutine here is a task of its own. However it ends, the client that waits for a completion gets exactly one.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Sequence
from typing import Protocol

from hubwire.hub.failures import completion_error, is_expected, log_unexpected, stream_error
from hubwire.hub.ongoing import BEFORE_ASKING, nothing
from hubwire.model import Caller
from hubwire.server.activity import Activity
from hubwire.server.hosted import HostedHub
from hubwire.server.tasks import is_ending
from hubwire.server.uploads import Upload
from hubwire.session.session import Session
from hubwire.wire.messages import Invocation, StreamInvocation

_ITEMS_PER_TURN = 20
"""Items that a stream may send before everybody else has a turn; a method that never waits would take all the time."""


class Host(Protocol):
    """The connection, as its calls see it."""

    caller: Caller
    hub: HostedHub
    session: Session
    activity: Activity | None

    def pump(self) -> None:
        """Do what the session asks for."""

    async def until_writable(self) -> None:
        """Return when the client takes data; at once if it does so now."""


async def invoke(host: Host, invocation: Invocation, uploads: Sequence[Upload] = ()) -> None:
    """Run a plain method."""
    hub = host.hub
    started = hub.clock.monotonic()
    BEFORE_ASKING.set(functools.partial(_give_way, host, invocation))
    try:
        result = await hub.handler.invoke(host.caller, invocation, uploads)
    except (Exception, asyncio.CancelledError) as error:
        is_cancelled = is_stopped(error, host.caller, invocation.target)
        now = hub.clock.monotonic()
        name = hub.method_name(invocation.target)
        has_failed = not is_cancelled and not is_expected(error)
        hub.observer.invocation_finished(hub.name, name or "unknown", now - started, has_failed)
        text = completion_error(error, name or invocation.target, hub.options.detailed_errors)
        if host.activity is not None:
            host.activity.finish(invocation.invocation_id, uploads)
        host.session.send_error(invocation, text, now)
        host.pump()
        if is_cancelled:
            raise
    else:
        now = hub.clock.monotonic()
        name = hub.method_name(invocation.target) or "unknown"
        hub.observer.invocation_finished(hub.name, name, now - started, False)
        if host.activity is not None:
            host.activity.finish(invocation.invocation_id, uploads)
        host.session.send_result(invocation, result, now)
        host.pump()


async def stream(host: Host, invocation: StreamInvocation, uploads: Sequence[Upload] = ()) -> None:
    """Run a streaming method: it is asked for an item only while the client takes data."""
    hub = host.hub
    started = hub.clock.monotonic()
    BEFORE_ASKING.set(nothing)  # a stream holds no permit
    sent = 0
    failure: BaseException | None = None
    try:
        async with contextlib.aclosing(hub.handler.stream(host.caller, invocation, uploads)) as items:
            await host.until_writable()
            async for item in items:
                host.session.send_item(invocation, item)
                host.pump()
                sent += 1
                if is_ending():  # the method has kept its cancellation to itself
                    break
                if sent % _ITEMS_PER_TURN == 0:
                    await asyncio.sleep(0)
                await host.until_writable()
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - boundary to hub code, which logs itself
        failure = error
    is_cancelled = failure is not None and is_stopped(failure, host.caller, invocation.target)
    now = hub.clock.monotonic()
    name = hub.method_name(invocation.target)
    has_failed = failure is not None and not is_cancelled and not is_expected(failure)
    hub.observer.invocation_finished(hub.name, name or "unknown", now - started, has_failed)
    text = None
    if failure is not None and not is_ending():  # what a stopped method says on its way out interests nobody
        detailed = hub.options.detailed_errors
        text = (
            stream_error(failure, detailed) if sent else completion_error(failure, name or invocation.target, detailed)
        )
    if host.activity is not None:
        host.activity.finish(invocation.invocation_id, uploads)
    host.session.send_stream_end(invocation, now, text)
    host.pump()
    if is_cancelled and failure is not None:
        raise failure


def _give_way(host: Host, invocation: Invocation) -> None:
    host.session.give_way(invocation, host.hub.clock.monotonic())
    host.pump()


def is_stopped(error: BaseException, caller: Caller, event: str) -> bool:
    """Whether the call or event was stopped from outside.

    Hub code may also raise a cancellation itself, as it does by awaiting a task that somebody cancelled. That is a
    failure like any other, and logged here; unanswered, all later calls of the connection would wait for it.
    """
    if not isinstance(error, asyncio.CancelledError):
        return False
    if is_ending():
        return True
    log_unexpected(error, caller, event)
    return False
