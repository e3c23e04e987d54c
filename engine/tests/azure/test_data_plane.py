"""What each call on the data plane asks the service for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from engine.tests.azure.fake_service import Answer, FakeService, Hang, fake_service

from hubwire.azure.credentials import KeyAuthorization
from hubwire.azure.data_plane import AzureDataPlane
from hubwire.azure.rest_client import RestClient
from hubwire.errors import (
    ClientResultTimeout,
    ConnectionGone,
    FanOutFailed,
    NotInRestApi,
    ServiceRefused,
    ServiceUnavailable,
)
from hubwire.model import Audience, Connected, Features, Member
from hubwire.options import AzureOptions, HubOptions
from hubwire.testing import FakeClock
from hubwire.wire.encoded import EncodedMessage

VERSION = ("api-version", "2024-12-01")
SAID = EncodedMessage.invocation("said", [1, {"a": None}])
JSON = b'{"type":1,"target":"said","arguments":[1,{"a":null}]}\x1e'


@asynccontextmanager
async def plane_of(
    service: FakeService, options: AzureOptions | None = None, hub_options: HubOptions | None = None
) -> AsyncIterator[AzureDataPlane]:
    clock = FakeClock()
    options = options or AzureOptions(retries=0)
    async with RestClient(service.connection, KeyAuthorization(service.connection, 60), options, clock=clock) as client:
        yield AzureDataPlane(client, "Chat", hub_options)


def asked(service: FakeService) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Method, path and query of each request, without the version, which each has."""
    assert all(request.query[0] == VERSION for request in service.requests)
    return [(request.method, request.path, list(request.query[1:])) for request in service.requests]


SENDS: dict[str, tuple[Audience, list[tuple[str, list[tuple[str, str]]]]]] = {
    "all": (Audience.all(), [("/api/hubs/chat/:send", [])]),
    "all but some": (
        Audience.all(["b&", "a"]),
        [("/api/hubs/chat/:send", [("excluded", "a"), ("excluded", "b&")])],
    ),
    "a group": (
        Audience.group("a/b ?ö", ["c"]),
        [("/api/hubs/chat/groups/a%2Fb%20%3F%C3%B6/:send", [("excluded", "c")])],
    ),
    "groups, in order, each as often as named": (
        Audience.groups(["g", "h", "g"]),
        [(f"/api/hubs/chat/groups/{group}/:send", []) for group in ("g", "h", "g")],
    ),
    "a user": (Audience.user("Ann"), [("/api/hubs/chat/users/Ann/:send", [])]),
    "users, each once": (
        Audience.users(["ann", "", "bob", "ann"]),
        [("/api/hubs/chat/users/ann/:send", []), ("/api/hubs/chat/users/bob/:send", [])],
    ),
    "connections, each once": (
        Audience.connections(["c", "d", "c"]),
        [("/api/hubs/chat/connections/c/:send", []), ("/api/hubs/chat/connections/d/:send", [])],
    ),
    "nobody": (Audience.groups([]), []),
}


@pytest.mark.parametrize("name", SENDS)
async def test_a_send_becomes_these_requests(name: str) -> None:
    audience, expected = SENDS[name]
    async with fake_service() as service, plane_of(service, AzureOptions(retries=0, parallel_sends=1)) as plane:
        await plane.send(audience, SAID)
        assert asked(service) == [("POST", *each) for each in expected]
        for request in service.requests:
            assert request.headers["Content-Type"] == "application/octet-stream"
            payloads = msgspec.msgpack.decode(request.body)
            assert list(payloads) == ["json", "messagepack"]
            assert payloads["json"] == JSON


async def test_a_send_to_a_user_without_some_connections_asks_by_a_filter() -> None:
    async with fake_service() as service, plane_of(service) as plane:
        await plane.send(Audience.user("o'hara", ["c", "b"]), SAID)
        condition = "userId eq 'o''hara' and connectionId ne 'b' and connectionId ne 'c'"
        assert asked(service) == [("POST", "/api/hubs/chat/:execute", [("filter", condition)])]
        assert msgspec.json.decode(service.requests[0].body) == [
            {"type": "SendMessage", "message": {"target": "said", "arguments": [1, {"a": None}]}}
        ]


async def test_messages_travel_as_json_by_option() -> None:
    async with fake_service() as service, plane_of(service, AzureOptions(messages_as_json=True)) as plane:
        await plane.send(Audience.all(), SAID)
        (request,) = service.requests
        assert request.headers["Content-Type"] == "application/json; charset=utf-8"
        assert request.body == b'{"target":"said","arguments":[1,{"a":null}]}'


async def test_a_message_that_one_protocol_cannot_write_goes_to_the_clients_of_the_other() -> None:
    async with fake_service() as service, plane_of(service) as plane:
        await plane.send(Audience.all(), EncodedMessage.invocation("said", [2**70]))
        assert list(msgspec.msgpack.decode(service.requests[0].body)) == ["json"]
        with pytest.raises(TypeError):
            await plane.send(Audience.all(), EncodedMessage.invocation("said", [object()]))


async def test_a_hub_with_one_protocol_sends_that_alone() -> None:
    async with fake_service() as service, plane_of(service, None, HubOptions(protocols=frozenset({"json"}))) as plane:
        await plane.send(Audience.all(), SAID)
        assert msgspec.msgpack.decode(service.requests[0].body) == {"json": JSON}


async def test_changes_of_groups_become_these_requests() -> None:
    connection, user = Member.connection("c/1"), Member.user("ann")
    async with fake_service() as service, plane_of(service) as plane:
        for member in (connection, user):
            await plane.add_to_group("g h", member)
            await plane.remove_from_group("g h", member)
            await plane.remove_from_all_groups(member)
        assert asked(service) == [
            ("PUT", "/api/hubs/chat/groups/g%20h/connections/c%2F1", []),
            ("DELETE", "/api/hubs/chat/groups/g%20h/connections/c%2F1", []),
            ("DELETE", "/api/hubs/chat/connections/c%2F1/groups", []),
            ("PUT", "/api/hubs/chat/users/ann/groups/g%20h", []),
            ("DELETE", "/api/hubs/chat/users/ann/groups/g%20h", []),
            ("DELETE", "/api/hubs/chat/users/ann/groups", []),
        ]


async def test_a_connection_that_is_gone_joins_and_leaves_nothing() -> None:
    gone = Answer(404, headers={"x-ms-error-code": "Error.Connection.NotExisted"})
    async with fake_service() as service, plane_of(service) as plane:
        service.answers.extend([gone, gone])
        await plane.add_to_group("g", Member.connection("c"))
        await plane.remove_from_group("g", Member.connection("c"))
        service.answers.append(Answer(404))
        with pytest.raises(ServiceRefused, match="Check Endpoint"):
            await plane.add_to_group("g", Member.connection("c"))


CLOSES = {
    "all": (Audience.all(["c"]), "POST", "/api/hubs/chat/:closeConnections", [("excluded", "c"), ("reason", "a&b")]),
    "a group": (
        Audience.group("g", ["c"]),
        "POST",
        "/api/hubs/chat/groups/g/:closeConnections",
        [("excluded", "c"), ("reason", "a&b")],
    ),
    "a user": (Audience.user("ann"), "POST", "/api/hubs/chat/users/ann/:closeConnections", [("reason", "a&b")]),
    "a connection": (Audience.connection("c"), "DELETE", "/api/hubs/chat/connections/c", [("reason", "a&b")]),
}


@pytest.mark.parametrize("name", CLOSES)
async def test_a_close_becomes_this_request(name: str) -> None:
    audience, method, path, query = CLOSES[name]
    async with fake_service() as service, plane_of(service) as plane:
        await plane.close(audience, "a&b")
        assert asked(service) == [(method, path, query)]
        service.answers.append(Answer(404, headers={"X-MS-Error-Code": "warning.connection.notexisted"}))
        if name == "a connection":
            await plane.close(audience)
            assert asked(service)[1] == (method, path, [])
        else:
            with pytest.raises(ServiceRefused):
                await plane.close(audience)


PRESENCES = {
    "a connection": (Audience.connection("x"), "/api/hubs/chat/connections/x", "Warning.Connection.NotExisted"),
    "a user": (Audience.user("x"), "/api/hubs/chat/users/x", "Warning.User.NotExisted"),
    "a group": (Audience.group("x"), "/api/hubs/chat/groups/x", "Warning.Group.NotExisted"),
}


@pytest.mark.parametrize("name", PRESENCES)
async def test_presence_is_asked_for_and_believed_only_with_the_right_code(name: str) -> None:
    audience, path, code = PRESENCES[name]
    async with fake_service() as service, plane_of(service) as plane:
        assert await plane.exists(audience)
        assert asked(service) == [("HEAD", path, [])]
        service.answers.append(Answer(404, headers={"x-ms-error-code": code}))
        assert not await plane.exists(audience)
        for headers in ({}, {"x-ms-error-code": "Info.User.NotInGroup"}):
            service.answers.append(Answer(404, headers=headers))
            with pytest.raises(ServiceRefused):
                await plane.exists(audience)


async def test_presence_of_some_of_several_is_enough() -> None:
    async with fake_service() as service, plane_of(service, AzureOptions(parallel_sends=1)) as plane:
        service.answers.append(Answer(404, headers={"x-ms-error-code": "Warning.User.NotExisted"}))
        assert await plane.exists(Audience.users(["ann", "bob"]))
        assert not await plane.exists(Audience.users([]))


async def test_the_members_of_groups_are_read_page_by_page_from_the_service_itself() -> None:
    link = "https://elsewhere.example/api/hubs/chat/groups/g/connections?api-version=2024-12-01&continuationToken=a%26b"
    pages = [
        {"value": [{"connectionId": "d", "userId": "ann"}, {"connectionId": "b"}], "nextLink": link},
        {"value": [{"connectionId": "c", "userId": "bob"}]},
        {"value": [{"connectionId": "a"}, {"connectionId": "b"}]},
    ]
    async with fake_service() as service, plane_of(service) as plane:
        service.answers.extend(Answer(200, msgspec.json.encode(page)) for page in pages)
        b, c, d = Connected("b"), Connected("c", "bob"), Connected("d", "ann")
        assert await plane.members(Audience.groups(["g", "h", "g"])) == [Connected("a"), b, c, d]
        assert asked(service) == [
            ("GET", "/api/hubs/chat/groups/g/connections", []),
            ("GET", "/api/hubs/chat/groups/g/connections", [("continuationToken", "a&b")]),
            ("GET", "/api/hubs/chat/groups/h/connections", []),
        ]
        service.answers.extend(Answer(200, msgspec.json.encode(page)) for page in pages[:2])
        assert await plane.members(Audience.group("g", ["b"]), after="b", limit=1) == [c]
        with pytest.raises(ValueError, match="give a limit from 1 on"):
            await plane.members(Audience.group("g"), limit=0)
        service.answers.extend(Answer(200, msgspec.json.encode(page)) for page in pages[1:] * 2)
        assert await plane.exists(Audience.group("g", ["b"]))
        assert await plane.exists(Audience.group("g", ["a"]))


@pytest.mark.parametrize("audience", [Audience.all(), Audience.user("ann"), Audience.connection("c")])
async def test_others_cannot_be_listed(audience: Audience) -> None:
    async with fake_service() as service, plane_of(service) as plane:
        with pytest.raises(NotInRestApi, match="cannot list these"):
            await plane.members(audience)


@pytest.mark.parametrize("audience", [Audience.all(), Audience.user("ann", ["c"])])
async def test_what_the_service_cannot_be_asked_is_told(audience: Audience) -> None:
    async with fake_service() as service, plane_of(service) as plane:
        with pytest.raises(NotInRestApi, match="cannot tell whether anybody of these is there"):
            await plane.exists(audience)
        assert service.requests == []


@pytest.mark.parametrize("name", ["", " ", "\t\n", "x" * 1025, "\ud800", ".", ".."])
async def test_names_that_no_address_can_carry_are_refused_before_anything_is_sent(name: str) -> None:
    async with fake_service() as service, plane_of(service) as plane:
        with pytest.raises(ValueError, match="name"):
            await plane.add_to_group(name, Member.connection("c"))
        if name in ("\ud800", ".", ".."):
            for audience in (Audience.users(["ann", name]), Audience.connections(["c", name])):
                with pytest.raises(ValueError, match="name"):
                    await plane.send(audience, SAID)
        assert service.requests == []


async def test_a_hub_with_a_name_that_the_service_refuses_is_refused() -> None:
    async with fake_service() as service:
        client = RestClient(service.connection, KeyAuthorization(service.connection, 60))
        with pytest.raises(ValueError, match="is no hub name"):
            AzureDataPlane(client, "admin-hub")


async def test_a_question_to_a_client_returns_its_result() -> None:
    async with fake_service() as service, plane_of(service) as plane:
        assert plane.features == Features.CLIENT_RESULTS | Features.ABORT_CALLER
        service.answers.append(Answer(200, b'{"result":[1180591620717411303424,{"a":"\xc3\xb6"}]}'))
        assert await plane.invoke("c", "Ask", ["x"]) == [2**70, {"a": "ö"}]
        assert asked(service) == [("POST", "/api/hubs/chat/connections/c/:invoke", [])]
        assert msgspec.json.decode(service.requests[0].body) == {"target": "Ask", "arguments": ["x"]}
        service.answers.append(Answer(200, b"{}"))
        assert await plane.invoke("c", "Ask", []) is None


async def test_a_question_to_a_client_that_is_not_there_says_so() -> None:
    async with fake_service() as service, plane_of(service) as plane:
        service.answers.append(Answer(404, headers={"x-ms-error-code": "Error.Connection.NotExisted"}))
        with pytest.raises(ConnectionGone, match="does not exist"):
            await plane.invoke("c", "Ask", [])


async def test_a_question_ends_with_its_time() -> None:
    async with fake_service() as service, fake_plane_with_clock(service) as (plane, clock):
        service.answers.append(Hang())
        asking = asyncio.create_task(plane.invoke("c", "Ask", [], 2))
        await service.until_requests(1)
        await clock.until_sleeping()
        clock.advance(2)
        with pytest.raises(ClientResultTimeout, match="within 2 s"):
            await asking


@asynccontextmanager
async def fake_plane_with_clock(service: FakeService) -> AsyncIterator[tuple[AzureDataPlane, FakeClock]]:
    clock = FakeClock()
    async with RestClient(service.connection, KeyAuthorization(service.connection, 60), clock=clock) as client:
        yield AzureDataPlane(client, "chat"), clock


async def test_many_names_are_asked_for_a_bounded_number_at_a_time() -> None:
    async with fake_service() as service, plane_of(service, AzureOptions(parallel_sends=3)) as plane:
        service.gate.clear()
        sending = asyncio.create_task(plane.send(Audience.users([f"u{number}" for number in range(10)]), SAID))
        await service.until_requests(3)
        service.gate.set()
        await sending
        assert (len(service.requests), service.most_at_once) == (10, 3)


async def test_one_name_that_is_refused_does_not_keep_the_message_from_the_others() -> None:
    async with fake_service() as service, plane_of(service, AzureOptions(parallel_sends=2)) as plane:
        service.answers.append(Answer(400, b'{"code":"x","message":"No such user."}'))
        with pytest.raises(FanOutFailed, match=r"1 of 5 calls failed.*No such user") as caught:
            await plane.send(Audience.users([f"u{number}" for number in range(5)]), SAID)
        assert (len(service.requests), caught.value.calls, caught.value.left_out) == (5, 5, 0)
        assert caught.value.may_have_arrived
        (error,) = caught.value.errors
        assert isinstance(error, ServiceRefused)


async def test_no_more_is_sent_once_the_service_is_away() -> None:
    async with fake_service() as service, plane_of(service, AzureOptions(retries=0, parallel_sends=1)) as plane:
        service.answers.extend([Answer(), Answer(503)])
        with pytest.raises(FanOutFailed, match="4 of 5 calls failed") as caught:
            await plane.send(Audience.users([f"u{number}" for number in range(5)]), SAID)
        assert (len(service.requests), caught.value.left_out) == (2, 3)
        (error,) = caught.value.errors
        assert isinstance(error, ServiceUnavailable)


async def test_sends_that_are_awaited_arrive_in_that_order() -> None:
    async with fake_service() as service, plane_of(service) as plane:
        for number in range(20):
            audience = Audience.users(["ann", "bob"]) if number % 2 else Audience.all()
            await plane.send(audience, EncodedMessage.invocation(str(number), []))
        targets = [
            msgspec.json.decode(msgspec.msgpack.decode(request.body)["json"][:-1])["target"]
            for request in service.requests
        ]
        assert targets == sorted(targets, key=int)


async def test_messages_that_travel_together_are_sent_one_by_one() -> None:
    async with fake_service() as service, plane_of(service) as plane:
        together = [EncodedMessage.invocation(str(number), []) for number in range(3)]
        await plane.send(Audience.group("g"), EncodedMessage.together(together))
        bodies = [msgspec.msgpack.decode(request.body)["json"][:-1] for request in service.requests]
        assert [msgspec.json.decode(body)["target"] for body in bodies] == ["0", "1", "2"]
