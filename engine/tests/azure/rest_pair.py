"""The REST data plane over a plane of this process, really served, and the client's plane over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hubwire import HubServer
from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.credentials import KeyAuthorization
from hubwire.azure.data_plane import AzureDataPlane
from hubwire.azure.jwt import ClientTokens
from hubwire.azure.memberships import Memberships
from hubwire.azure.rest_client import RestClient
from hubwire.azure.rest_server import RestServer
from hubwire.azure.rest_tokens import RestTokens
from hubwire.options import AzureOptions
from hubwire.plane.local import LocalDataPlane
from hubwire.ports import DataPlane
from hubwire.server.rest import RestApplication
from hubwire.stores.sqlite import SqliteMembershipStore
from hubwire.testing import serving

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
AT_HOME = ["http://127.0.0.1"]


@asynccontextmanager
async def rest_service() -> AsyncIterator[tuple[str, LocalDataPlane]]:
    """A connection string, and the plane that all hubs have behind it."""
    plane = LocalDataPlane()
    hubs = HubServer()

    def plane_of(hub: str) -> DataPlane:
        return plane

    store = SqliteMembershipStore()
    await store.start()
    rest = RestApplication(
        RestServer(plane_of, Memberships(store, plane_of), RestTokens([KEY], AT_HOME), ClientTokens([KEY], AT_HOME))
    )

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await (hubs if scope["type"] == "lifespan" else rest)(scope, receive, send)

    try:
        async with serving(hubs, application) as address:
            yield f"Endpoint={address};AccessKey={KEY};Version=1.0;", plane
    finally:
        await store.stop()


@asynccontextmanager
async def rest_pair(options: AzureOptions | None = None) -> AsyncIterator[tuple[AzureDataPlane, LocalDataPlane]]:
    """The client's plane, and the one behind the server."""
    async with rest_service() as (text, plane):
        connection = ConnectionString.parse(text)
        async with RestClient(connection, KeyAuthorization(connection, 3600), options) as client:
            yield AzureDataPlane(client, "hub"), plane
