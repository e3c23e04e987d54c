"""What each REST operation does, in all versions and spellings (azure-serverless 3.4 to 3.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hubwire.model import Member
from hubwire.testing import MemoryLine
from hubwire.wire.messages import Close, Completion, Invocation, StreamItem

from .rest import Rest, body_of, code_of

MESSAGE = {"target": "orderNotification", "arguments": [{"id": 7}, None]}
CALL = Invocation("orderNotification", [{"id": 7}, None])


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """With memberships of users."""
    scene = Scene()
    await scene.store.start()
    yield scene
    await scene.store.stop()


class Scene(Rest):
    """Ada with two connections, Bob with one; one of Ada's and Bob's are red."""

    def __init__(self) -> None:
        super().__init__()
        self.ada_1, self.ada_2 = self.connect("a1", "ada"), self.connect("a2", "ada")
        self.bob = self.connect("b1", "bob")
        self.lines: dict[str, MemoryLine] = {"a1": self.ada_1, "a2": self.ada_2, "b1": self.bob}
        self.join("red", "a1", "b1")

    def join(self, group: str, *connection_ids: str) -> None:
        for connection_id in connection_ids:
            self.planes["chat"].registry.join(group, Member.connection(connection_id))

    def who_received(self) -> set[str]:
        return {name for name, line in self.lines.items() if line.received == [CALL]}

    def who_is_closed(self) -> set[str]:
        return {name for name, line in self.lines.items() if line.closed is not None}


SENDS = [
    ("/hubs/chat", "", {"a1", "a2", "b1"}),
    ("/hubs/CHAT", "", {"a1", "a2", "b1"}),
    ("/hubs/chat", "excluded=a1&excluded=b1&excluded=x", {"a2"}),
    ("/hubs/chat/users/ada", "", {"a1", "a2"}),
    ("/hubs/chat/users/Ada", "", set()),
    ("/hubs/chat/groups/red", "", {"a1", "b1"}),
    ("/hubs/chat/groups/Red", "", set()),
    ("/hubs/chat/groups/red", "excluded=a1", {"b1"}),
    ("/hubs/chat/connections/a2", "", {"a2"}),
    ("/hubs/chat/connections/nobody", "", set()),
]


@pytest.mark.parametrize(("path", "query", "receivers"), SENDS)
@pytest.mark.parametrize(
    ("prefix", "suffix", "version"),
    [
        ("/api", "/:send", "2022-06-01"),
        ("/api", "/:send", "2024-12-01"),
        ("/api", "", "2022-06-01"),
        ("/api/v1", "", None),
        ("/api/v1", "/:send", None),
    ],
)
async def test_sends(prefix: str, suffix: str, version: str | None, path: str, query: str, receivers: set[str]) -> None:
    scene = Scene()
    answer = await scene.call("POST", prefix + path + suffix, MESSAGE, version=version, query=query)
    assert answer.status == 202
    assert (answer.body == b"") if version is None else body_of(answer)["isSuccess"]
    assert scene.who_received() == receivers


@pytest.mark.parametrize(
    ("path", "query", "closed"),
    [
        ("/hubs/chat", "", {"a1", "a2", "b1"}),
        ("/hubs/chat", "excluded=a1&excluded=b1", {"a2"}),
        ("/hubs/chat/groups/red", "", {"a1", "b1"}),
        ("/hubs/chat/groups/red", "excluded=b1", {"a1"}),
        ("/hubs/chat/users/ada", "", {"a1", "a2"}),
        ("/hubs/chat/users/ada", "excluded=a2", {"a1"}),
    ],
)
@pytest.mark.parametrize(("prefix", "version"), [("/api", "2022-06-01"), ("/api/v1", None)])
async def test_closes(prefix: str, version: str | None, path: str, query: str, closed: set[str]) -> None:
    scene = Scene()
    query = f"reason=go+away&{query}"
    answer = await scene.call("POST", f"{prefix}{path}/:closeConnections", version=version, query=query)
    assert (answer.status, answer.body) == (204, b"")
    assert scene.who_is_closed() == closed
    assert all(scene.lines[name].closed == Close("go away", True) for name in closed)


@pytest.mark.parametrize(("prefix", "version", "status"), [("/api", "2022-06-01", 200), ("/api/v1", None, 202)])
async def test_one_connection_is_closed(prefix: str, version: str | None, status: int) -> None:
    scene = Scene()
    answer = await scene.call("DELETE", f"{prefix}/hubs/chat/connections/a1", version=version)
    assert answer.status == status
    assert scene.who_is_closed() == {"a1"}
    assert scene.ada_1.closed == Close(None, True)


async def test_to_close_a_connection_that_is_not_there_is_told_in_dated_versions() -> None:
    answer = await Scene().call("DELETE", "/api/hubs/chat/connections/x")
    assert (answer.status, code_of(answer)) == (404, "Warning.Connection.NotExisted")
    answer = await Scene().call("DELETE", "/api/v1/hubs/chat/connections/x", version=None)
    assert answer.status == 202


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize(("prefix", "version"), [("/api", "2022-06-01"), ("/api", "2024-12-01"), ("/api/v1", None)])
@pytest.mark.parametrize(
    ("there", "absent", "code"),
    [
        ("/connections/a1", "/connections/x", "Warning.Connection.NotExisted"),
        ("/users/ada", "/users/Ada", "Warning.User.NotExisted"),
        ("/groups/red", "/groups/Red", "Warning.Group.NotExisted"),
    ],
)
async def test_existence(method: str, prefix: str, version: str | None, there: str, absent: str, code: str) -> None:
    scene = Scene()
    assert (await scene.call(method, f"{prefix}/hubs/chat{there}", version=version)).status == 200
    answer = await scene.call(method, f"{prefix}/hubs/chat{absent}", version=version)
    assert (answer.status, code_of(answer)) == (404, code)


@pytest.mark.parametrize(("prefix", "version"), [("/api", "2022-06-01"), ("/api", "2024-12-01"), ("/api/v1", None)])
@pytest.mark.parametrize("path", ["/groups/blue/connections/a1", "/connections/a1/groups/blue"])
async def test_a_connection_enters_and_leaves_a_group(prefix: str, version: str | None, path: str) -> None:
    scene = Scene()
    where = f"{prefix}/hubs/chat{path}"
    assert (await scene.call("PUT", where, version=version)).status == 200
    assert (await scene.call("HEAD", "/api/hubs/chat/groups/blue")).status == 200
    assert (await scene.call("DELETE", where, version=version)).status == 200
    assert (await scene.call("HEAD", "/api/hubs/chat/groups/blue")).status == 404


@pytest.mark.parametrize(
    ("method", "prefix", "version", "status"),
    [
        ("PUT", "/api", "2022-06-01", 404),
        ("PUT", "/api", "2024-12-01", 404),
        ("PUT", "/api/v1", None, 404),
        ("DELETE", "/api", "2022-06-01", 404),
        ("DELETE", "/api", "2024-12-01", 200),
        ("DELETE", "/api/v1", None, 404),
    ],
)
async def test_a_connection_that_is_not_there_enters_and_leaves_no_group(
    method: str, prefix: str, version: str | None, status: int
) -> None:
    answer = await Scene().call(method, f"{prefix}/hubs/chat/groups/red/connections/x", version=version)
    assert answer.status == status
    assert status == 200 or code_of(answer) == "Error.Connection.NotExisted"


async def test_a_connection_leaves_all_groups() -> None:
    scene = Scene()
    scene.join("blue", "a1")
    assert (await scene.call("DELETE", "/api/hubs/chat/connections/a1/groups")).status == 200
    assert (await scene.call("HEAD", "/api/hubs/chat/groups/blue")).status == 404
    assert (await scene.call("DELETE", "/api/hubs/chat/connections/x/groups")).status == 200


@pytest.mark.parametrize(
    ("prefix", "version", "put", "delete", "delete_all"),
    [("/api", "2022-06-01", 200, 204, 204), ("/api", "2024-12-01", 200, 204, 204), ("/api/v1", None, 202, 202, 200)],
)
@pytest.mark.parametrize("path", ["/users/ada/groups/blue", "/groups/blue/users/ada"])
async def test_a_user_enters_and_leaves_groups(
    scene: Scene, prefix: str, version: str | None, put: int, delete: int, delete_all: int, path: str
) -> None:
    where = f"{prefix}/hubs/chat{path}"
    answer = await scene.call("HEAD", where, version=version)
    assert (answer.status, code_of(answer)) == (404, "Info.User.NotInGroup")
    assert (await scene.call("PUT", where, version=version)).status == put
    assert (await scene.call("GET", where, version=version)).status == 200
    await scene.call("POST", "/api/hubs/chat/groups/blue/:send", MESSAGE)
    assert scene.who_received() == {"a1", "a2"}
    assert (await scene.call("DELETE", where, version=version)).status == delete
    assert (await scene.call("HEAD", "/api/hubs/chat/groups/blue")).status == 404
    assert (await scene.call("HEAD", where, version=version)).status == 404
    await scene.call("PUT", where, version=version)
    answer = await scene.call("DELETE", f"{prefix}/hubs/chat/users/ada/groups", version=version)
    assert answer.status == delete_all
    assert (await scene.call("HEAD", where, version=version)).status == 404


@pytest.mark.parametrize(("ttl", "kept"), [("0", 0), ("60", 60), ("2147483647", 2147483647)])
async def test_a_membership_may_end(scene: Scene, ttl: str, kept: int) -> None:
    assert (await scene.call("PUT", "/api/hubs/chat/users/new/groups/blue", query=f"ttl={ttl}")).status == 200
    assert await scene.store.of_user("chat", "new") == {"blue": scene.clock.time() + kept}


@pytest.mark.parametrize("ttl", ["-1", "", "x", "1.5", "2147483648", "9" * 5000, "٣"])
async def test_other_ttls_are_400(scene: Scene, ttl: str) -> None:
    answer = await scene.call("PUT", "/api/hubs/chat/users/ada/groups/blue", query=f"ttl={ttl}")
    assert answer.status == 400
    assert await scene.store.of_user("chat", "ada") == {}


async def test_a_client_is_invoked() -> None:
    scene = Scene()
    asking = asyncio.create_task(scene.call("POST", "/api/hubs/chat/connections/a1/:invoke", MESSAGE))
    (question,) = await scene.ada_1.until_asked()
    assert (question.target, question.arguments) == (CALL.target, CALL.arguments)
    scene.ada_1.answer(question.invocation_id, {"sum": 3})
    answer = await asking
    assert (answer.status, body_of(answer)) == (200, {"result": {"sum": 3}})


async def test_the_error_of_an_invoked_client_is_told() -> None:
    scene = Scene()
    asking = asyncio.create_task(scene.call("POST", "/api/hubs/chat/connections/a1/:invoke", MESSAGE))
    (question,) = await scene.ada_1.until_asked()
    scene.ada_1.refuse(question.invocation_id, "no such order")
    answer = await asking
    assert (answer.status, code_of(answer)) == (400, "Error.Connection.InvocationFailed")
    assert body_of(answer)["message"] == "no such order"


@pytest.mark.parametrize("result", [object(), {1: float}, float("nan")])
async def test_a_result_without_json_form_is_an_error_of_the_client(result: object) -> None:
    scene = Scene()
    asking = asyncio.create_task(scene.call("POST", "/api/hubs/chat/connections/a1/:invoke", MESSAGE))
    (question,) = await scene.ada_1.until_asked()
    scene.ada_1.answer(question.invocation_id, result)
    answer = await asking
    assert (answer.status, code_of(answer)) == (400, "Error.Connection.InvocationFailed")


async def test_an_invoked_client_that_does_not_answer_is_no_reason_to_ask_again() -> None:
    scene = Scene()
    asking = asyncio.create_task(scene.call("POST", "/api/hubs/chat/connections/a1/:invoke", MESSAGE))
    await scene.ada_1.until_asked()
    await scene.clock.until_sleeping()
    scene.clock.advance(30.0)
    answer = await asking
    assert (answer.status, code_of(answer)) == (500, "Error.Connection.InvocationTimeout")


async def test_an_invoked_client_that_is_gone_is_404() -> None:
    scene = Scene()
    answer = await scene.call("POST", "/api/hubs/chat/connections/x/:invoke", MESSAGE)
    assert (answer.status, code_of(answer)) == (404, "Error.Connection.NotExisted")
    asking = asyncio.create_task(scene.call("POST", "/api/hubs/chat/connections/a1/:invoke", MESSAGE))
    await scene.ada_1.until_asked()
    scene.ada_1.lose()
    assert (await asking).status == 404


async def test_items_and_the_end_of_a_stream() -> None:
    scene = Scene()
    where = "/api/hubs/chat/connections/a1/streams/s1"
    assert (await scene.call("POST", f"{where}/:send", {"n": 1})).status == 202
    assert (await scene.call("POST", f"{where}/:send", b"null")).status == 202
    assert (await scene.call("POST", f"{where}/:send", [2], query="completed=true")).status == 202
    assert (await scene.call("POST", f"{where}/:complete")).status == 202
    assert (await scene.call("POST", f"{where}/:complete", query="reason=broken")).status == 202
    assert (await scene.call("POST", f"{where}/:complete", query="error=broken")).status == 202
    assert [each.message for each in scene.ada_1.posted] == [
        StreamItem("s1", {"n": 1}),
        StreamItem("s1", None),
        StreamItem("s1", [2]),
        Completion("s1"),
        Completion("s1"),
        Completion("s1", error="broken"),
        Completion("s1", error="broken"),
    ]


async def test_malformed_items_of_streams_are_400() -> None:
    scene = Scene()
    where = "/api/hubs/chat/connections/a1/streams/s1/:send"
    assert (await scene.call("POST", where)).status == 400
    assert (await scene.call("POST", where, {}, query="completed=perhaps")).status == 400
    assert not scene.ada_1.posted


async def test_a_client_token_is_made() -> None:
    rest = Rest()
    answer = await rest.call("POST", "/api/hubs/Chat/:generateToken", query="userId=ada&minutesToExpire=5")
    assert answer.status == 200
    principal = await rest.client_tokens.verify(body_of(answer)["token"], "chat", rest.connect("c").caller.request)
    assert principal.user_id == "ada"
    assert principal.expires_at == int(rest.clock.time() + 300)


async def test_a_client_token_may_be_for_nobody_and_lives_for_an_hour() -> None:
    rest = Rest()
    answer = await rest.call("POST", "/api/hubs/chat/:generateToken")
    principal = await rest.client_tokens.verify(body_of(answer)["token"], "chat", rest.connect("c").caller.request)
    assert (principal.user_id, principal.expires_at) == (None, int(rest.clock.time() + 3600))


@pytest.mark.parametrize("query", ["minutesToExpire=0", "minutesToExpire=x", f"userId={'u' * 5000}"])
async def test_a_client_token_that_cannot_be_is_400(query: str) -> None:
    assert (await Rest().call("POST", "/api/hubs/chat/:generateToken", query=query)).status == 400


@pytest.mark.parametrize(("path", "version"), [("/api/auth/accessKey", "2024-12-01"), ("/api/v1/auth/accessKey", None)])
async def test_temporary_keys_are_refused_with_the_reason(path: str, version: str | None) -> None:
    answer = await Rest().call("GET", path, version=version)
    assert answer.status == 400
    assert b"Entra" in answer.body
    answer = await Rest().call("GET", path, version=version, authorization="Bearer an.entra.token")
    assert answer.status == 401
    assert b"Entra" in answer.body
