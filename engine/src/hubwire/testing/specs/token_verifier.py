"""What every `TokenVerifier` promises."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from hubwire.errors import Unauthorized
from hubwire.model import Principal
from hubwire.ports import TokenVerifier
from hubwire.testing.clock import FakeClock
from hubwire.testing.lines import make_caller


class Mint(Protocol):
    """Makes tokens that the verifier under test is to accept."""

    def __call__(self, hub: str, user_id: str, claims: Mapping[str, object], lifetime_seconds: float) -> str: ...


class TokenVerifierSpec(ABC):
    """Implement `create`; each test gets a verifier of its own."""

    @abstractmethod
    def create(self, clock: FakeClock) -> AbstractAsyncContextManager[tuple[TokenVerifier, Mint]]:
        """A verifier on this clock, and the maker of its tokens; leaving the context ends both."""

    @pytest.fixture(autouse=True)
    async def _begin(self) -> AsyncIterator[None]:
        self.clock = FakeClock()
        async with self.create(self.clock) as (self.verifier, self.mint):
            yield

    async def verify(self, token: str | None, hub: str = "Chat") -> Principal:
        return await self.verifier.verify(token, hub, make_caller().request)

    def token(self, hub: str = "Chat", claims: Mapping[str, object] | None = None) -> str:
        return self.mint(hub, "ann", claims or {}, 60.0)

    async def test_a_good_token_tells_the_user(self) -> None:
        assert (await self.verify(self.token())).user_id == "ann"

    async def test_claims_come_back(self) -> None:
        claims = {"role": "admin", "marketplaces": ["ozon", "n11"], "level": 3}
        principal = await self.verify(self.token(claims=claims))
        assert {name: principal.claims.get(name) for name in claims} == claims

    async def test_the_expiry_is_told(self) -> None:
        assert (await self.verify(self.token())).expires_at == self.clock.time() + 60

    async def test_a_request_without_token_is_refused(self) -> None:
        with pytest.raises(Unauthorized):
            await self.verify(None)

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "é.é.é", "." * 10_000, "\x00", "[" * 4000])
    async def test_what_is_no_token_is_refused(self, token: str) -> None:
        with pytest.raises(Unauthorized):
            await self.verify(token)

    async def test_a_token_holds_until_it_expires(self) -> None:
        token = self.token()
        self.clock.advance(59)
        await self.verify(token)
        self.clock.advance(1)
        with pytest.raises(Unauthorized):
            await self.verify(token)

    async def test_a_token_for_another_hub_is_refused(self) -> None:
        with pytest.raises(Unauthorized):
            await self.verify(self.token("Other"))

    async def test_the_hub_is_compared_without_regard_to_case(self) -> None:
        assert (await self.verify(self.token("CHAT"), "chat")).user_id == "ann"

    async def test_a_changed_claim_is_noticed(self) -> None:
        header, payload, signature = self.token().split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        claims["role"] = "super_admin"
        changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        with pytest.raises(Unauthorized):
            await self.verify(f"{header}.{changed}.{signature}")

    async def test_a_changed_signature_is_noticed(self) -> None:
        header, payload, signature = self.token().split(".")
        changed = ("B" if signature[0] == "A" else "A") + signature[1:]
        with pytest.raises(Unauthorized):
            await self.verify(f"{header}.{payload}.{changed}")

    @pytest.mark.parametrize("algorithm", ["none", "None", "HS384", "RS256"])
    async def test_another_algorithm_is_refused(self, algorithm: str) -> None:
        _, payload, signature = self.token().split(".")
        head = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
        header = base64.urlsafe_b64encode(head).rstrip(b"=").decode()
        for end in (signature, ""):
            with pytest.raises(Unauthorized):
                await self.verify(f"{header}.{payload}.{end}")
