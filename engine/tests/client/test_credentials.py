"""Which token is used when."""

from __future__ import annotations

import itertools

import pytest

from hubwire.client.credentials import AccessToken, Credentials


async def test_a_given_token_is_always_the_same() -> None:
    credentials = Credentials("t")
    assert (await credentials.current(), await credentials.renewed()) == ("t", "t")
    assert not credentials.can_renew


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_function_is_asked_once_and_again_for_a_new_one(is_async: bool) -> None:
    tokens = (f"t{number}" for number in itertools.count(1))

    async def wait() -> str:
        return next(tokens)

    factory: AccessToken = wait if is_async else lambda: next(tokens)
    credentials = Credentials(factory)
    assert credentials.can_renew
    assert [await credentials.current(), await credentials.current()] == ["t1", "t1"]
    assert [await credentials.renewed(), await credentials.current()] == ["t2", "t2"]
    credentials.forget()
    assert await credentials.current() == "t3"


@pytest.mark.parametrize("nothing", [None, lambda: None, lambda: "", ""])
async def test_no_token_is_none(nothing: AccessToken) -> None:
    assert await Credentials(nothing).renewed() is None


async def test_a_redirects_token_is_used_until_the_next_connect() -> None:
    credentials = Credentials(lambda: "mine")
    credentials.redirect("theirs")
    assert [await credentials.current(), await credentials.renewed()] == ["theirs", "theirs"]
    assert not credentials.can_renew
    credentials.redirect(None)
    assert await credentials.current() == "theirs"
    credentials.forget()
    assert await credentials.current() == "mine"
