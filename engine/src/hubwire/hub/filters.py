"""Filters around hub calls: the one place for checks and measurements that concern every method."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from hubwire.hub.context import HubCallerContext
from hubwire.hub.hub import Hub


@dataclass(frozen=True, slots=True)
class InvocationContext:
    """One call of a hub method, arguments already bound to their annotated types."""

    context: HubCallerContext
    hub: Hub[Any]
    """The object made for this call."""
    method: str
    """The registered wire name, whatever the caller's spelling."""
    arguments: tuple[object, ...]
    """Defaults and uploads included. A filter may pass on a call with others (`dataclasses.replace`)."""
    is_streaming: bool = False
    """Whether the method streams, so that its result is an asynchronous iterator."""


ConnectedNext = Callable[[HubCallerContext], Awaitable[None]]
"""The rest of the way of a connect: further filters, then the hub's `connected`."""
InvokeNext = Callable[[InvocationContext], Awaitable[object]]
"""The rest of the way of a call: further filters, then the hub method."""
DisconnectedNext = Callable[[HubCallerContext, BaseException | None], Awaitable[None]]
"""The rest of the way of a disconnect: further filters, then the hub's `disconnected`."""


class HubFilter:
    """Override what is needed; each method with a `proceed` must await it to go on, or raise to refuse.

    One filter object serves all calls at once. The first filter of a list is the outermost.
    """

    async def connected(self, context: HubCallerContext, proceed: ConnectedNext, /) -> None:
        """Around `Hub.connected`. Raising ends the connection."""
        await proceed(context)

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        """Around every hub method. Raise `Forbidden` to refuse; what is returned is the caller's result.

        Around a streaming method it stands before the first item: what `proceed` returns is the iterator of its items,
        of which nothing has run yet, and so must be what is returned. What the items raise passes through `stream`.
        """
        return await proceed(call)

    def stream(self, call: InvocationContext, items: AsyncIterator[object], /) -> AsyncIterator[object]:
        """Around the items of a streaming method that `invoke` has let pass, of which it can thus not be the guard.

        To watch, change or drop items, override it with an asynchronous generator that goes through `items` and yields.
        """
        return items

    async def disconnected(
        self, context: HubCallerContext, error: BaseException | None, proceed: DisconnectedNext, /
    ) -> None:
        """Around `Hub.disconnected`."""
        await proceed(context, error)
