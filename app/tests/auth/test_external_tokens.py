"""Tokens of other issuers: by shared secret and by public keys from a real address, and every reason to refuse one."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import jwt
import pytest
from app.tests.auth.issuing import AUDIENCE, ISSUER, IssuerKey, KeyServer, payload
from app.tests.auth.rig import OTHER_SECRET, SECRET
from app.tests.services.fakes import FakeClock
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from meschain.auth.external_tokens import ExternalTokens
from meschain.auth.issuers import TokenIssuer
from meschain.auth.key_sets import (
    FLOOR_SECONDS,
    MAXIMUM_AGE_SECONDS,
    MAXIMUM_SET_BYTES,
    RETRY_FLOOR_SECONDS,
    STALE_SECONDS,
    IssuerUnavailable,
    parse_key_set,
)
from meschain.auth.login_tokens import MAXIMUM_TOKEN_CHARACTERS, InvalidToken
from meschain.domain.roles import Role

RSA = IssuerKey.rsa("rsa-1")
EC = IssuerKey.ec("ec-1")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    async with KeyServer(keys=[RSA, EC]).serving() as server:
        yield server


def shop(**changes: object) -> TokenIssuer:
    """The shop itself, with a shared secret."""
    values: dict[str, object] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "algorithms": ("HS256",),
        "secret": SecretStr(SECRET),
    }
    return TokenIssuer.model_validate(values | changes)


def provider(server: KeyServer, **changes: object) -> TokenIssuer:
    """An identity provider with public keys."""
    values: dict[str, object] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "algorithms": ("RS256", "ES256"),
        "jwks_url": server.url,
    }
    return TokenIssuer.model_validate(values | changes)


def hs256(content: dict[str, object], secret: str = SECRET) -> str:
    return jwt.encode(content, secret.encode(), "HS256")


async def test_a_shared_secret(clock: FakeClock) -> None:
    claims = await ExternalTokens([shop()], clock).verify(hs256(payload(clock)))
    assert claims.identity.user_id == "external:u-1"
    assert claims.identity.name == "Ada"
    assert claims.identity.role is Role.MARKETPLACE_MANAGER
    assert claims.identity.marketplaces == ("n11",)
    assert (claims.expires_at - clock.now()).total_seconds() == 600


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
@pytest.mark.parametrize("named", [True, False], ids=["kid", "no kid"])
async def test_public_keys(clock: FakeClock, server: KeyServer, key: IssuerKey, named: bool) -> None:
    tokens = ExternalTokens([provider(server)], clock)
    claims = await tokens.verify(key.sign(payload(clock), "" if named else None))
    assert claims.identity.role is Role.MARKETPLACE_MANAGER
    await tokens.verify(key.sign(payload(clock)))
    assert server.requests == 1


async def test_many_at_once_fetch_the_keys_once(clock: FakeClock, server: KeyServer) -> None:
    tokens = ExternalTokens([provider(server)], clock)
    await asyncio.gather(*(tokens.verify(RSA.sign(payload(clock))) for _ in range(20)))
    assert server.requests == 1


REFUSED: dict[str, dict[str, object]] = {
    "another audience": {"aud": "api://another"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example.com"},
    "no issuer": {"iss": None},
    "no expiry": {"exp": None},
    "expired": {"exp": 1},
    "expiry is a text": {"exp": "soon"},
    "not yet valid": {"nbf": 4_000_000_000},
    "from the future": {"iat": 4_000_000_000},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "long subject": {"sub": "x" * 129},
    "subject with control characters": {"sub": "a\nb"},
    "subject is a number": {"sub": 1},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
async def test_bad_claims_are_refused(clock: FakeClock, server: KeyServer, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidToken):
        await ExternalTokens([provider(server)], clock).verify(RSA.sign(payload(clock, **changes)))
    with pytest.raises(InvalidToken):
        await ExternalTokens([shop()], clock).verify(hs256(payload(clock, **changes)))


async def test_leeway_forgives_a_clock_that_is_a_little_off(clock: FakeClock) -> None:
    tokens = ExternalTokens([shop(leeway_seconds=30)], clock)
    token = hs256(payload(clock, nbf=int(clock.now().timestamp()) + 29))
    await tokens.verify(token)
    await clock.advance(629)
    await tokens.verify(token)
    await clock.advance(1)
    with pytest.raises(InvalidToken, match="expired"):
        await tokens.verify(token)


async def test_another_secret_is_refused(clock: FakeClock) -> None:
    with pytest.raises(InvalidToken):
        await ExternalTokens([shop()], clock).verify(hs256(payload(clock), OTHER_SECRET))


async def test_a_public_key_is_no_shared_secret(clock: FakeClock, server: KeyServer) -> None:
    """The old trick: sign with HS256 and the public key, which everybody knows."""
    pem = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = _hmac_signed({"alg": "HS256", "kid": "rsa-1"}, payload(clock), pem)
    with pytest.raises(InvalidToken, match="algorithm"):
        await ExternalTokens([provider(server)], clock).verify(forged)


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS512", 7, None])
async def test_algorithms_off_the_list_are_refused(clock: FakeClock, server: KeyServer, algorithm: object) -> None:
    forged = _hmac_signed({"alg": algorithm, "kid": "rsa-1"}, payload(clock), b"x" * 32)
    for issuer in (shop(), provider(server)):
        with pytest.raises(InvalidToken):
            await ExternalTokens([issuer], clock).verify(forged)
    assert server.requests == 0


async def test_an_algorithm_that_the_issuer_does_not_use_is_refused(clock: FakeClock, server: KeyServer) -> None:
    tokens = ExternalTokens([provider(server, algorithms=("ES256",))], clock)
    await tokens.verify(EC.sign(payload(clock)))
    with pytest.raises(InvalidToken, match="algorithm"):
        await tokens.verify(RSA.sign(payload(clock)))


async def test_a_key_of_the_same_id_but_not_the_issuers_is_refused(clock: FakeClock, server: KeyServer) -> None:
    with pytest.raises(InvalidToken):
        await ExternalTokens([provider(server)], clock).verify(IssuerKey.rsa("rsa-1").sign(payload(clock)))


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * (MAXIMUM_TOKEN_CHARACTERS + 1)])
async def test_nonsense_is_refused(clock: FakeClock, token: str) -> None:
    with pytest.raises(InvalidToken):
        await ExternalTokens([shop()], clock).verify(token)


async def test_an_unknown_key_is_fetched_but_not_more_often_than_the_floor(clock: FakeClock, server: KeyServer) -> None:
    tokens = ExternalTokens([provider(server)], clock)
    await tokens.verify(RSA.sign(payload(clock)))
    new = IssuerKey.rsa("rsa-2")
    server.keys.append(new)
    for _ in range(5):
        with pytest.raises(InvalidToken, match="no such key"):
            await tokens.verify(new.sign(payload(clock)))
    assert server.requests == 1
    await clock.advance(FLOOR_SECONDS)
    await tokens.verify(new.sign(payload(clock)))
    for _ in range(5):
        with pytest.raises(InvalidToken, match="no such key"):
            await tokens.verify(RSA.sign(payload(clock), "made up"))
    assert server.requests == 2


async def test_a_key_that_the_issuer_withdraws_is_forgotten_within_the_hour(
    clock: FakeClock, server: KeyServer
) -> None:
    tokens = ExternalTokens([provider(server)], clock)
    await tokens.verify(RSA.sign(payload(clock)))
    server.keys.remove(RSA)
    await clock.advance(MAXIMUM_AGE_SECONDS + 1)
    with pytest.raises(InvalidToken, match="no such key"):
        await tokens.verify(RSA.sign(payload(clock)))


async def test_while_the_issuer_is_down_the_keys_it_had_still_count_for_a_day(
    clock: FakeClock, server: KeyServer
) -> None:
    tokens = ExternalTokens([provider(server)], clock)
    await tokens.verify(RSA.sign(payload(clock)))
    server.status = 500
    await clock.advance(MAXIMUM_AGE_SECONDS + 1)
    await tokens.verify(RSA.sign(payload(clock)))
    await clock.advance(STALE_SECONDS)
    with pytest.raises(IssuerUnavailable):
        await tokens.verify(RSA.sign(payload(clock)))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (302, None),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys":{}}'),
        (200, b"x" * (MAXIMUM_SET_BYTES + 1)),
    ],
    ids=["error", "redirect", "no json", "a list", "no list of keys", "too long"],
)
async def test_without_keys_nobody_can_tell(
    clock: FakeClock, server: KeyServer, status: int, body: bytes | None
) -> None:
    tokens = ExternalTokens([provider(server)], clock)
    server.status, server.body = status, body
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await tokens.verify(RSA.sign(payload(clock)))
    assert server.requests == 1
    server.status, server.body = 200, None
    await clock.advance(RETRY_FLOOR_SECONDS)
    await tokens.verify(RSA.sign(payload(clock)))


async def test_an_address_that_nobody_listens_at(clock: FakeClock, server: KeyServer) -> None:
    issuer = provider(server, jwks_url="http://127.0.0.1:9/keys")
    with pytest.raises(IssuerUnavailable):
        await ExternalTokens([issuer], clock).verify(RSA.sign(payload(clock)))


def test_short_and_foreign_keys_of_a_set_are_left_out() -> None:
    short = IssuerKey.rsa("short", 1024)
    for_encryption = {**RSA.public(), "kid": "enc", "use": "enc"}
    other_algorithm = {**RSA.public(), "kid": "rs512", "alg": "RS512"}
    broken = {"kty": "RSA", "kid": "broken", "n": "AQAB"}
    content = [
        short.public(),
        for_encryption,
        other_algorithm,
        broken,
        "text",
        {"kty": "oct", "k": "AAAA"},
        EC.public(),
    ]
    assert list(parse_key_set(json.dumps({"keys": content}).encode())) == [("ec-1", "ES256")]


@pytest.mark.parametrize(
    ("claim", "value", "role"),
    [
        ("role", "admin", Role.ADMIN),
        ("role", "service", Role.USER),
        ("role", "emperor", Role.USER),
        ("role", None, Role.USER),
        ("role", {"admin": True}, Role.USER),
        ("role", ["viewer", "admin", "technical"], Role.ADMIN),
        ("realm_access", {"roles": ["dropshipper"]}, Role.USER),
    ],
)
async def test_roles_from_our_own_words(clock: FakeClock, claim: str, value: object, role: Role) -> None:
    token = hs256(payload(clock, **{"role": None, claim: value}))
    assert (await ExternalTokens([shop()], clock).verify(token)).identity.role is role


@pytest.mark.parametrize(
    ("roles", "role"),
    [(["Shop.Admins"], Role.ADMIN), (["Shop.Buyers", "Shop.Admins"], Role.ADMIN), (["admin"], Role.USER)],
)
async def test_roles_from_the_issuers_words(clock: FakeClock, roles: list[str], role: Role) -> None:
    issuer = shop(role_claim="realm.roles", roles={"Shop.Admins": "admin", "Shop.Buyers": "viewer"})
    token = hs256(payload(clock, realm={"roles": roles}))
    assert (await ExternalTokens([issuer], clock).verify(token)).identity.role is role


async def test_issuers_are_told_apart_by_name(clock: FakeClock, server: KeyServer) -> None:
    tokens = ExternalTokens(
        [shop(name="shop"), provider(server, name="entra", issuer="https://entra.example.com")], clock
    )
    by_shop = await tokens.verify(hs256(payload(clock)))
    by_provider = await tokens.verify(RSA.sign(payload(clock, iss="https://entra.example.com")))
    assert by_shop.identity.user_id == "external:shop/u-1"
    assert by_provider.identity.user_id == "external:entra/u-1"
    with pytest.raises(InvalidToken):
        await tokens.verify(RSA.sign(payload(clock)))


async def test_a_token_that_names_us_as_its_issuer_is_not_anothers(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="our own"):
        shop(issuer="meschain")
    with pytest.raises(InvalidToken):
        await ExternalTokens([shop()], clock).verify(hs256(payload(clock, iss="meschain")))


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": None},
        {"jwks_url": "https://login.example.com/keys"},
        {"algorithms": ("HS256", "RS256")},
        {"algorithms": ()},
        {"algorithms": ("none",)},
        {"secret": SecretStr("changeme")},
        {"secret": None, "jwks_url": "https://login.example.com/keys"},
        {"secret": None, "jwks_url": "http://login.example.com/keys", "algorithms": ("RS256",)},
        {"secret": None, "jwks_url": "file:///etc/passwd", "algorithms": ("RS256",)},
        {"roles": {"a": "service"}},
        {"audience": ""},
        {"typo": 1},
    ],
)
def test_issuers_that_would_not_be_safe_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        shop(**changes)


def _hmac_signed(header: dict[str, object], content: dict[str, object], key: bytes) -> str:
    """By hand: the library refuses to make such a token."""
    import hashlib
    import hmac

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(content).encode())}"
    return f"{signed}.{part(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"
