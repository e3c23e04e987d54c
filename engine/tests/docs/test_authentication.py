"""The page "Authenticate" is true."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from engine.tests.docs.pages import HOW_TO, run_page
from engine.tests.docs.socket_client import connected
from websockets.exceptions import InvalidStatus

import hubwire
from hubwire.testing import FakeClock, serving


@pytest.fixture
def page() -> dict[str, Any]:
    return run_page(HOW_TO / "authentication.md")


def token(page: dict[str, Any], user: str, claims: dict[str, object] | None = None) -> str:
    content = {"sub": user, "aud": "orders", "exp": time.time() + 60, **(claims or {})}
    return jwt.encode(content, page["KEY"], algorithm="HS256")


async def test_the_hub_knows_its_caller_by_the_token(page: dict[str, Any]) -> None:
    async with serving(page["server"]) as address:
        async with connected(f"{address}/orders", token(page, "ann", {"role": "clerk"})) as ann:
            assert await ann.call("WhoAmI") == {"user": "ann", "role": "clerk"}
            with pytest.raises(RuntimeError, match="'CancelOrder' because user is unauthorized"):
                await ann.call("CancelOrder", 7)
        query = f"access_token={token(page, 'bob', {'role': 'manager'})}"
        async with connected(f"{address}/orders?{query}") as bob:
            assert await bob.call("CancelOrder", 7) == "order 7 is cancelled"


@pytest.mark.parametrize("changed", [{"exp": 1}, {"aud": "other"}, {"sub": None}])
async def test_what_does_not_verify_is_refused_with_401(page: dict[str, Any], changed: dict[str, object]) -> None:
    async with serving(page["server"]) as address:
        for given in (None, "no token at all", token(page, "ann", changed)):
            with pytest.raises(InvalidStatus) as refused:
                async with connected(f"{address}/orders", given):
                    pass
            assert (refused.value.response.status_code, refused.value.response.body) == (401, b"")


async def test_the_filter_guards_every_method(page: dict[str, Any]) -> None:
    async with serving(page["server"]) as address:
        async with connected(f"{address}/back-office", token(page, "ann")) as ann:
            with pytest.raises(RuntimeError, match="because user is unauthorized"):
                await ann.call("WhoAmI")
        async with connected(f"{address}/back-office", token(page, "bob", {"role": "manager"})) as bob:
            assert await bob.call("WhoAmI") == {"user": "bob", "role": "manager"}


async def test_an_expired_token_ends_the_connection_if_asked_to(page: dict[str, Any]) -> None:
    clock = FakeClock(time.time())
    server = hubwire.HubServer(verifier=page["JwtVerifier"](page["KEY"], audience="orders"), clock=clock)
    server.add(page["OrdersHub"], path="/orders", options=hubwire.HubOptions(close_on_expiration=True))
    ends: dict[str, object] = {"exp": clock.time() + 60}  # by the server's clock, however long it takes to start
    async with serving(server) as address, connected(f"{address}/orders", token(page, "ann", ends)) as ann:
        assert await ann.call("WhoAmI") == {"user": "ann", "role": None}
        for _ in range(62):
            await clock.until_sleeping()
            clock.advance(1)
        assert await ann.receive(7) == {"type": 7, "allowReconnect": True}
