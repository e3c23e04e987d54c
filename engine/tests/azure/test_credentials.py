"""What lets an application in. Entra is a third party that cannot be had here: a credential stands for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.credentials import SCOPE, EntraAuthorization, KeyAuthorization, entra_credential
from hubwire.errors import ServiceUnavailable
from hubwire.testing import FakeClock

AT = "Endpoint=https://shop.example"
ENTRA = ConnectionString.parse(f"{AT};AuthType=azure")


@dataclass(frozen=True, slots=True)
class Token:
    token: str
    expires_on: int


class FakeCredential:
    """Stands for a credential of azure-identity: gives one token after the other, an hour each, or fails."""

    def __init__(self, clock: FakeClock) -> None:
        self.scopes: list[tuple[str, ...]] = []
        self.failure: Exception | None = None
        self.is_closed = False
        self._clock = clock

    async def get_token(self, *scopes: str) -> Token:
        self.scopes.append(scopes)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return Token(f"token {len(self.scopes)}", int(self._clock.time()) + 3600)

    async def close(self) -> None:
        self.is_closed = True


async def test_a_token_of_entra_is_good_for_every_address_until_shortly_before_its_end() -> None:
    clock = FakeClock()
    credential = FakeCredential(clock)
    authorization = EntraAuthorization(ENTRA, credential, clock)
    assert await asyncio.gather(*map(authorization.token, "abc")) == ["token 1"] * 3
    clock.advance(3600 - 301)
    assert await authorization.token("d") == "token 1"
    clock.advance(2)
    assert await authorization.token("e") == "token 2"
    assert credential.scopes == [(SCOPE,)] * 2
    await authorization.close()
    assert credential.is_closed


async def test_while_entra_fails_the_old_token_is_used_as_long_as_it_lives() -> None:
    clock = FakeClock()
    credential = FakeCredential(clock)
    authorization = EntraAuthorization(ENTRA, credential, clock)
    await authorization.token("a")
    credential.failure = RuntimeError("no network")
    clock.advance(3599)
    assert await authorization.token("a") == "token 1"
    clock.advance(2)
    with pytest.raises(ServiceUnavailable, match=r"Entra gave no token \(RuntimeError\): no network") as caught:
        await authorization.token("a")
    assert not caught.value.may_have_arrived
    credential.failure = None
    assert await authorization.token("a") == "token 4"


async def test_tokens_that_were_signed_are_kept_up_to_a_limit() -> None:
    connection = ConnectionString.parse(f"{AT};AccessKey={'k' * 32}")
    authorization = KeyAuthorization(connection, 3600, FakeClock())
    first = await authorization.token("/first")
    for number in range(10_000):
        await authorization.token(f"/{number}")
    assert len(authorization._signed) == 10_000
    assert await authorization.token("/first") == first  # the same second, so the same token


def test_a_connection_string_without_key_signs_nothing() -> None:
    with pytest.raises(ValueError, match="has no AccessKey"):
        KeyAuthorization(ENTRA, 3600)


CREDENTIALS = {
    "AuthType=azure": "DefaultAzureCredential",
    "AuthType=azure.msi": "ManagedIdentityCredential",
    "AuthType=azure.msi;ClientId=c": "ManagedIdentityCredential",
    "AuthType=azure.app;ClientId=c;TenantId=t;ClientSecret=s": "ClientSecretCredential",
}


@pytest.mark.parametrize("text", CREDENTIALS)
async def test_azure_identity_is_asked_for_the_credential_that_the_connection_string_names(text: str) -> None:
    credential = entra_credential(ConnectionString.parse(f"{AT};{text}"))
    try:
        assert type(credential).__name__ == CREDENTIALS[text]
    finally:
        await credential.close()


def test_a_certificate_that_cannot_be_read_is_told() -> None:
    connection = ConnectionString.parse(f"{AT};AuthType=azure.app;ClientId=c;TenantId=t;ClientCertPath=/no/such/file")
    with pytest.raises(OSError, match="no/such/file"):
        entra_credential(connection)


def test_a_connection_string_with_a_key_asks_for_no_identity() -> None:
    with pytest.raises(ValueError, match="asks for no identity"):
        entra_credential(ConnectionString.parse(f"{AT};AccessKey=k"))
