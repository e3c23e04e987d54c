"""Tells connections that go back to blue where to go, so that they need not ask first: back is to be at once.

They are let in as who they are where they are, as if they had stayed: a role that was changed since their connect
counts from the next one that asks. Told are those with a log-in of ours, which holds, and the shop's own programs;
whoever came with another issuer's token asks, and is looked at anew. Knows no hub.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from meschain.auth.ports import ClientAccess, LoginSessionStore
from meschain.domain.payloads import NegotiateAnswer
from meschain.domain.roles import Role
from meschain.services.ports import Clock, OpenConnection, StoredConnections

_TOKEN_SECONDS: Final = 60.0
"""A client that goes later than that, or whose attempt fails, asks."""

_log = logging.getLogger(__name__)


class WayBack:
    """Args:
    access: to blue.
    connections: what is known of those that green holds.
    """

    def __init__(
        self, access: ClientAccess, connections: StoredConnections, log_ins: LoginSessionStore, clock: Clock
    ) -> None:
        self._access = access
        self._connections = connections
        self._log_ins = log_ins
        self._clock = clock

    async def places(self, hub: str, connection_ids: Sequence[str]) -> Mapping[str, NegotiateAnswer]:
        """By connection id; those that are left out, and all when something cannot be read, ask for themselves."""
        try:
            known = await self._connections.among(hub, connection_ids)
            log_ins = sorted({each.log_in for each in known if each.log_in})
            ended = set(await self._log_ins.ended(log_ins, self._clock.now())) if log_ins else set()
            told = [each for each in known if _is_ours(each) and each.log_in not in ended]
            return {each.connection_id: await self._place(hub, each) for each in told}
        except Exception:  # noqa: BLE001 - boundary to the database, and to blue: without it they ask
            _log.warning("%d connections have to ask for their place", len(connection_ids), exc_info=True)
            return {}

    async def _place(self, hub: str, connection: OpenConnection) -> NegotiateAnswer:
        return await self._access.issue(hub, connection.who, _TOKEN_SECONDS, connection.log_in or None)


def _is_ours(connection: OpenConnection) -> bool:
    return connection.log_in != "" or connection.who.role is Role.SERVICE
