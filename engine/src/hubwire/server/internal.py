"""What a node serves on its internal listener: requests that its peers pass on, and besides the application itself.

The mounting application has seen a request that is passed on already, with its middleware, at the node that got it
from the client; here it goes to the hubs directly. Anything without a peer's stamp is served as on the public port.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hubwire.server.app import HubServer
from hubwire.server.peers import STAMP_HEADER
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend

_STAMP_HEADER = STAMP_HEADER.encode()


class InternalApplication:
    """An ASGI application."""

    __slots__ = ("_app", "_hubs")

    def __init__(self, hubs: HubServer, app: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._hubs = hubs
        self._app = app

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        if any(name == _STAMP_HEADER for name, _ in scope.get("headers", ())):  # ASGI has them in lower case
            await self._hubs.serve_peer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
