"""Every request of the REST client is one of the published description: path, method, query, body.

The description judges, by a JSON schema library; what takes the requests is the service of the client's own tests.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import msgspec
import pytest
from engine.tests.azure.fake_service import Answer, Request, fake_service

from hubwire.azure.credentials import KeyAuthorization
from hubwire.azure.data_plane import AzureDataPlane
from hubwire.azure.rest_client import API_VERSION, RestClient
from hubwire.azure.routes import Operation
from hubwire.model import Audience, Member
from hubwire.options import AzureOptions
from hubwire.testing import FakeClock
from hubwire.wire.encoded import EncodedMessage

DESCRIPTION: dict[str, Any] = json.loads(
    (resources.files("hubwire.azure") / "descriptions" / f"{API_VERSION}.json").read_bytes()
)
SAID = EncodedMessage.invocation("said", [1, None, {"a": "ö"}])
NAME = "a/b c?ö%"

CALLS: Mapping[str, tuple[set[Operation], Callable[[AzureDataPlane], Awaitable[object]]]] = {
    "send to all": ({Operation.SEND_TO_ALL}, lambda plane: plane.send(Audience.all(["a", "b"]), SAID)),
    "send to groups": ({Operation.SEND_TO_GROUP}, lambda plane: plane.send(Audience.groups([NAME, "h"], ["a"]), SAID)),
    "send to users": ({Operation.SEND_TO_USER}, lambda plane: plane.send(Audience.users([NAME, "bob"]), SAID)),
    "send to a part of a user": ({Operation.EXECUTE}, lambda plane: plane.send(Audience.user(NAME, ["a"]), SAID)),
    "send to connections": ({Operation.SEND_TO_CONNECTION}, lambda plane: plane.send(Audience.connection("c"), SAID)),
    "close all": ({Operation.CLOSE_ALL}, lambda plane: plane.close(Audience.all(["a"]), "reason & more")),
    "close a group": ({Operation.CLOSE_GROUP}, lambda plane: plane.close(Audience.group(NAME, ["a"]), "reason")),
    "close a user": ({Operation.CLOSE_USER}, lambda plane: plane.close(Audience.user(NAME))),
    "close a connection": ({Operation.CLOSE_CONNECTION}, lambda plane: plane.close(Audience.connection("c"), "reason")),
    "exists: connection": ({Operation.CONNECTION_EXISTS}, lambda plane: plane.exists(Audience.connection("c"))),
    "exists: user": ({Operation.USER_EXISTS}, lambda plane: plane.exists(Audience.user(NAME))),
    "exists: group": ({Operation.GROUP_EXISTS}, lambda plane: plane.exists(Audience.group(NAME))),
    "a connection joins": (
        {Operation.ADD_CONNECTION_TO_GROUP},
        lambda plane: plane.add_to_group(NAME, Member.connection("c")),
    ),
    "a connection leaves": (
        {Operation.REMOVE_CONNECTION_FROM_GROUP},
        lambda plane: plane.remove_from_group(NAME, Member.connection("c")),
    ),
    "a connection leaves all": (
        {Operation.REMOVE_CONNECTION_FROM_ALL_GROUPS},
        lambda plane: plane.remove_from_all_groups(Member.connection("c")),
    ),
    "a user joins": ({Operation.ADD_USER_TO_GROUP}, lambda plane: plane.add_to_group(NAME, Member.user(NAME))),
    "a user leaves": (
        {Operation.REMOVE_USER_FROM_GROUP},
        lambda plane: plane.remove_from_group(NAME, Member.user(NAME)),
    ),
    "a user leaves all": (
        {Operation.REMOVE_USER_FROM_ALL_GROUPS},
        lambda plane: plane.remove_from_all_groups(Member.user(NAME)),
    ),
    "members": ({Operation.LIST_GROUP_CONNECTIONS}, lambda plane: plane.members(Audience.group(NAME))),
    "invoke": ({Operation.INVOKE}, lambda plane: plane.invoke("c", "Ask", [1, "x"])),
}
NEVER_ASKED = {
    Operation.GET_HEALTH,  # beside each call
    Operation.GET_ACCESS_KEY,  # likewise
    Operation.USER_IN_GROUP_EXISTS,
    Operation.GENERATE_TOKEN,
    Operation.SEND_TO_STREAM,
    Operation.COMPLETE_STREAM,
}


def described(request: Request) -> tuple[dict[str, Any], dict[str, str]]:
    """The operation that a request is of, and the names in its path."""
    for template, methods in DESCRIPTION["paths"].items():
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        found = re.fullmatch(pattern, request.path)
        if found is not None and request.method.lower() in methods:
            return methods[request.method.lower()], {name: unquote(value) for name, value in found.groupdict().items()}
    raise AssertionError(f"{request.method} {request.path} is not described.")


def check(schema: Mapping[str, Any], value: object) -> None:
    """Raises: jsonschema_rs.ValidationError."""
    jsonschema_rs.validate({**schema, "definitions": DESCRIPTION["definitions"]}, value)


def read(parameter: Mapping[str, Any], text: str) -> object:
    return int(text) if parameter["type"] == "integer" else text


def judge(request: Request) -> str:
    """Check all of a request and return the operation's name."""
    operation, names = described(request)
    parameters = {(each["in"], each["name"]): each for each in operation.get("parameters", ())}
    assert {name for place, name in parameters if place == "path"} == set(names)
    for name, value in names.items():
        check(_schema(parameters["path", name]), value)
    given: dict[str, list[str]] = {}
    for name, value in request.query:
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        parameter = parameters["query", name]
        if parameter["type"] == "array":
            assert parameter["collectionFormat"] == "multi"
            check({"type": "array", "items": parameter["items"]}, values)
        else:
            (value,) = values
            check(_schema(parameter), read(parameter, value))
    bodies = [each for (place, _), each in parameters.items() if place == "body"]
    required = {name for (place, name), each in parameters.items() if place == "query" and each.get("required")}
    assert required <= set(given)
    assert bool(request.body) == any(each.get("required") for each in bodies)
    if request.body:
        content_type = request.headers["Content-Type"].partition(";")[0]
        assert content_type in operation["consumes"]
        if content_type == "application/json":
            check(bodies[0]["schema"], json.loads(request.body))
        else:
            payloads = msgspec.msgpack.decode(request.body, type=dict[str, bytes])
            assert set(payloads) <= {"json", "messagepack"}
    return str(operation["operationId"])


def _schema(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameter.items() if key not in ("in", "name", "required", "description")}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("name", CALLS)
async def test_what_is_asked_for_is_described(name: str, as_json: bool) -> None:
    operations, call = CALLS[name]
    async with fake_service() as service:
        if operations == {Operation.INVOKE}:
            service.answers.append(Answer(200, b'{"result":1}'))
        elif operations == {Operation.LIST_GROUP_CONNECTIONS}:
            link = f"http://x/?continuationToken=a%26b&api-version={API_VERSION}"
            service.answers.append(Answer(200, json.dumps({"value": [], "nextLink": link}).encode()))
            service.answers.append(Answer(200, b'{"value":[]}'))
        authorization = KeyAuthorization(service.connection, 60)
        options = AzureOptions(messages_as_json=as_json)
        async with RestClient(service.connection, authorization, options, clock=FakeClock()) as client:
            await call(AzureDataPlane(client, "chat"))
            await client.call(Operation.GET_ACCESS_KEY, ())
            assert await client.health()
        *asked, access_key, health = map(judge, service.requests)
        assert set(asked) == {each.value for each in operations}
        assert (access_key, health) == (Operation.GET_ACCESS_KEY.value, Operation.GET_HEALTH.value)


def test_every_operation_of_the_client_is_judged() -> None:
    assert set().union(*(operations for operations, _ in CALLS.values())) == set(Operation) - NEVER_ASKED


def test_the_judge_refuses_what_is_not_described() -> None:
    version = [("api-version", API_VERSION)]
    good = Request("POST", "/api/hubs/chat/:send", version, "", {"Content-Type": "application/json"}, b'{"target":"t"}')
    assert judge(good) == Operation.SEND_TO_ALL.value
    changes: list[dict[str, Any]] = [
        {"path": "/api/hubs/ch-at/:send"},
        {"path": "/api/hubs/chat/:sned"},
        {"method": "PUT"},
        {"query": [*version, ("colour", "red")]},
        {"query": []},
        {"body": b""},
        {"body": b'{"arguments":[]}'},
        {"headers": {"Content-Type": "text/plain"}},
    ]
    for change in changes:
        with pytest.raises((AssertionError, KeyError, jsonschema_rs.ValidationError)):
            judge(dataclasses.replace(good, **change))
