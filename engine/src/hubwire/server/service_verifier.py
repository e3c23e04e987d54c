"""Client tokens as a service takes them: in the header, or in the query where browsers cannot set one."""

from __future__ import annotations

from hubwire.azure.jwt import ClientTokens
from hubwire.model import ConnectRequest, Principal
from hubwire.transports.sse import MEDIA_TYPE


class ServiceVerifier:
    """Implements `TokenVerifier` (azure-serverless 2.3).

    A token in the query counts for WebSockets and Server-Sent Events alone; addresses stand in logs of proxies.
    """

    __slots__ = ("_tokens",)

    def __init__(self, tokens: ClientTokens) -> None:
        self._tokens = tokens

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        headers = request.headers
        if "authorization" not in headers and not (
            headers.get("upgrade", "").lower() == "websocket" or MEDIA_TYPE in headers.get("accept", "").lower()
        ):
            token = None
        return await self._tokens.verify(token, hub, request)
