"""Log-in, session and negotiate behind real sockets; the clock and the second source of users are the test's."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from app.tests.auth.rig import PASSWORD, Rig
from app.tests.conftest import Serve
from starlette.applications import Starlette

from hubwire.azure.jwt import ClientTokens
from hubwire.model import ConnectRequest, Principal
from meschain.auth.keys import CLIENT_KEYS, Secrets
from meschain.auth.ports import ClientAccess
from meschain.auth.throttle import SlidingLimit
from meschain.bootstrap.engine_clock import EngineClock
from meschain.http.bearer import Callers
from meschain.http.client_address import ClientAddress
from meschain.http.login import REFRESH_COOKIE, Login
from meschain.http.negotiate import HubAccess, Negotiate
from meschain.http.session import session_routes
from meschain.http.throttle import NegotiateThrottle

PUBLIC_URL = "https://shop.example.com"
OTHER_ORIGIN = "https://admin.example.com"


@dataclass
class Api:
    """The routes of identity at an address."""

    rig: Rig
    url: str
    http: aiohttp.ClientSession
    tokens: ClientTokens

    async def post(
        self, path: str, *, token: str | None = None, json: object = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """POST without any cookie but those in `headers`."""
        given = dict(headers or {})
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        async with self.http.post(f"{self.url}{path}", json=json, headers=given) as answer:
            return await Answer.of(answer)

    async def get(self, path: str, *, token: str | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        async with self.http.get(f"{self.url}{path}", headers=headers) as answer:
            return await Answer.of(answer)

    async def login(self, username: str, password: str = PASSWORD) -> Answer:
        return await self.post("/api/login", json={"username": username, "password": password})

    async def token(self, username: str) -> str:
        """A bearer token of this user."""
        answer = await self.login(username)
        assert answer.status == 200, answer
        return str(answer.body["accessToken"])

    async def verified(self, token: str, hub: str) -> Principal:
        """Whom the hub's endpoint sees behind a token of negotiate."""
        request = ConnectRequest("GET", "/client/", {"hub": [hub]}, {}, "127.0.0.1", "https")
        return await self.tokens.verify(token, hub, request)


@dataclass
class Answer:
    """What came back."""

    status: int
    reason: str
    headers: dict[str, str]
    cookies: list[str]
    text: str
    body: dict[str, object]

    @classmethod
    async def of(cls, answer: aiohttp.ClientResponse) -> Answer:
        is_json = answer.content_type == "application/json" and answer.status != 204
        return cls(
            answer.status,
            answer.reason or "",
            {name.lower(): value for name, value in answer.headers.items()},
            answer.headers.getall("Set-Cookie", []),
            await answer.text(),
            await answer.json() if is_json else {},
        )

    @property
    def refresh_cookie(self) -> dict[str, str]:
        """A `Cookie` header with the cookie that was set."""
        return {"Cookie": next(cookie.partition(";")[0] for cookie in self.cookies if REFRESH_COOKIE in cookie)}


async def served_api(
    rig: Rig,
    serve: Serve,
    http: aiohttp.ClientSession,
    *,
    public_url: str = PUBLIC_URL,
    trusted_proxies: tuple[str, ...] = (),
    per_user: int = 100,
    per_address: int = 100,
    access: ClientAccess | None = None,
) -> Api:
    """Serve the routes on a free port."""
    client_tokens = ClientTokens(
        Secrets("kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU").access_keys(CLIENT_KEYS), [public_url], clock=EngineClock(rig.clock)
    )
    callers = Callers(rig.bearers)
    address = ClientAddress(trusted_proxies)
    login = Login(
        rig.service, callers, address, rig.clock, public_url=public_url, allowed_origins=[OTHER_ORIGIN], demo=True
    )
    throttle = NegotiateThrottle(
        SlidingLimit(per_user, 60, rig.clock.monotonic), SlidingLimit(per_address, 60, rig.clock.monotonic)
    )
    access = access or HubAccess(client_tokens)
    negotiate = Negotiate(callers, access, throttle, address, rig.clock, token_seconds=3600)
    routes = [*login.routes(), *negotiate.routes(), *session_routes(callers, demo=True)]
    return Api(rig, await serve(Starlette(routes=routes)), http, client_tokens)
