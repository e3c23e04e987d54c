"""Signed connection tokens, and what is remembered of those that were used."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.server.timer_wheel import TimerWheel
from hubwire.server.tokens import ConnectionToken, ConnectionTokens, UsedTokens, derived_key, new_id, new_node_id
from hubwire.testing import FakeClock

from .test_parts import play

KEY = bytes(range(32))
URL_SAFE = set(string.ascii_letters + string.digits + "-_")


def tokens(clock: FakeClock, *, key: bytes = KEY, node_id: str = "node-1") -> ConnectionTokens:
    return ConnectionTokens(key, node_id, clock, 15.0)


def test_ids_are_short_url_safe_and_differ() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == 22 and set(each) <= URL_SAFE for each in ids)
    assert len({new_node_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("is_stateful", [False, True])
def test_a_token_says_what_was_promised_to_every_node_with_the_key(version: int, is_stateful: bool) -> None:
    clock = FakeClock()
    issued = tokens(clock).issue("Chat", version, is_stateful=is_stateful)
    assert set(issued.text) <= URL_SAFE
    assert issued.text.endswith("node-1")
    assert issued.expires_at == clock.time() + 15.0
    assert (issued.is_stateful, issued.is_secret) == (is_stateful, version == 1)
    assert tokens(clock).read("Chat", issued.text) == issued
    assert tokens(clock, node_id="node-2").read("Chat", issued.text) == issued


def test_the_public_id_is_the_token_in_version_0_and_says_nothing_about_it_in_version_1() -> None:
    made = tokens(FakeClock())
    old, new = made.issue("Chat", 0), made.issue("Chat", 1)
    assert old.connection_id == old.text
    assert len(new.connection_id) == 22
    assert new.connection_id not in new.text
    assert made.read("Chat", new.connection_id) is None


def test_tokens_of_one_moment_differ() -> None:
    made = tokens(FakeClock())
    issued = [made.issue("Chat", 1) for _ in range(1000)]
    assert len({each.text for each in issued}) == len({each.connection_id for each in issued}) == 1000


def test_a_single_process_has_short_tokens() -> None:
    assert len(tokens(FakeClock(), node_id="").issue("Chat", 1).text) == 40


def test_another_hubs_or_another_keys_token_is_none() -> None:
    clock = FakeClock()
    issued = tokens(clock).issue("Chat", 1)
    assert tokens(clock).read("Other", issued.text) is None
    assert tokens(clock, key=bytes(32)).read("Chat", issued.text) is None
    assert derived_key(KEY, "one") != derived_key(KEY, "other")


@given(place=st.integers(0, 45), letter=st.sampled_from(sorted(URL_SAFE | set("+/=!\xe9\0 "))))
def test_a_token_of_which_one_character_was_changed_is_none(place: int, letter: str) -> None:
    made = tokens(FakeClock())
    text = made.issue("Chat", 1).text
    changed = text[:place] + letter + text[place + 1 :]
    assert (made.read("Chat", changed) is not None) is (changed == text)


@given(st.text(max_size=200))
def test_whatever_comes_is_none(text: str) -> None:
    assert tokens(FakeClock()).read("Chat", text) is None


def test_a_token_has_one_spelling() -> None:
    made = tokens(FakeClock(), node_id="")
    for _ in range(200):
        text = made.issue("Chat", 1).text
        plain = base64.b64encode(base64.urlsafe_b64decode(text)).decode()
        assert (made.read("Chat", plain) is None) is (plain != text)
        assert made.read("Chat", text + "=") is None
        assert made.read("Chat", " " + text) is None


def test_the_signed_parts_cannot_be_moved_between_node_and_hub() -> None:
    clock = FakeClock()
    text = tokens(clock, node_id="ab").issue("c", 1).text
    assert tokens(clock, node_id="a").read("bc", text[:-1]) is None


@pytest.mark.parametrize("node_id", ["a b", "a\0", "é", "x" * 65, "a/b"])
def test_a_node_id_that_cannot_stand_in_an_address_is_refused(node_id: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in an address"):
        tokens(FakeClock(), node_id=node_id)


def test_a_token_expires() -> None:
    clock = FakeClock()
    made = tokens(clock)
    issued = made.issue("Chat", 1)
    clock.advance(14.99)
    assert made.is_fresh(issued)
    clock.advance(0.01)
    assert not made.is_fresh(issued)
    assert made.read("Chat", issued.text) == issued  # polls of a connection come with it for hours


async def test_used_tokens_are_remembered_while_they_are_fresh_and_then_forgotten() -> None:
    clock = FakeClock()
    wheel = TimerWheel(clock)
    made, used = tokens(clock), UsedTokens(clock, wheel)
    seen: list[ConnectionToken] = []
    for _ in range(60):
        issued = made.issue("Chat", 1)
        assert issued.text not in used
        used.add(issued)
        seen.append(issued)
        assert all(each.text in used for each in seen if made.is_fresh(each))
        await play(clock, wheel, 1.0)
        assert len(used) <= 31
    await play(clock, wheel, 31.0)
    assert len(used) == 0
    assert used.wheel_slot == -1


async def test_the_token_of_a_node_whose_clock_is_ahead_is_remembered_until_it_expires_here() -> None:
    clock, ahead = FakeClock(), FakeClock(1_700_000_060.0)
    wheel = TimerWheel(clock)
    used = UsedTokens(clock, wheel)
    late = tokens(ahead).issue("Chat", 1)
    used.add(late)
    for _ in range(70):
        used.add(tokens(clock).issue("Chat", 1))
        await play(clock, wheel, 1.0)
    assert late.text in used
    assert tokens(clock).is_fresh(late)
