"""Whatever is called with a good token, the REST data plane answers with a status that it knows, and never fails.

And nothing is sent to anybody unless the answer says so. An input is an address with its query, a line feed, and a
body, which is tried in each of its forms.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from functools import cache

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.memberships import Memberships
from hubwire.azure.rest_bodies import ENCODED_TYPE, JSON_TYPE, MESSAGEPACK_TYPE
from hubwire.azure.rest_calls import RestRequest
from hubwire.azure.rest_errors import RestAnswer, RestError
from hubwire.azure.rest_filter import parse_filter
from hubwire.azure.rest_server import RestServer
from hubwire.azure.rest_tokens import RestTokens
from hubwire.azure.routes import ROUTES
from hubwire.errors import StoreUnavailable
from hubwire.model import Connected, Member
from hubwire.plane.local import LocalDataPlane
from hubwire.testing import MemoryLine, make_caller
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Invocation
from hubwire.wire.msgpack_codec import MESSAGEPACK

TREES = None
TOKENS = [
    *(
        b"/:send",
        b"/:execute",
        b"/:invoke",
        b"/streams/1",
        b"/groups/red",
        b"/users/ada",
        b"/connections/c",
        b"/api/v1",
    ),
    *(b"&filter=", b"userId", b"connectionId", b"groups", b"startswith(", b" eq ", b" in ", b"not ", b"'%27'", b"null"),
    *(b"&application=", b"&excluded=", b"&ttl=", b"&top=", b"&maxpagesize=", b"&continuationToken=", b"%ff", b"%C3%A9"),
    *(b'{"type":"SendMessage","message":', b'{"type":"JoinGroup","group":"g"}', b'"Target":', b'"arguments":[]'),
    *(b"\x81\xa4json\xc4", b"\xabmessagepack\xc4", b"\x1e", b"\x91", b"\xc7\x0c\xff"),
]
_STATUSES = frozenset({200, 202, 204, 400, 404, 405, 503})
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
_BASE = "http://127.0.0.1"
_NAMES = {"{hub}": "chat", "{user}": "ada", "{group}": "red", "{connection}": "c", "{stream}": "1"}


class _AnyToken(RestTokens):
    """Everything is admitted: no search would sign a token."""

    def verify(self, token: str | None, path: str) -> float:
        return math.inf


class _NoStore:
    """Implements `MembershipStore`: away, so that nothing is kept of an input."""

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    async def put(
        self, hub: str, user_id: str, group: str, *, now: float, expires_at: float, kept: int | None = None
    ) -> None:
        raise StoreUnavailable("it is away", "Try again")

    async def remove(self, hub: str, user_id: str, group: str) -> None:
        raise StoreUnavailable("it is away", "Try again")

    async def remove_all(self, hub: str, user_id: str) -> None:
        raise StoreUnavailable("it is away", "Try again")

    async def find(self, hub: str, user_id: str, group: str) -> float | None:
        return None

    async def of_user(self, hub: str, user_id: str) -> dict[str, float]:
        return {}


class _Line(MemoryLine):
    """Answers what it is asked at once, with the arguments."""

    def ask(self, target: str, arguments: Sequence[object], timeout_seconds: float | None) -> Awaitable[object]:
        async def answer() -> object:
            return arguments

        return answer()


def seeds() -> Iterator[bytes]:
    encoded = b"\x82\xa4json\xc4%c%b\xabmessagepack\xc4%c%b"
    call = Invocation("t", [1])
    json, messagepack = JSON.encode(call), MESSAGEPACK.encode(call)
    bodies = (
        b'{"target":"t","arguments":[1]}',
        b'[{"type":"SendMessage","message":{"target":"t"}},{"type":"CloseConnection","reason":"x"}]',
        encoded % (len(json), json, len(messagepack), messagepack),
    )
    for route in ROUTES.values():
        path = "/".join(_NAMES.get(part, part) for part in route.path.split("/"))
        query = "&".join(("api-version=2024-12-01", *(f"{name}=1" for name in route.query if name != "application")))
        for body in bodies:
            yield f"/api{path}?{query}\n".encode() + body
    for text in ("startswith(userId, 'a') and not ('red' in groups)", "userId in ('ada', null) or connectionId ne 'c'"):
        yield f"/api/hubs/chat/:execute?api-version=2024-12-01&filter={text}\n".encode() + bodies[1]


def check(data: bytes) -> None:
    head, _, body = data.partition(b"\n")
    try:
        path, _, query = head.decode().partition("?")
    except UnicodeDecodeError:
        return  # refused before, where the bytes are
    for method in _METHODS:
        for content_type in (JSON_TYPE, MESSAGEPACK_TYPE, ENCODED_TYPE) if method == "POST" else ("",):
            _check_call(RestRequest(method, path, query, None, content_type, body))
    try:
        found = parse_filter(query)
    except RestError:
        return
    for connection in (Connected("c", "ada"), Connected("d")):
        assert found.matches(connection, {name: frozenset(("c",)) for name in found.groups}) in (True, False)


def _check_call(request: RestRequest) -> None:
    plane, line = LocalDataPlane(), _Line(make_caller("ada", connection_id="c"))
    plane.registry.attach(line)
    plane.registry.join("red", Member.connection("c"))
    server = RestServer(
        lambda hub: plane,
        Memberships(_NoStore(), lambda hub: plane),
        _AnyToken([_KEY], [_BASE]),
        ClientTokens([_KEY], [_BASE]),
    )
    answer = _run(server.handle(request))
    assert answer.status in _STATUSES, (answer.status, answer.body)
    assert answer.status < 400 or not line.posted
    assert not answer.body or request.method != "HEAD"
    for message in line.posted:  # whoever it is sent to can be told
        for codec in (JSON, MESSAGEPACK):
            message.payload(codec)


def _run(work: Coroutine[object, object, RestAnswer]) -> RestAnswer:
    return _loop().run_until_complete(work)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all inputs: to make one takes longer than a call."""
    return asyncio.new_event_loop()
