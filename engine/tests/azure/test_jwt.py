"""Client tokens as the service makes and reads them (azure-serverless 2.4, 2.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import jwt
import pytest

from hubwire.azure.jwt import MAXIMUM_TOKEN_CHARACTERS, ClientTokens
from hubwire.azure.negotiate import negotiate_answer
from hubwire.errors import Unauthorized
from hubwire.model import Principal
from hubwire.ports import TokenVerifier
from hubwire.testing import FakeClock, make_caller
from hubwire.testing.specs import Mint, TokenVerifierSpec

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
OLD_KEY = "0123456789abcdefghijklmnopqrstuvwxyz01234567"
NOW = 1_700_000_000
VECTOR = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhc3JzLnMudWlkIjoiYWxpY2UiLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYw"
    "MCwiaWF0IjoxNzAwMDAwMDAwLCJhdWQiOiJodHRwOi8vbG9jYWxob3N0L2NsaWVudC8_aHViPWNoYXQifQ."
    "ipL2Ks1Lkkc6p4KbhJkNO805T5O8BMwZ7f5g-XjGNm4"
)


class TestClientTokensAsVerifier(TokenVerifierSpec):
    @asynccontextmanager
    async def create(self, clock: FakeClock) -> AsyncIterator[tuple[TokenVerifier, Mint]]:
        tokens = ClientTokens([KEY], ["https://shop.example"], clock=clock)

        def mint(hub: str, user_id: str, claims: Mapping[str, object], lifetime_seconds: float) -> str:
            return tokens.sign(hub, user_id=user_id, claims=claims, lifetime_seconds=lifetime_seconds)

        yield tokens, mint


def _tokens(*bases: str, keys: tuple[str, ...] = (KEY,)) -> ClientTokens:
    return ClientTokens(keys, bases or ("http://localhost",), clock=FakeClock(NOW))


def _made_by_hand(**claims: object) -> str:
    payload = {"aud": "http://localhost/client/?hub=chat", "exp": NOW + 60} | claims
    return jwt.encode({name: value for name, value in payload.items() if value is not None}, KEY, algorithm="HS256")


async def _verify(tokens: ClientTokens, token: str, hub: str = "chat") -> Principal:
    return await tokens.verify(token, hub, make_caller().request)


async def test_the_test_vector_verifies() -> None:
    principal = await _verify(_tokens(), VECTOR, "Chat")
    assert (principal.user_id, principal.claims, principal.expires_at) == ("alice", {}, NOW + 3600.0)


def test_a_signed_token_has_the_services_claims() -> None:
    payload = jwt.decode(
        _tokens().sign("Chat", user_id="alice"), KEY, ["HS256"], {"verify_aud": False, "verify_exp": False}
    )
    assert payload.pop("jti")
    assert payload == {
        "asrs.s.uid": "alice",
        "nbf": NOW,
        "exp": NOW + 3600,
        "iat": NOW,
        "aud": "http://localhost/client/?hub=chat",
    }


def test_no_two_tokens_are_the_same() -> None:
    assert _tokens().sign("chat") != _tokens().sign("chat")


@pytest.mark.parametrize(
    ("base", "audience"),
    [
        ("http://localhost", "http://localhost/client/?hub=chat"),
        ("http://localhost", "http://localhost/client?hub=chat"),
        ("http://localhost", "HTTP://LocalHost/client/?hub=chat"),
        ("http://localhost", "http://localhost/client/?hub=CHAT"),
        ("http://localhost", "http://localhost:80/client/?hub=chat"),
        ("https://localhost", "https://localhost:443/client/?hub=chat"),
        ("http://localhost:8000", "http://localhost:8000/client/?hub=chat"),
        ("http://localhost:8000", "http://localhost/client/?hub=chat"),
        ("HTTP://LOCALHOST:8000/", "http://localhost:8000/client/?hub=chat"),
        ("http://localhost/live", "http://localhost/live/client/?hub=chat"),
    ],
)
async def test_audiences_of_this_hub_are_accepted(base: str, audience: str) -> None:
    await _verify(_tokens(base), _made_by_hand(aud=audience))


@pytest.mark.parametrize(
    "audience",
    [
        "http://localhost/client/?hub=chats",
        "http://localhost/client/?hub=",
        "http://localhost/client/",
        "http://localhost/client/?hub=chat&hub=other",
        "http://localhost/client/?hub=chat#x",
        "http://localhost/clients/?hub=chat",
        "http://localhost/CLIENT/?hub=chat",
        "http://localhost/x/client/?hub=chat",
        "https://localhost/client/?hub=chat",
        "http://elsewhere/client/?hub=chat",
        "http://localhost@elsewhere/client/?hub=chat",
        "http://x@localhost/client/?hub=chat",
        "http://localhost:81/client/?hub=chat",
        "http://localhost:x/client/?hub=chat",
        "http://[/client/?hub=chat",
        "chat",
        "",
        7,
        [],
        {},
    ],
)
async def test_other_audiences_are_refused(audience: object) -> None:
    with pytest.raises(Unauthorized):
        await _verify(_tokens(), _made_by_hand(aud=audience))


async def test_one_of_several_audiences_is_enough() -> None:
    await _verify(_tokens(), _made_by_hand(aud=["chat", "http://localhost/client/?hub=chat"]))


async def test_further_bases_are_accepted_and_the_first_is_signed_for() -> None:
    tokens = _tokens("https://shop.example", "http://10.0.0.7:8000")
    await _verify(tokens, _made_by_hand(aud="http://10.0.0.7:8000/client/?hub=chat"))
    assert negotiate_answer(tokens, "Chat").url == "https://shop.example/client/?hub=chat"


async def test_keys_rotate_without_refusing_anybody() -> None:
    token = _tokens(keys=(OLD_KEY,)).sign("chat", user_id="ann")
    assert (await _verify(_tokens(keys=(KEY, OLD_KEY)), token)).user_id == "ann"
    assert (
        await _verify(_tokens(keys=(KEY,)), _tokens(keys=(KEY, OLD_KEY)).sign("chat", user_id="ann"))
    ).user_id == "ann"
    with pytest.raises(Unauthorized, match="signature key was not found"):
        await _verify(_tokens(keys=(KEY,)), token)


@pytest.mark.parametrize("missing", ["exp", "aud"])
async def test_expiry_and_audience_must_be_there(missing: str) -> None:
    with pytest.raises(Unauthorized):
        await _verify(_tokens(), _made_by_hand(**{missing: None}))


@pytest.mark.parametrize("expiry", [True, "1900000000", float("inf"), float("nan"), [1], -1, 10**400])
async def test_an_expiry_that_is_no_point_in_time_is_refused(expiry: object) -> None:
    with pytest.raises(Unauthorized):
        await _verify(_tokens(), _made_by_hand(exp=expiry))


async def test_not_before_and_issued_at_are_not_checked_as_in_the_service() -> None:
    await _verify(_tokens(), _made_by_hand(nbf=NOW + 500, iat=NOW + 500, jti=1, iss="azure-signalr"))


@pytest.mark.parametrize(
    ("claims", "user_id"),
    [
        ({}, None),
        ({"sub": "s"}, "s"),
        ({"sub": "s", "nameid": "n"}, "n"),
        ({"sub": "s", "nameid": "n", "asrs.s.uid": "u"}, "u"),
        ({"asrs.s.uid": ""}, None),
        ({"nameid": "n", "asrs.s.uid": ""}, None),
        ({"sub": ["first", "second"]}, "first"),
    ],
)
async def test_the_user_id_comes_from_the_first_claim_present(claims: dict[str, object], user_id: str | None) -> None:
    assert (await _verify(_tokens(), _made_by_hand(**claims))).user_id == user_id


async def test_a_user_id_that_is_no_text_is_refused() -> None:
    with pytest.raises(Unauthorized):
        await _verify(_tokens(), _made_by_hand(**{"asrs.s.uid": 7}))


async def test_claims_of_the_service_do_not_reach_hubs() -> None:
    token = _made_by_hand(**{"asrs.s.uid": "u", "asrs.s.derror": "True", "nonce": "x", "acr": "y", "role": "admin"})
    assert (await _verify(_tokens(), token)).claims == {"role": "admin"}


async def test_claims_under_the_customers_prefix_get_their_names_back() -> None:
    token = _made_by_hand(**{"asrs.u.aud": "mine", "sub": "a", "asrs.u.sub": "b", "asrs.u.asrs.s.uid": "root"})
    principal = await _verify(_tokens(), token)
    assert principal.claims == {"aud": "mine", "sub": "a"}
    assert principal.user_id == "a"


async def test_claims_named_like_the_services_own_survive_the_way() -> None:
    claims = {"aud": "a", "exp": 1, "jti": "b", "asrs.u.x": 2, "role": ["r", "s"]}
    assert (await _verify(_tokens(), _tokens().sign("chat", claims=claims))).claims == claims


def test_a_claim_that_steers_the_service_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="reserved"):
        _tokens().sign("chat", claims={"asrs.s.uid": "root"})


def test_a_token_that_grows_too_long_is_not_signed() -> None:
    with pytest.raises(ValueError, match=f"the limit is {MAXIMUM_TOKEN_CHARACTERS}"):
        _tokens().sign("chat", claims={"x": "y" * MAXIMUM_TOKEN_CHARACTERS})


async def test_a_token_that_is_too_long_is_not_read() -> None:
    with pytest.raises(Unauthorized, match="the limit is 4096"):
        await _verify(_tokens(), _made_by_hand(x="y" * MAXIMUM_TOKEN_CHARACTERS))


@pytest.mark.parametrize(
    ("keys", "bases"),
    [([], ["http://localhost"]), ([KEY], []), (["short"], ["http://localhost"]), ([KEY], ["localhost"])],
)
def test_bad_keys_and_bases_are_refused_at_once(keys: list[str], bases: list[str]) -> None:
    with pytest.raises(ValueError, match=r"key|base"):
        ClientTokens(keys, bases)


def test_a_lone_string_is_not_taken_for_a_list() -> None:
    with pytest.raises(TypeError, match="come as a list"):
        ClientTokens(KEY, ["http://localhost"])


def test_secrets_have_no_repr() -> None:
    tokens = _tokens(keys=(KEY, OLD_KEY))
    access = negotiate_answer(tokens, "chat", user_id="ann")
    for text in (repr(tokens), repr(access)):
        assert KEY not in text
        assert OLD_KEY not in text
        assert access.access_token not in text


async def test_a_token_that_is_shown_again_is_not_read_again_and_expires_all_the_same() -> None:
    clock = FakeClock(NOW)
    tokens = ClientTokens([KEY], ["http://localhost"], clock=clock)
    token = tokens.sign("chat", user_id="ann", lifetime_seconds=60)
    first = await _verify(tokens, token)
    assert await _verify(tokens, token) is first
    clock.advance(60)
    with pytest.raises(Unauthorized, match="expired"):
        await _verify(tokens, token)


async def test_a_remembered_token_is_not_taken_for_another_hub() -> None:
    tokens = _tokens()
    token = tokens.sign("chat")
    await _verify(tokens, token, "chat")
    with pytest.raises(Unauthorized):
        await _verify(tokens, token, "other")


async def test_no_more_tokens_are_remembered_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubwire.azure.verified_tokens._REMEMBERED", 3)
    tokens = _tokens()
    shown = [tokens.sign("chat", user_id=f"user-{number}") for number in range(5)]
    principals = [await _verify(tokens, token) for token in shown]
    assert len(tokens._verified) == 3
    assert await _verify(tokens, shown[-1]) is principals[-1]
    assert (await _verify(tokens, shown[0])).user_id == "user-0"


async def test_hub_code_cannot_change_the_claims_that_connections_share() -> None:
    principal = await _verify(_tokens(), _tokens().sign("chat", claims={"role": "viewer"}))
    with pytest.raises(TypeError):
        principal.claims["role"] = "admin"  # type: ignore[index]  # what the type forbids is what is tried
