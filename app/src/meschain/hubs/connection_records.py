"""Tells the book of open connections what happens to them: opened, active, ended. Knows neither tables nor hosting."""

from __future__ import annotations

from hubwire import HubCallerContext, HubFilter, InvocationContext
from hubwire.hub.filters import ConnectedNext, DisconnectedNext, InvokeNext
from meschain.auth.claims import session_of
from meschain.hubs.authorise import caller_identity
from meschain.services.ports import Clock, ConnectionBook, OpenConnection


class ConnectionRecords(HubFilter):
    """Put it behind whatever refuses: a connection that was not let in never opened, a refused call is no activity.

    Args:
        node: the process that holds the connections; empty: a service does.
    """

    def __init__(self, connections: ConnectionBook, clock: Clock, node: str = "") -> None:
        self._connections = connections
        self._clock = clock
        self._node = node

    async def connected(self, context: HubCallerContext, proceed: ConnectedNext, /) -> None:
        await proceed(context)
        await self._connections.opened(
            OpenConnection(
                hub=context.caller.hub,
                connection_id=context.connection_id,
                log_in=session_of(context.claims) or "",
                who=caller_identity(context),
                opened_at=self._clock.now(),
                node=self._node,
            )
        )

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        self._connections.active(call.context.caller.hub, call.context.connection_id)
        return await proceed(call)

    async def disconnected(
        self, context: HubCallerContext, error: BaseException | None, proceed: DisconnectedNext, /
    ) -> None:
        await self._connections.ended(context.caller.hub, context.connection_id)
        await proceed(context, error)
