"""Access keys that change while tokens are made and read."""

from __future__ import annotations

import pytest

from hubwire.azure.access_keys import AccessKeys
from hubwire.azure.jwt import ClientTokens
from hubwire.azure.rest_tokens import RestTokens
from hubwire.errors import Unauthorized
from hubwire.testing import FakeClock, make_caller

OLD = "old-" + "a" * 40
NEW = "new-" + "b" * 40
BASES = ["https://service.example"]


def test_they_are_a_sequence_without_secrets_in_its_repr() -> None:
    keys = AccessKeys([OLD, NEW])
    assert (list(keys), len(keys), keys[0], keys[1:]) == ([OLD, NEW], 2, OLD, (NEW,))
    assert OLD not in repr(keys)


def test_what_cannot_be_keys_changes_nothing() -> None:
    keys = AccessKeys([OLD])
    for wrong, error in (([], "at least one"), (["short"], "32 bytes"), ([NEW, ""], "32 bytes")):
        with pytest.raises(ValueError, match=error):
            keys.replace(wrong)
    with pytest.raises(TypeError, match="list"):
        keys.replace(NEW)
    assert list(keys) == [OLD]


async def test_client_tokens_follow() -> None:
    keys, clock = AccessKeys([OLD]), FakeClock()
    tokens = ClientTokens(keys, BASES, clock=clock)
    request = make_caller().request
    old = tokens.sign("chat")
    await tokens.verify(old, "chat", request)  # remembered from here on
    keys.replace([NEW, OLD])
    await tokens.verify(old, "chat", request)
    new = tokens.sign("chat")
    keys.replace([NEW])
    await tokens.verify(new, "chat", request)
    with pytest.raises(Unauthorized):
        await tokens.verify(old, "chat", request)


def test_rest_tokens_follow() -> None:
    keys, clock = AccessKeys([OLD]), FakeClock()
    tokens = RestTokens(keys, BASES, clock=clock)
    old, _ = tokens.sign("/api/hubs/chat/:send")
    keys.replace([NEW, OLD])
    new, _ = tokens.sign("/api/hubs/chat/:send")
    keys.replace([NEW])
    tokens.verify(new, "/api/hubs/chat/:send")
    with pytest.raises(Unauthorized):
        tokens.verify(old, "/api/hubs/chat/:send")
