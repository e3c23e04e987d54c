"""Filters around hub calls: the one place for checks and measurements that concern every method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
    """Defaults included. A filter may pass on a call with others (`dataclasses.replace`)."""


ConnectedNext = Callable[[HubCallerContext], Awaitable[None]]
InvokeNext = Callable[[InvocationContext], Awaitable[object]]
DisconnectedNext = Callable[[HubCallerContext, BaseException | None], Awaitable[None]]


class HubFilter:
    """Override what is needed; each method must await `proceed` to go on, or raise to refuse.

    One filter object serves all calls at once. The first filter of a list is the outermost.
    """

    async def connected(self, context: HubCallerContext, proceed: ConnectedNext, /) -> None:
        """Around `Hub.connected`. Raising ends the connection."""
        await proceed(context)

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        """Around a hub method. Raise `Forbidden` to refuse; what is returned is the caller's result."""
        return await proceed(call)

    async def disconnected(
        self, context: HubCallerContext, error: BaseException | None, proceed: DisconnectedNext, /
    ) -> None:
        """Around `Hub.disconnected`."""
        await proceed(context, error)
