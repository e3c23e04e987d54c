"""Streams in the signatures and at the edges of hub methods, both ways. Knows no invocation."""

from __future__ import annotations

import collections.abc
import logging
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Annotated, Any

from hubwire.errors import HubError, NotAStream
from hubwire.hub.conversion import Conversion, ConversionError

_log = logging.getLogger("hubwire.hub")

_STREAMS = (collections.abc.AsyncIterator, collections.abc.AsyncIterable, collections.abc.AsyncGenerator)


def is_stream(annotation: Any) -> bool:
    """Whether a parameter or return annotation is AsyncIterator, AsyncIterable or AsyncGenerator, of anything."""
    plain = _without_metadata(annotation)
    return (typing.get_origin(plain) or plain) in _STREAMS


def item_type(annotation: Any) -> Any:
    """What a stream is a stream of."""
    arguments = typing.get_args(_without_metadata(annotation))
    return arguments[0] if arguments else Any


def _without_metadata(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation


def items_of(value: object, method: str) -> AsyncIterator[object]:
    """The iterator over what a streaming method returned. Raises: NotAStream."""
    if not isinstance(value, AsyncIterable):
        raise NotAStream(method)
    return aiter(value)


async def end(items: AsyncIterator[object]) -> None:
    """Let an iterator that nobody reads any more release what it holds, if it can be told."""
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()


class Upload(AsyncGenerator[object, None]):
    """One stream of the client's as a hub method reads it: items are converted when they are asked for.

    No generator function: one that is left half read would need the garbage collector and a task to end.
    """

    __slots__ = ("_conversion", "_has_ended", "_items")

    def __init__(self, items: AsyncIterator[object], conversion: Conversion) -> None:
        self._items = items
        self._conversion = conversion
        self._has_ended = False

    async def __anext__(self) -> object:
        """The next item. Raises: HubError when it does not fit; the stream has ended then."""
        if self._has_ended:
            raise StopAsyncIteration
        item = await anext(self._items)
        try:
            return self._conversion.one(item)
        except ConversionError as error:
            self._has_ended = True
            # Whatever the client goes on sending is dropped, instead of waiting for a reader before all other messages.
            await end(self._items)
            _log.debug("An item of an upload does not fit: %s", error)
            raise HubError("Failed to bind Stream message.") from error

    async def asend(self, value: None, /) -> object:
        return await anext(self)

    async def athrow(self, kind: Any, value: Any = None, traceback: Any = None, /) -> object:
        await self.aclose()
        raise kind if value is None else value

    async def aclose(self) -> None:
        """Read no more: what the client still sends is dropped."""
        self._has_ended = True
        await end(self._items)
