"""Passwords of our own accounts: right, wrong, too long, and equal work for nobody."""

from __future__ import annotations

import asyncio
import threading

import pytest
from app.tests.auth.rig import CountingHasher

from meschain.auth.passwords import MAXIMUM_PASSWORD_CHARACTERS, MAXIMUM_WAITING, Passwords, WeakPassword
from meschain.auth.throttle import Throttled


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


async def test_only_so_many_wait_for_their_hash() -> None:
    release = threading.Event()

    class SlowHasher(CountingHasher):
        def verify(self, password_hash: str, password: str) -> bool:
            release.wait(20)
            return super().verify(password_hash, password)

    passwords = Passwords(SlowHasher())
    async with asyncio.TaskGroup() as group:
        checks = [group.create_task(passwords.verify("hash:a", "a")) for _ in range(MAXIMUM_WAITING)]
        await asyncio.sleep(0)  # one turn of the loop: all of them have begun
        with pytest.raises(Throttled):
            await passwords.verify("hash:a", "a")
        release.set()
    assert all(check.result() for check in checks)
    assert await passwords.verify("hash:a", "a")


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
