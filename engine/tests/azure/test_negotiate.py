"""What an application answers to negotiate."""

from __future__ import annotations

import pytest

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.negotiate import negotiate_answer
from hubwire.testing import FakeClock, make_caller

TOKENS = ClientTokens(["k" * 32], ["http://localhost:8000"], clock=FakeClock())


async def test_the_answer_lets_its_user_in() -> None:
    access = negotiate_answer(TOKENS, "AdminHub", user_id="ann", claims={"role": "admin"}, lifetime_seconds=30)
    assert access.url == "http://localhost:8000/client/?hub=adminhub"
    principal = await TOKENS.verify(access.access_token, "AdminHub", make_caller().request)
    assert (principal.user_id, principal.claims) == ("ann", {"role": "admin"})
    assert principal.expires_at == FakeClock().time() + 30


def test_a_hub_name_that_the_service_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="is no hub name"):
        negotiate_answer(TOKENS, "admin-hub")
