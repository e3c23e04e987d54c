"""`:execute`: commands for whoever matches a filter (azure-serverless 3.6)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from hubwire.azure.rest_execute import MAXIMUM_COMMANDS
from hubwire.model import Audience, Connected
from hubwire.wire.messages import Close, Invocation

from .rest import Rest, body_of

PATH = "/api/hubs/chat/:execute"


def _say(text: str) -> dict[str, object]:
    return {"type": "SendMessage", "message": {"target": "say", "arguments": [text]}}


def _join(group: str) -> dict[str, object]:
    return {"type": "JoinGroup", "group": group}


def _leave(group: str) -> dict[str, object]:
    return {"type": "LeaveGroup", "group": group}


async def _members(rest: Rest, group: str) -> list[Connected]:
    return await rest.planes["chat"].members(Audience.group(group))


async def test_commands_run_in_their_order_on_whoever_matches() -> None:
    rest = Rest()
    ada, bob, nobody = rest.connect("a", "listener-1"), rest.connect("b", "bob"), rest.connect("n")
    commands = [
        _say("before"),
        _join("red"),
        _leave("blue"),
        {"type": "CloseConnection", "reason": "enough"},
        _say("late"),
    ]
    where = "filter=" + quote("startswith(userId, 'listener-')")
    answer = await rest.call("POST", PATH, commands, query=where)
    assert answer.status == 202
    assert ada.received == [Invocation("say", ["before"])]
    assert ada.closed == Close("enough", True)
    assert not bob.received
    assert not nobody.received
    assert await _members(rest, "red") == [Connected("a", "listener-1")]


@pytest.mark.parametrize("query", ["", "filter=", "filter=%20"])
async def test_without_a_filter_everybody_matches(query: str) -> None:
    rest = Rest()
    lines = [rest.connect(f"c{number}", "u") for number in range(1_201)]  # several batches
    assert (await rest.call("POST", PATH, [_join("red"), _say("hello")], query=query)).status == 202
    assert all(line.received == [Invocation("say", ["hello"])] for line in lines)
    assert len(await _members(rest, "red")) == 1_201
    assert (await rest.call("POST", PATH, [_leave("red")], query=query)).status == 202
    assert not await _members(rest, "red")


async def test_a_filter_sees_groups() -> None:
    rest = Rest()
    red, blue = rest.connect("r", "u"), rest.connect("b", "u")
    await rest.call("PUT", "/api/hubs/chat/groups/red/connections/r")
    for text in ("'red' in groups", "'red' in groups or '' in groups"):
        await rest.call("POST", PATH, [_say(text)], query=f"filter={quote(text)}")
    assert len(red.received) == 2
    assert not blue.received


@pytest.mark.parametrize(
    "wrong",
    [
        1,
        {},
        {"type": 1},
        {"type": "sendmessage"},
        {"type": "SendMessage"},
        {"type": "SendMessage", "message": {"target": ""}},
        {"type": "SendMessage", "message": {"target": "t", "arguments": 1}},
        {"type": "JoinGroup"},
        {"type": "JoinGroup", "group": " "},
        {"type": "JoinGroup", "group": "g" * 1025},
        {"type": "LeaveGroup", "group": 1},
        {"type": "CloseConnection", "reason": 1},
    ],
)
async def test_nothing_runs_when_one_command_is_wrong(wrong: object) -> None:
    rest = Rest()
    line = rest.connect("c", "u")
    answer = await rest.call("POST", PATH, [_say("first"), wrong])
    assert answer.status == 400
    assert body_of(answer)["message"].startswith("Command 1: ")
    assert not line.posted


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[", [{"type": "CloseConnection"}] * (MAXIMUM_COMMANDS + 1)])
async def test_what_is_no_list_of_commands_is_400(body: Any) -> None:
    rest = Rest()
    line = rest.connect("c", "u")
    assert (await rest.call("POST", PATH, body)).status == 400
    assert line.closed is None


async def test_as_many_commands_as_the_limit_are_taken() -> None:
    rest = Rest()
    assert (await rest.call("POST", PATH, [_say("x")] * MAXIMUM_COMMANDS)).status == 202


async def test_a_wrong_filter_or_content_type_is_400() -> None:
    rest = Rest()
    assert (await rest.call("POST", PATH, [], query="filter=userId")).status == 400
    assert (await rest.call("POST", PATH, [], content_type="application/x-msgpack")).status == 400
