"""All generations of OpenCart's hashes, and the same work for every attempt."""

from __future__ import annotations

import hashlib

import bcrypt
import pytest
from argon2 import PasswordHasher

from meschain.opencart.demo.seed import php_hash
from meschain.opencart.password_hashes import MAXIMUM_CHARACTERS, decoy_like, slow_check, verify

SALT = "aB3dE6gH9"
DECOY = decoy_like([])
BCRYPT = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
ARGON2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("right")


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - what 3.x stores


def salted(password: str) -> str:
    return sha1(SALT + sha1(SALT + sha1(password)))


def md5(password: str) -> str:
    return hashlib.md5(password.encode()).hexdigest()  # noqa: S324 - what the oldest shops store


class CountingCheck:
    """The real check, counted."""

    def __init__(self) -> None:
        self.work: list[tuple[str, str]] = []

    def __call__(self, password: str, stored: str) -> bool:
        self.work.append((password, stored[:7]))
        return slow_check(password, stored)


@pytest.mark.parametrize(
    ("stored", "salt"),
    [
        (BCRYPT, None),
        (BCRYPT.replace("$2b$", "$2y$"), None),
        (php_hash("right"), SALT),
        (ARGON2, None),
        (salted("right"), SALT),
        (salted("right").upper(), SALT),
        (md5("right"), SALT),
        (md5("right"), None),
    ],
    ids=["2b", "2y", "php", "argon2", "sha1", "SHA1", "md5", "md5 without salt"],
)
def test_the_right_password_fits_and_no_other(stored: str, salt: str | None) -> None:
    assert verify("right", stored, salt, DECOY)
    for wrong in ("", "Right", "right ", "wrong"):
        assert not verify(wrong, stored, salt, DECOY)


def test_a_salted_digest_needs_its_salt() -> None:
    assert not verify("right", salted("right"), None, DECOY)
    assert not verify("right", salted("right"), "other", DECOY)


@pytest.mark.parametrize("stored", [salted("a&b<c>\"d'"), salted("a&amp;b&lt;c&gt;&quot;d'")], ids=["plain", "escaped"])
def test_posted_input_was_escaped_by_some_versions(stored: str) -> None:
    assert verify("a&b<c>\"d'", stored, SALT, DECOY)


@pytest.mark.parametrize("stored", ["", "!", "$2y$", "$2y$10$short", "$argon2id$nonsense", "*", "0" * 40])
def test_what_is_no_hash_fits_nothing(stored: str) -> None:
    assert not verify("right", stored, SALT, DECOY)


def test_long_passwords_are_cut_as_php_does() -> None:
    long = "ş" * 40
    stored = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert verify(long, stored, None, DECOY)


def test_passwords_over_the_limit_are_wrong() -> None:
    stored = md5("a" * (MAXIMUM_CHARACTERS + 1))
    assert not verify("a" * (MAXIMUM_CHARACTERS + 1), stored, None, DECOY)


def test_the_decoy_fits_nothing_even_if_it_were_stored_by_nobody() -> None:
    assert not verify("right", None, None, BCRYPT)


@pytest.mark.parametrize("password", ["wrong", "wr&ng"])
def test_every_attempt_costs_the_same_checks(password: str) -> None:
    decoy = decoy_like([BCRYPT])
    work = []
    for stored, salt in ((None, None), (BCRYPT, None), (salted("right"), SALT), (md5("right"), None), ("!", None)):
        check = CountingCheck()
        verify(password, stored, salt, decoy, check)
        work.append(check.work)
    assert all(each == work[0] for each in work)
    assert len(work[0]) == (2 if "&" in password else 1)


def test_a_decoy_is_as_slow_as_the_slowest_hash_of_the_shop() -> None:
    assert decoy_like([]).startswith("$2b$10$")
    assert decoy_like([md5("x"), BCRYPT, BCRYPT.replace("$04$", "$12$")]).startswith("$2b$12$")
    assert decoy_like([ARGON2]).startswith(ARGON2.rpartition("$")[0])
    assert not slow_check("right", decoy_like([ARGON2]))
    assert not slow_check("right", decoy_like([BCRYPT]))
