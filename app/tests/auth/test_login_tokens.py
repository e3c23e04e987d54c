"""Our own bearer tokens: round trip, rotation of keys, and every reason to refuse one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import jwt
import pytest
from app.tests.auth.rig import OTHER_SECRET, SECRET
from app.tests.services.fakes import FakeClock

from meschain.auth import login_tokens
from meschain.auth.keys import CLIENT_KEYS, LOGIN_KEYS, Secrets
from meschain.auth.login_tokens import (
    HEADER,
    MAXIMUM_TOKEN_CHARACTERS,
    InvalidToken,
    LoginTokens,
    unverified_part,
)
from meschain.domain.roles import Identity, Role

ADA = Identity("own:1", "Ada", Role.MARKETPLACE_MANAGER, ("n11",))
KEY = Secrets(SECRET).keys(LOGIN_KEYS)[0]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tokens(clock: FakeClock) -> LoginTokens:
    return LoginTokens(Secrets(SECRET).keys(LOGIN_KEYS), clock)


def test_a_token_says_who_and_which_log_in(tokens: LoginTokens) -> None:
    claims = tokens.verify(tokens.issue(ADA, 900, "session-1"))
    assert claims.identity == ADA
    assert claims.session_id == "session-1"


async def test_a_token_expires(tokens: LoginTokens, clock: FakeClock) -> None:
    token = tokens.issue(ADA, 900)
    await clock.advance(899)
    tokens.verify(token)
    await clock.advance(1)
    with pytest.raises(InvalidToken, match="expired"):
        tokens.verify(token)


def test_keys_rotate_without_ending_anybodys_token(clock: FakeClock) -> None:
    before = LoginTokens(Secrets(OTHER_SECRET).keys(LOGIN_KEYS), clock)
    during = LoginTokens(Secrets(SECRET, OTHER_SECRET).keys(LOGIN_KEYS), clock)
    after = LoginTokens(Secrets(SECRET).keys(LOGIN_KEYS), clock)
    old, new = before.issue(ADA, 900), during.issue(ADA, 900)
    assert during.verify(old).identity == ADA
    assert during.verify(new).identity == ADA
    assert after.verify(new).identity == ADA
    with pytest.raises(InvalidToken, match="no key"):
        after.verify(old)
    with pytest.raises(InvalidToken, match="no key"):
        before.verify(new)


def test_a_hub_token_is_no_login_token(tokens: LoginTokens, clock: FakeClock) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(LoginTokens(Secrets(SECRET).keys(CLIENT_KEYS), clock).issue(ADA, 900))


def _payload(clock: FakeClock, **changes: object) -> dict[str, object]:
    now = int(clock.now().timestamp())
    payload: dict[str, object] = {
        "iss": "meschain",
        "aud": "meschain-api",
        "sub": "own:1",
        "iat": now,
        "exp": now + 900,
        "role": "admin",
    }
    payload |= changes
    return {name: value for name, value in payload.items() if value is not None}


def _signed(payload: dict[str, object], key: bytes = KEY.value, kid: str = KEY.id, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid})


def _unsigned(payload: dict[str, object]) -> str:
    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'kid': KEY.id})}.{part(payload)}."


Make = Callable[[FakeClock], str]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda clock: _signed(_payload(clock, iss="another")), id="another issuer"),
        pytest.param(lambda clock: _signed(_payload(clock, aud="another")), id="another audience"),
        pytest.param(lambda clock: _signed(_payload(clock, aud=None)), id="no audience"),
        pytest.param(lambda clock: _signed(_payload(clock, iss=None)), id="no issuer"),
        pytest.param(lambda clock: _signed(_payload(clock, exp=None)), id="no expiry"),
        pytest.param(lambda clock: _signed(_payload(clock, exp="tomorrow")), id="expiry is a text"),
        pytest.param(lambda clock: _signed(_payload(clock, exp=1e300)), id="expiry is out of range"),
        pytest.param(lambda clock: _signed(_payload(clock, sub=None)), id="no subject"),
        pytest.param(lambda clock: _signed(_payload(clock, sub=7)), id="subject is a number"),
        pytest.param(lambda clock: _signed(_payload(clock), key=b"x" * 32), id="another key"),
        pytest.param(lambda clock: _signed(_payload(clock), kid="unknown"), id="unknown key id"),
        pytest.param(lambda clock: _signed(_payload(clock), key=KEY.value * 2, algorithm="HS512"), id="HS512"),
        pytest.param(lambda clock: _unsigned(_payload(clock)), id="unsigned"),
        pytest.param(lambda clock: _signed(_payload(clock))[:-4] + "AAAA", id="tampered signature"),
        pytest.param(lambda clock: "not.a.token", id="nonsense"),
        pytest.param(lambda clock: "", id="empty"),
        pytest.param(lambda clock: "x" * (MAXIMUM_TOKEN_CHARACTERS + 1), id="too long"),
    ],
)
def test_what_is_not_ours_is_refused(tokens: LoginTokens, clock: FakeClock, make: Make) -> None:
    token = make(clock)
    with pytest.raises(InvalidToken) as refused:
        tokens.verify(token)
    assert not token or token not in str(refused.value)


def test_only_services_have_the_role_service(tokens: LoginTokens, clock: FakeClock) -> None:
    claims = tokens.verify(_signed(_payload(clock, role="service")))
    assert claims.identity.role is Role.USER
    claims = tokens.verify(_signed(_payload(clock, role="service", sub="service:erp")))
    assert claims.identity.role is Role.SERVICE


def test_tokens_need_a_key(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="key"):
        LoginTokens((), clock)


async def test_one_that_was_verified_before_is_looked_at_for_its_time_only(
    tokens: LoginTokens, clock: FakeClock
) -> None:
    token = tokens.issue(ADA, 900)
    assert tokens.verify(token) is tokens.verify(token)
    header, payload, signature = token.split(".")
    with pytest.raises(InvalidToken):
        tokens.verify(f"{header}.{payload}.{signature[:-4]}AAAA")
    await clock.advance(901)
    with pytest.raises(InvalidToken, match="expired"):
        tokens.verify(token)


def test_only_so_many_are_remembered(tokens: LoginTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_tokens, "_REMEMBERED_TOKENS", 2)
    first, *others = [tokens.issue(ADA, 900) for _ in range(3)]
    remembered = tokens.verify(first)
    for token in others:
        tokens.verify(token)
    again = tokens.verify(first)
    assert again == remembered
    assert again is not remembered


def segment(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "no token",
        "a.b",
        "....",
        f"{segment('[]')}.{segment('{}')}.",
        f"{segment('{')}.{segment('{')}.x",
        f"{segment('[' * 6000)}.{segment('[' * 6000)}.x",
        "é.é.é",
    ],
    ids=["empty", "text", "two parts", "five parts", "a list", "no JSON", "nested deeply", "not ASCII"],
)
def test_what_is_no_token_is_refused_wherever_it_is_looked_at(token: str) -> None:
    with pytest.raises(InvalidToken):
        unverified_part(token, HEADER)
