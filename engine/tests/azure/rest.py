"""A REST data plane over a data plane of this process, with connections that keep what reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.memberships import Memberships
from hubwire.azure.rest_calls import RestRequest
from hubwire.azure.rest_errors import RestAnswer
from hubwire.azure.rest_server import RestServer
from hubwire.azure.rest_tokens import RestTokens
from hubwire.options import RestOptions
from hubwire.plane.local import LocalDataPlane
from hubwire.ports import DataPlane
from hubwire.stores.sqlite import SqliteMembershipStore
from hubwire.testing import FakeClock, MemoryLine, make_caller

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
BASE_URL = "http://shop.example"
VERSION = "2024-12-01"


class Rest:
    """The server, and a caller with a good token."""

    def __init__(self, *, options: RestOptions | None = None, unready: str | None = None) -> None:
        self.clock = FakeClock()
        self.planes: dict[str, LocalDataPlane] = {}
        self.store = SqliteMembershipStore()
        """In memory; started by tests that need it."""
        self.memberships = Memberships(self.store, self.plane_of, clock=self.clock)
        self.tokens = RestTokens([KEY], [BASE_URL], clock=self.clock)
        self.client_tokens = ClientTokens([KEY], [BASE_URL], clock=self.clock)
        self.server = RestServer(
            self.plane_of,
            self.memberships,
            self.tokens,
            self.client_tokens,
            options=options,
            unready_reason=lambda: unready,
        )

    def plane_of(self, hub: str) -> DataPlane:
        if hub not in self.planes:
            self.planes[hub] = LocalDataPlane()
        return self.planes[hub]

    def connect(self, connection_id: str, user_id: str | None = None, *, hub: str = "chat") -> MemoryLine:
        line = MemoryLine(make_caller(user_id, connection_id=connection_id, hub=hub), self.clock)
        self.plane_of(hub)
        self.planes[hub].registry.attach(line)
        return line

    async def call(
        self,
        method: str,
        path: str,
        body: object = b"",
        *,
        version: str | None = VERSION,
        query: str = "",
        content_type: str = "application/json",
        authorization: str | None = None,
    ) -> RestAnswer:
        """Args:
        body: bytes as they are, anything else as JSON.
        version: None for `/api/v1`.
        authorization: None: a token for this path.
        """
        path = quote(path, safe="/:%")
        if version is not None:
            query = f"api-version={version}&{query}".rstrip("&")
        if authorization is None:
            authorization = f"Bearer {self.tokens.sign(path)[0]}"
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.server.handle(RestRequest(method, path, query, authorization, content_type, data))


def body_of(answer: RestAnswer) -> Any:
    """The JSON of an answer."""
    return msgspec.json.decode(answer.body)


def fields_of(answer: RestAnswer) -> Mapping[str, str]:
    """The headers of an answer."""
    return dict(answer.fields)


def code_of(answer: RestAnswer) -> str | None:
    """What tools tell cases apart by."""
    return fields_of(answer).get("x-ms-error-code")
