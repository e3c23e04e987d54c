"""A running installation, asked as its users do. Tokens are made from the secret in the settings. Knows no check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from hubwire.client import HubConnection
from meschain.auth.claims import SERVICE_PREFIX
from meschain.auth.keys import LOGIN_KEYS
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.own_accounts import own_identity
from meschain.domain.roles import Identity, Operation, Role, may
from meschain.entrypoints.cli.state import open_state
from meschain.settings import Settings
from meschain.state.demo_file import signing_secrets

WAIT_SECONDS: Final = 15.0
"""How long anything here may take before it counts as not coming."""
TRANSPORTS: Final = ("WebSockets", "ServerSentEvents", "LongPolling")
_PRESENCE_SECONDS: Final = 90.0
"""Who leaves is written down within seconds; behind a service it may take until the service is asked."""
_LOOK_SECONDS: Final = 0.2
_TOKEN_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Installation:
    """A running one, asked as its users do."""

    url: str
    settings: Settings
    http: aiohttp.ClientSession
    programs: Callable[[str], str]
    """A token for a program of that name."""
    administrator: str | None
    """A token of an own account that may read everything; None: there is no such account."""
    other: tuple[Role, str] | None
    """Role and token of an own account that may not enter the administrators' hub; None: there is none."""

    def connection(self, hub: str, token: str, *, transports: Sequence[str] = TRANSPORTS, **more: Any) -> HubConnection:
        return HubConnection(f"{self.url}/api?hub={hub}", access_token=token, transports=transports, **more)

    async def negotiate(self, hub: str, token: str, **headers: str) -> int:
        """The status of the answer."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with self.http.post(f"{self.url}/api/negotiate?hub={hub}", headers=headers) as answer:
            return answer.status

    async def read(self, path: str, token: str = "", **headers: str) -> tuple[int, Any]:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with self.http.get(f"{self.url}{path}", headers=headers) as answer:
            return answer.status, await answer.json()

    async def until_online(self, programs: set[str], *, is_online: bool) -> None:
        """Return when all of these are shown among who is online, or none of them. Needs an administrator.

        Raises: TimeoutError.
        """
        async with asyncio.timeout(_PRESENCE_SECONDS):
            while True:
                _, online = await self.read("/api/presence", self.administrator or "")
                shown = programs & {each["userId"].removeprefix(SERVICE_PREFIX) for each in online["people"]}
                if shown == (programs if is_online else set()):
                    return
                await asyncio.sleep(_LOOK_SECONDS)


def program(name: str) -> Identity:
    """The program of that name, as whom the checks come."""
    return Identity(f"{SERVICE_PREFIX}{name}", name, Role.SERVICE)


@asynccontextmanager
async def reached(settings: Settings, url: str) -> AsyncIterator[Installation]:
    """The one with these settings that answers there, whether it does or not."""
    async with (
        open_state(settings) as state,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_SECONDS)) as http,
    ):
        tokens = LoginTokens(signing_secrets(settings).keys(LOGIN_KEYS), state.clock)
        accounts = [each for each in await state.accounts.list() if each.source == "own" and not each.disabled]
        is_admin = {each.id: may(each.role, Operation.JOIN_ADMIN_GROUP) for each in accounts}
        administrators = [tokens.issue(own_identity(each), _TOKEN_SECONDS) for each in accounts if is_admin[each.id]]
        others = [
            (each.role, tokens.issue(own_identity(each), _TOKEN_SECONDS)) for each in accounts if not is_admin[each.id]
        ]
        yield Installation(
            url=url.rstrip("/"),
            settings=settings,
            http=http,
            programs=lambda name: tokens.issue(program(name), _TOKEN_SECONDS),
            administrator=next(iter(administrators), None),
            other=next(iter(others), None),
        )
