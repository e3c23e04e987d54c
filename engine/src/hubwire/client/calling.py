"""The three ways to call a hub: for a result, for nothing, for a stream. Knows the link, no bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from hubwire.client.errors import ClientError, InvocationError, UnexpectedResult
from hubwire.client.link import Link
from hubwire.client.uploads import Uploads
from hubwire.hub.conversion import Conversion, ConversionError
from hubwire.wire.messages import Completion, Invocation, StreamInvocation


async def call(link: Link, target: str, arguments: Sequence[object], conversion: Conversion | None) -> Any:
    """Return the result. Raises: as `HubConnection.invoke`."""
    call_id = link.next_id()
    answer = link.calls.begin(call_id)
    try:
        async with Uploads(link, arguments) as uploads:
            await link.send(Invocation(target, uploads.arguments, call_id, {}, uploads.stream_ids))
            uploads.start()
            with link.backlog.awaiting():
                completion = await answer
    except asyncio.CancelledError:
        link.cancel(call_id)
        raise
    finally:
        link.calls.forget(call_id)
    if completion.error is not None:
        raise InvocationError(target, completion.error)
    return _converted(target, completion.result, conversion)


async def tell(link: Link, target: str, arguments: Sequence[object]) -> None:
    """Return when everything is written. Raises: as `HubConnection.send`."""
    async with Uploads(link, arguments) as uploads:
        await link.send(Invocation(target, uploads.arguments, None, {}, uploads.stream_ids))
        uploads.start()
        await uploads.finished()


async def read_stream(
    find_link: Callable[[], Link], target: str, arguments: Sequence[object], conversion: Conversion | None
) -> AsyncGenerator[Any, None]:
    """Yield the items. Raises: as `HubConnection.stream`."""
    link = find_link()
    call_id = link.next_id()
    inbox = link.calls.begin_stream(call_id, target)
    is_running = True
    try:
        async with Uploads(link, arguments) as uploads:
            try:
                await link.send(StreamInvocation(call_id, target, uploads.arguments, {}, uploads.stream_ids))
            except (ClientError, TypeError, ValueError):
                is_running = False
                raise
            uploads.start()
            while not isinstance(message := await inbox.next(), Completion):
                yield _converted(target, message.item, conversion)
    finally:
        if is_running and not inbox.has_ended:
            link.cancel(call_id)
        link.calls.forget(call_id)
    if message.error is not None:
        raise InvocationError(target, message.error)


def _converted(target: str, value: object, conversion: Conversion | None) -> Any:
    if conversion is None:
        return value
    try:
        return conversion.one(value)
    except ConversionError as error:
        raise UnexpectedResult(target, error) from error
