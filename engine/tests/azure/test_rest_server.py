"""Admission of REST calls: address, token, method, version, names (azure-serverless 3.1 to 3.3)."""

from __future__ import annotations

import pytest

from hubwire.azure.rest_calls import RestRequest
from hubwire.azure.rest_operations import OPERATIONS
from hubwire.azure.routes import DATED_VERSIONS, ROUTES, Operation
from hubwire.errors import BrokerUnavailable, NodeTimeout, StoreUnavailable
from hubwire.model import Audience
from hubwire.plane.local import LocalDataPlane
from hubwire.ports import DataPlane
from hubwire.wire.encoded import EncodedMessage

from .rest import Rest, body_of, code_of, fields_of

MESSAGE = {"target": "t", "arguments": [1]}


def test_every_operation_is_performed() -> None:
    assert {*OPERATIONS, Operation.GET_HEALTH} == set(ROUTES)


@pytest.mark.parametrize("path", ["/", "/api", "/api/v2/hubs/chat", "/api/hubs", "/api/v1-preview/hub/chat", "/other"])
async def test_unknown_addresses_are_404_without_a_code_that_tools_take_for_an_answer(path: str) -> None:
    answer = await Rest().call("POST", path)
    assert answer.status == 404
    assert code_of(answer) == "Error.Request.NotExisted"
    assert body_of(answer)["code"] == "Error.Request.NotExisted"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x.y.z", "Basic dTpw", "other"])
async def test_no_good_token_is_401(authorization: str) -> None:
    rest = Rest()
    answer = await rest.call("POST", "/api/hubs/chat/:send", MESSAGE, authorization=authorization)
    assert answer.status == 401
    assert code_of(answer) == "Error.Request.Unauthorized"
    assert fields_of(answer)["www-authenticate"] == "Bearer"
    assert not rest.planes  # strangers make no hub


async def test_a_token_is_for_one_address_and_ends() -> None:
    rest = Rest()
    token, expires_at = rest.tokens.sign("/api/hubs/chat/:send")
    other = await rest.call("POST", "/api/hubs/other/:send", MESSAGE, authorization=f"Bearer {token}")
    assert other.status == 401
    good = await rest.call("POST", "/api/hubs/chat/:send", MESSAGE, authorization=f"bearer {token}")
    assert good.status == 202
    rest.clock.advance(expires_at - rest.clock.time())
    late = await rest.call("POST", "/api/hubs/chat/:send", MESSAGE, authorization=f"Bearer {token}")
    assert late.status == 401


async def test_a_wrong_method_is_405_and_says_which_there_are() -> None:
    answer = await Rest().call("PATCH", "/api/hubs/chat/groups/red")
    assert answer.status == 405
    assert fields_of(answer)["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "query", ["", "api-version=", "api-version=2021-01-01", "api-version=2022-06-01&API-Version=x"]
)
async def test_a_missing_unknown_or_repeated_version_is_400(query: str) -> None:
    answer = await Rest().call("POST", "/api/hubs/chat/:send", MESSAGE, version=None, query=query)
    assert answer.status == 400
    assert code_of(answer) == "Error.Request.Invalid"
    assert body_of(answer)["target"] == "api-version"


@pytest.mark.parametrize("version", DATED_VERSIONS)
async def test_each_version_has_the_operations_of_its_time(version: str) -> None:
    rest = Rest()
    answer = await rest.call("POST", "/api/hubs/chat/:send", MESSAGE, version=version)
    assert answer.status == 202
    answer = await rest.call("POST", "/api/hubs/chat/:generateToken", version=version)
    assert answer.status == (400 if version < "2022-11-01" else 200)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/hubs/1chat/:send", "hub"),
        ("/api/hubs/my-hub/:send", "hub"),
        (f"/api/hubs/{'a' * 129}/:send", "hub"),
        ("/api/hubs/chat/groups/ /:send", "group"),
        (f"/api/hubs/chat/groups/{'g' * 1025}/:send", "group"),
        ("/api/hubs/chat/users//:send", "user"),
        (f"/api/hubs/chat/users/{'u' * 1025}/:closeConnections", "user"),
        ("/api/hubs/chat/connections//:send", "connectionId"),
        ("/api/hubs/chat/connections/c/streams/ /:complete", "streamId"),
        (f"/api/hubs/chat/connections/c/streams/{'s' * 101}/:complete", "streamId"),
    ],
)
async def test_malformed_names_are_400(path: str, target: str) -> None:
    answer = await Rest().call("POST", path, MESSAGE)
    assert answer.status == 400
    assert body_of(answer)["target"] == target


@pytest.mark.parametrize("path", ["/api/hubs/chat/users/%ff/:send", "/api/hubs/%c3%28/:send"])
async def test_names_that_are_no_utf8_are_400_and_not_another_name(path: str) -> None:
    assert (await Rest().call("POST", path, MESSAGE)).status == 400


async def test_the_longest_names_are_taken() -> None:
    rest = Rest()
    for path in (f"/api/hubs/{'a' * 128}/:send", f"/api/hubs/chat/groups/{'g' * 1024}/:send"):
        assert (await rest.call("POST", path, MESSAGE)).status == 202


async def test_an_application_is_the_prefix_of_the_hub() -> None:
    rest = Rest()
    line = rest.connect("c", hub="shop_chat")
    assert (await rest.call("POST", "/api/hubs/Chat/:send", MESSAGE, query="application=Shop")).status == 202
    assert len(line.received) == 1


@pytest.mark.parametrize(
    "query", ["application=", "application=1", f"application={'a' * 124}", "application=a&application=b"]
)
async def test_a_malformed_application_is_400(query: str) -> None:
    answer = await Rest().call("POST", "/api/hubs/chat/:send", MESSAGE, query=query)
    assert answer.status == 400
    assert body_of(answer)["target"] == "application"


async def test_an_application_is_refused_where_it_would_be_ignored() -> None:
    answer = await Rest().call("POST", "/api/hubs/chat/:generateToken", query="application=shop")
    assert answer.status == 400


async def test_errors_of_v1_are_texts() -> None:
    answer = await Rest().call("POST", "/api/v1/hubs/1/users/ada", MESSAGE, version=None)
    assert (answer.status, code_of(answer)) == (400, "Error.Request.Invalid")
    assert fields_of(answer)["content-type"] == "text/plain; charset=utf-8"
    assert answer.body.startswith(b"The hub is no name")


async def test_a_query_that_is_no_utf8_is_400() -> None:
    assert (await Rest().call("POST", "/api/hubs/chat/:send", MESSAGE, query="excluded=%ff")).status == 400


@pytest.mark.parametrize("path", ["/api/health", "/api/v1/health", "/api/health/"])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_health_needs_no_token(path: str, method: str) -> None:
    answer = await Rest().server.handle(RestRequest(method, path))
    assert (answer.status, answer.body) == (200, b"")


async def test_health_fails_while_the_service_is_not_ready() -> None:
    answer = await Rest(unready="the broker is away").server.handle(RestRequest("GET", "/api/health"))
    assert answer.status == 503
    assert "the broker is away" in body_of(answer)["message"]


async def test_answers_to_head_have_no_body() -> None:
    rest = Rest()
    for path in ("/api/hubs/chat/groups/red", "/api/hubs/chat/groups/ ", "/api/nothing"):
        answer = await rest.call("HEAD", path)
        assert answer.status in (400, 404)
        assert answer.body == b""
        assert code_of(answer)


class FailingPlane(LocalDataPlane):
    """Raises what it is told, as a cluster's does while its broker is away."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BrokerUnavailable("it is away", may_have_arrived=False), 503, "Error.Service.Unavailable"),
        (BrokerUnavailable("it was lost", may_have_arrived=True), 500, "Error.Service.Unknown"),
        (StoreUnavailable("the disk is full", "Make room"), 503, "Error.Service.Unavailable"),
        (NodeTimeout(1, 2, 5.0), 500, "Error.Service.Unknown"),
        (ZeroDivisionError("a secret"), 500, "Error.Service.Unknown"),
    ],
)
async def test_only_what_certainly_did_nothing_may_be_sent_again(error: Exception, status: int, code: str) -> None:
    rest = Rest()
    plane = FailingPlane(error)

    def plane_of(hub: str) -> DataPlane:
        return plane

    rest.server = type(rest.server)(plane_of, rest.memberships, rest.tokens, rest.client_tokens)
    answer = await rest.call("POST", "/api/hubs/chat/:send", MESSAGE)
    assert (answer.status, code_of(answer)) == (status, code)
    assert ("retry-after" in fields_of(answer)) == (status == 503)
    assert "secret" not in body_of(answer)["message"]
