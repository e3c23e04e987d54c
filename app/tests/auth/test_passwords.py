"""Passwords of our own accounts: right, wrong, too long, and equal work for nobody."""

from __future__ import annotations

import pytest
from app.tests.auth.rig import CountingHasher

from meschain.auth.passwords import MAXIMUM_PASSWORD_CHARACTERS, Passwords, WeakPassword


async def test_the_real_hash_is_argon2id_and_fits_its_password_only() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify(hashed, "correct horse battery")
    assert not await passwords.verify(hashed, "correct horse batterx")
    assert not passwords.is_outdated(hashed)


async def test_a_weaker_hash_is_outdated() -> None:
    assert Passwords().is_outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43)


async def test_a_hash_of_another_kind_fits_nothing() -> None:
    assert not await Passwords().verify("5f4dcc3b5aa765d61d8327deb882cf99", "password")


async def test_an_unknown_user_costs_the_same_function_with_a_hash_of_the_same_kind() -> None:
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    assert not await passwords.verify("hash:another password", "a guess")
    assert not await passwords.verify(None, "a guess")
    assert [password for _, password in hasher.verified] == ["a guess", "a guess"]
    assert hasher.verified[1][0].startswith("hash:")


async def test_nobodys_password_lets_nobody_in() -> None:
    assert not await Passwords(CountingHasher()).verify(None, "nobody's password")


@pytest.mark.parametrize("length", [0, 9, MAXIMUM_PASSWORD_CHARACTERS + 1])
async def test_a_new_password_has_a_sensible_length(length: int) -> None:
    with pytest.raises(WeakPassword):
        await Passwords(CountingHasher()).hash("x" * length)


async def test_an_overlong_password_is_wrong_and_never_hashed_as_it_is() -> None:
    hasher = CountingHasher()
    long = "x" * (MAXIMUM_PASSWORD_CHARACTERS + 1)
    assert not await Passwords(hasher).verify(f"hash:{long}", long)
    assert hasher.verified == [(f"hash:{long}", "")]


async def test_an_empty_password_is_wrong_even_where_its_hash_is_stored() -> None:
    assert not await Passwords(CountingHasher()).verify("hash:", "")
