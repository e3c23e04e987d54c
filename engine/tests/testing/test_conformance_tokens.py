from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from hubwire.errors import Unauthorized
from hubwire.model import Principal
from hubwire.ports import TokenVerifier
from hubwire.testing import FakeClock, make_caller
from hubwire.testing.conformance_tokens import ConformanceTokens
from hubwire.testing.specs.token_verifier import Mint, TokenVerifierSpec


class TestConformanceTokens(TokenVerifierSpec):
    @asynccontextmanager
    async def create(self, clock: FakeClock) -> AsyncIterator[tuple[TokenVerifier, Mint]]:
        tokens = ConformanceTokens(clock=clock)

        def mint(hub: str, user_id: str, claims: Mapping[str, object], lifetime_seconds: float) -> str:
            return tokens.sign(user_id, lifetime_seconds, hub=hub, claims=claims)

        yield tokens, mint


async def test_a_token_that_names_no_hub_is_for_all() -> None:
    tokens = ConformanceTokens()
    assert (await tokens.verify(tokens.sign("ann"), "any", make_caller().request)).user_id == "ann"


async def test_where_tokens_are_optional_nobody_is_let_in_and_a_bad_token_is_not() -> None:
    tokens = ConformanceTokens()
    request = make_caller().request
    assert await tokens.optional.verify(None, "any", request) == Principal()
    assert (await tokens.optional.verify(tokens.sign("ann"), "any", request)).user_id == "ann"
    with pytest.raises(Unauthorized):
        await tokens.optional.verify("bad", "any", request)
