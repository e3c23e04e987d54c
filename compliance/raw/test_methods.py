"""Calls of hub methods (sheet 4.5, 4.8 and 5.4): what can be called, how it is answered, and every error text."""

from __future__ import annotations

from typing import Any

import pytest
from compliance.checklist import ALL, WEBSOCKETS, shows
from compliance.raw.judge import Judge, call, completion

FAILED = "Failed to invoke '{}' due to an error on the server."
UNEXPECTED = "An unexpected error occurred invoking '{}' on the server."


@shows("method-name-case", over=ALL)
@pytest.mark.parametrize("target", ["Echo", "echo", "ECHO", "eChO"])
async def test_names_of_methods_are_compared_without_regard_to_case(judge: Judge, over: str, target: str) -> None:
    async with judge.connected(over) as peer:
        assert await peer.result(target, "x") == "x"


@shows("renamed-inherited-overridden", over=WEBSOCKETS)
async def test_renamed_inherited_and_overridden_methods_are_called(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        assert await peer.result("Renamed") == "renamed"
        assert await peer.result("Inherited") == "inherited"
        assert await peer.result("Overridden") == "derived"


@shows("not-callable", over=WEBSOCKETS)
@pytest.mark.parametrize("path", ["/testhub", "/plain"])
async def test_whatever_is_no_hub_method_does_not_exist(judge: Judge, over: str, path: str) -> None:
    targets = [
        *("Nothing", "under_another_name", "Withdrawn", "undecorated", "static", "dispose", "Dispose", "DisposeAsync"),
        *("connected", "disconnected", "OnConnectedAsync", "OnDisconnectedAsync", "_note", "_journal"),
        *("clients", "groups", "context", "__init__", "__class__", "__del__", "ToString", "Finalize", "echo ", "Écho"),
    ]
    async with judge.connected(over, path) as peer:
        for target in targets:
            error = FAILED.format(target) + " HubException: Method does not exist."
            assert await peer.invoke(target) == completion("i", error=error)
            await peer.send({"type": 4, "invocationId": "s", "target": target, "arguments": []})
            assert await peer.receive() == completion("s", error=error)


@shows("return-values", over=ALL)
async def test_values_come_back_and_void_is_null(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        assert await peer.invoke("Add", 40, 2) == completion("i", result=42)
        assert await peer.invoke("VoidMethod") == completion("i", result=None)
        assert await peer.invoke("Echo", None) == completion("i", result=None)
        values: tuple[object, ...] = (True, 0, -1, 2**53, 1.5, "", "ümlaut <&> \u2028 😀", [], {}, [{"a": [None, 1]}])
        for value in values:
            assert await peer.invoke("Echo", value) == completion("i", result=value)


@shows("return-values", over=ALL)
async def test_ids_of_calls_come_back_as_they_were(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        for invocation_id in ("0", "s1", "ä b", "x" * 300):
            assert await peer.invoke("Echo", 1, invocation_id=invocation_id) == completion(invocation_id, result=1)


@shows("non-blocking", over=ALL)
async def test_calls_without_id_are_not_answered_whatever_becomes_of_them(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(
            call("VoidMethod"),
            call("Echo", "value"),
            call("ThrowException", "x"),
            call("ThrowHubException", "x"),
            call("Nothing"),
            call("Echo"),
            call("AdminOnly"),
            call("Stream"),
            {**call("Echo", "no id either"), "invocationId": ""},
        )
        assert await peer.invoke("Echo", "last") == completion("i", result="last")


FAILURES: list[tuple[str, list[Any], str, str]] = [
    ("ThrowException", ["no"], UNEXPECTED, " InvalidOperationException: no"),
    ("Echo", [], FAILED, " InvalidDataException: Invocation provides 0 argument(s) but target expects 1."),
    ("Add", [1, 2, 3], FAILED, " InvalidDataException: Invocation provides 3 argument(s) but target expects 2."),
    (
        "Add",
        [1, "x"],
        FAILED,
        " InvalidDataException: Error binding arguments. Make sure that the types of the provided values match the "
        "types of the hub method being invoked.",
    ),
]


@shows("error-texts", over=ALL)
@pytest.mark.parametrize(("target", "arguments", "text", "detail"), FAILURES)
async def test_details_of_errors_are_told_where_they_may(
    judge: Judge, over: str, target: str, arguments: list[Any], text: str, detail: str
) -> None:
    for path, is_detailed in (("/testhub", True), ("/plain", False)):
        async with judge.connected(over, path) as peer:
            error = text.format(target) + detail * is_detailed
            assert await peer.invoke(target.lower(), *arguments) == completion("i", error=error)
            assert await peer.result("Echo", "still here") == "still here"


@shows("error-texts", over=WEBSOCKETS)
async def test_errors_that_are_meant_for_clients_are_always_told(judge: Judge, over: str) -> None:
    for path in ("/testhub", "/plain"):
        async with judge.connected(over, path) as peer:
            error = UNEXPECTED.format("ThrowHubException") + " HubException: you"
            assert await peer.invoke("ThrowHubException", "you") == completion("i", error=error)


@shows("streaming-mismatch", over=ALL)
async def test_streaming_and_plain_methods_are_not_mixed_up(judge: Judge, over: str) -> None:
    for path in ("/testhub", "/plain"):
        async with judge.connected(over, path) as peer:
            for target in ("Stream", "EmptyStream"):
                error = (
                    f"The client attempted to invoke the streaming '{target}' method with a non-streaming invocation."
                )
                assert await peer.invoke(target.lower()) == completion("i", error=error)
            await peer.send({"type": 4, "invocationId": "s", "target": "echo", "arguments": ["x"]})
            error = "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation."
            assert await peer.receive() == completion("s", error=error)


@shows("unauthorised-method", over=ALL)
async def test_who_may_not_call_a_method_is_told_so_and_who_may_is_not(judge: Judge, over: str) -> None:
    for path in ("/testhub", "/plain"):
        async with judge.connected(over, path) as peer:
            error = "Failed to invoke 'AdminOnly' because user is unauthorized"
            assert await peer.invoke("AdminOnly") == completion("i", error=error)
    headers = {"Authorization": f"Bearer {await judge.token('admin')}"}
    async with judge.connected(over, headers=headers) as peer:
        assert await peer.invoke("AdminOnly") == completion("i", result="admin")


@shows("header-fields", over=WEBSOCKETS)
async def test_headers_of_messages_are_taken(judge: Judge, over: str) -> None:
    async with judge.connected(over) as peer:
        await peer.send(call("Echo", "x", invocation_id="1", headers={"trace": "00-1"}, streamIds=[]))
        assert await peer.receive() == completion("1", result="x")
