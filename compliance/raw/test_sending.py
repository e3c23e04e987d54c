"""Messages from hubs to clients (sheet 5.8): who gets them, on whatever transport and protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from compliance.checklist import ALL, shows
from compliance.raw.judge import Judge, call, completion
from compliance.raw.peers import Peer


@asynccontextmanager
async def company(judge: Judge, over: str) -> AsyncIterator[Mapping[str, Peer]]:
    """Four clients, one for each of the other combinations; `ann` twice, as one user."""
    overs = {"me": over, "ann": "WebSockets-json", "ann2": "LongPolling-json", "bob": "WebSockets-messagepack"}
    async with AsyncExitStack() as stack:
        peers = {}
        for name, each in overs.items():
            headers = {"Authorization": f"Bearer {await judge.token(name.rstrip('2') + over)}"}
            peers[name] = await stack.enter_async_context(judge.connected(each, headers=headers))
        yield peers


@shows(
    *("send-all", "send-others", "send-caller", "send-all-except", "send-client", "send-clients", "send-user"),
    *("send-users", "send-group", "send-groups", "send-group-except", "send-others-in-group", "mixed-protocols"),
    over=ALL,
)
async def test_messages_reach_whom_they_are_for_and_nobody_else(judge: Judge, over: str) -> None:
    async with company(judge, over) as peers:
        ids = {name: peer.connection_id for name, peer in peers.items()}
        me, group, other = peers["me"], f"group {over}", f"other {over}"
        for name in ("me", "ann", "bob"):
            assert await peers[name].result("AddToGroup", group) is None
        assert await peers["bob"].result("AddToGroup", group) is None  # adding twice is one membership
        assert await peers["bob"].result("AddToGroup", other) is None
        sends: list[tuple[str, list[Any], Sequence[str]]] = [
            ("SendToAll", [], ["me", "ann", "ann2", "bob"]),
            ("SendToOthers", [], ["ann", "ann2", "bob"]),
            ("SendToCaller", [], ["me"]),
            ("SendToAllExcept", [[ids["ann"], ids["me"], "nobody"]], ["ann2", "bob"]),
            ("SendToClient", [ids["bob"]], ["bob"]),
            ("SendToClient", ["nobody"], []),
            ("SendToClients", [[ids["bob"], ids["ann2"], "nobody"]], ["bob", "ann2"]),
            ("SendToClients", [[]], []),
            ("SendToUser", ["ann" + over], ["ann", "ann2"]),
            ("SendToUser", ["ANN" + over], []),
            ("SendToUsers", [["ann" + over, "bob" + over]], ["ann", "ann2", "bob"]),
            ("SendToGroup", [group], ["me", "ann", "bob"]),
            ("SendToGroup", [group.upper()], []),
            ("SendToGroups", [[group, other]], ["me", "ann", "bob", "bob"]),
            ("SendToGroupExcept", [group, [ids["ann"]]], ["me", "bob"]),
            ("SendToOthersInGroup", [group], ["ann", "bob"]),
        ]
        expected: dict[str, list[str]] = {name: [] for name in peers}
        for number, (target, arguments, receivers) in enumerate(sends):
            await me.send(call(target, *arguments, f"Heard{number}", {"Ümlaut": [number, None]}))
            for name in receivers:
                expected[name].append(f"Heard{number}")
        await me.send(call("SendToAll", "End", None, invocation_id="end"))
        for name, peer in peers.items():
            heard = []
            while (message := await peer.receive())["target"] != "End":
                assert message["type"] == 1
                assert "invocationId" not in message
                heard.append(message["target"])
                assert message["arguments"] == [{"Ümlaut": [int(heard[-1].removeprefix("Heard")), None]}]
            assert heard == expected[name], name
        assert await me.receive() == completion("end", result=None)


@shows("remove-from-group", over=ALL)
async def test_leaving_a_group_is_no_error_for_who_is_not_in_it(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        group = f"left {peer.connection_id}"
        assert await peer.invoke("RemoveFromGroup", group) == completion("i", result=None)
        for target in ("AddToGroup", "RemoveFromGroup", "RemoveFromGroup"):
            assert await peer.invoke(target, group) == completion("i", result=None)
        assert await peer.invoke("SendToGroup", group, "Message", 1) == completion("i", result=None)


@shows("group-ends-with-connection")
async def test_a_group_forgets_who_has_left(judge: Judge) -> None:
    async with judge.connected("WebSockets-json") as stays, judge.connected("WebSockets-json") as leaves:
        for peer in (stays, leaves):
            await peer.result("AddToGroup", "forgetful")
        await leaves.leave()
        await judge.events(leaves.connection_id, "disconnected")
        await stays.send(call("SendToGroup", "forgetful", "Message", 1))
        assert await stays.receive() == call("Message", 1)


@shows("group-without-name", over=ALL)
async def test_a_group_needs_a_name(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        answer = await peer.invoke("SendToGroups", ["x", ""], "Message", 1)
        assert answer["error"].startswith("An unexpected error occurred invoking 'SendToGroups' on the server.")


@shows("values", over=ALL)
@pytest.mark.parametrize("size", [0, 1, 31, 32, 255, 256, 65_535, 65_536, 300_000])
async def test_values_of_every_size_arrive_whole(judge: Judge, over: str, size: int) -> None:
    async with judge.connected(over) as peer:
        assert await peer.result("Large", size) == "x" * size
