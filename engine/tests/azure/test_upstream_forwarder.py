"""The forwarder sends what the service sends, and makes of each answer what the service makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from engine.tests.azure.upstream_application import UpstreamApplication, upstream_application
from engine.tests.azure.upstream_pair import PRIMARY, SECONDARY, forwarding
from engine.tests.wire.payloads import json_values, messages, msgpack_values
from hypothesis import HealthCheck, given, settings

from hubwire.azure.upstream_forwarder import UpstreamForwarder
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.azure.upstream_templates import ManagedIdentity, UpstreamTemplate, UpstreamTemplates
from hubwire.errors import Forbidden, HubError, LocalProtocolError, MethodNotFound, Unauthorized, UpstreamFailed
from hubwire.options import ALL_PROTOCOLS, UpstreamOptions
from hubwire.testing import make_caller
from hubwire.wire.codec import Codec
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Completion, Invocation, Message, StreamInvocation
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.relaying import FramedCompletion, RelayedInvocation, relay_protocols
from hubwire.wire.serverless import unframed

RELAYS = relay_protocols(ALL_PROTOCOLS)
CALLER = make_caller("ann", connection_id="conn-0001", hub="Chat", claims={"role": "admin"}, query={"hub": ["chat"]})
codecs = pytest.mark.parametrize("codec", [JSON, MESSAGEPACK], ids=lambda codec: str(codec.name))


def relayed(codec: Codec, invocation: Message) -> RelayedInvocation:
    message = RELAYS[codec.name].decode(unframed(codec, invocation))
    assert isinstance(message, RelayedInvocation)
    return message


@asynccontextmanager
async def pair(options: UpstreamOptions | None = None) -> AsyncIterator[tuple[UpstreamApplication, UpstreamForwarder]]:
    async with upstream_application() as application, forwarding(application.address, options=options) as forwarder:
        yield application, forwarder


# What is sent


@codecs
async def test_a_call_is_sent_as_the_service_sends_it(codec: Codec) -> None:
    call = relayed(codec, Invocation("Say", ["x"], "1"))
    async with pair() as (application, forwarder):
        await forwarder.invoke(CALLER, call)
    (asked,) = application.asked
    assert asked.body == call.payload
    assert {name: value for name, value in asked.headers.items() if name.startswith("x-asrs-")} == {
        "x-asrs-connection-id": "conn-0001",
        "x-asrs-hub": "chat",
        "x-asrs-category": "messages",
        "x-asrs-event": "Say",
        "x-asrs-signature": UpstreamSignatures([PRIMARY, SECONDARY]).sign("conn-0001"),
        "x-asrs-user-id": "ann",
        "x-asrs-user-claims": "role: admin",
        "x-asrs-client-query": "?hub=chat",
    }
    assert asked.headers["content-type"] == ("application/json" if codec is JSON else "application/x-msgpack")
    assert "authorization" not in asked.headers


async def test_connection_events_are_json() -> None:
    async with pair() as (application, forwarder):
        await forwarder.connected(CALLER)
        await forwarder.disconnected(CALLER, None)
        await forwarder.disconnected(CALLER, ConnectionResetError("lost"))
    assert [json.loads(asked.body) for asked in application.asked] == [
        {"type": 10},
        {"type": 11},
        {"type": 11, "error": "lost"},
    ]
    for asked, event in zip(application.asked, ("connected", "disconnected", "disconnected"), strict=True):
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["x-asrs-category"] == "connections"
        assert asked.headers["x-asrs-event"] == event


async def test_an_anonymous_caller_has_no_user_headers() -> None:
    async with pair() as (application, forwarder):
        await forwarder.connected(make_caller())
    assert not {"x-asrs-user-id", "x-asrs-user-claims"} & application.asked[0].headers.keys()
    assert application.asked[0].headers["x-asrs-client-query"] == "?"


async def test_a_token_in_the_query_stays_here() -> None:
    async with pair() as (application, forwarder):
        await forwarder.connected(make_caller(query={"access_token": ["secret"], "a": ["b"]}))
    assert "secret" not in str(application.asked)
    assert application.asked[0].headers["x-asrs-client-query"] == "?a=b"


async def test_names_stand_escaped_in_the_address() -> None:
    async with (
        upstream_application() as application,
        forwarding(f"{application.address}/{{hub}}/{{category}}/{{event}}?code=x") as forwarder,
    ):
        await forwarder.invoke(CALLER, Invocation("a/../b?c=d", []))
    assert application.asked[0].target == "/chat/messages/a%2F..%2Fb%3Fc%3Dd?code=x"
    assert application.asked[0].headers["x-asrs-event"] == "a/../b?c=d"


async def test_letters_of_all_languages_travel_as_utf_8() -> None:
    async with pair() as (application, forwarder):
        await forwarder.invoke(make_caller("Ayşe", claims={"city": "İzmir"}), Invocation("Söyle", []))
    headers = application.asked[0].headers
    assert (headers["x-asrs-user-id"], headers["x-asrs-event"]) == ("Ayşe", "Söyle")
    assert headers["x-asrs-user-claims"] == "city: İzmir"


@pytest.mark.parametrize("target", ["", " ", "a ", "a\r\nX-ASRS-User-Id: root", "a\0", ".", ".."])
async def test_a_target_that_cannot_travel_is_no_method(target: str) -> None:
    async with pair() as (application, forwarder):
        with pytest.raises(MethodNotFound):
            await forwarder.invoke(CALLER, Invocation(target, [], "1"))
    assert application.asked == []


@pytest.mark.parametrize("user_id", ["", " ann", "ann\r\nX-ASRS-User-Claims: role: admin"])
async def test_a_user_id_that_cannot_travel_makes_nobody_else_of_its_user(user_id: str) -> None:
    async with pair() as (application, forwarder):
        with pytest.raises(UpstreamFailed, match="the user id cannot stand in a header"):
            await forwarder.invoke(make_caller(user_id), Invocation("Say", [], "1"))
        await forwarder.connected(make_caller(user_id))
    assert application.asked == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(one=messages(json_values), other=messages(msgpack_values))
async def test_messages_reach_the_application_whole(one: Message, other: Message) -> None:
    async with pair() as (application, forwarder):
        for codec, message in ((JSON, one), (MESSAGEPACK, other)):
            if not isinstance(message, Invocation) or message.stream_ids:
                continue
            try:
                await forwarder.invoke(CALLER, relayed(codec, message))
            except MethodNotFound:
                continue
            assert codec.decode(application.asked.pop().body) == message


async def test_forty_arguments_arrive() -> None:
    async with pair() as (application, forwarder):
        await forwarder.invoke(CALLER, relayed(JSON, Invocation("Say", list(range(40)))))
    assert json.loads(application.asked[0].body)["arguments"] == list(range(40))


# What comes back


@codecs
@pytest.mark.parametrize(
    "completion", [Completion("1", [1, {"a": None}], has_result=True), Completion("1", error="no")]
)
async def test_a_framed_completion_comes_back_unchanged(codec: Codec, completion: Completion) -> None:
    body = codec.encode(completion) if codec is MESSAGEPACK else codec.encode(completion).replace(b",", b" , ")
    async with pair() as (application, forwarder):
        application.answers(body=body, content_type="text/whatever")
        result = await forwarder.invoke(CALLER, relayed(codec, Invocation("Say", [], "1")))
    assert isinstance(result, FramedCompletion)
    assert result.data == body


@codecs
@pytest.mark.parametrize("status", [200, 204])
async def test_nothing_is_a_completion_without_result(codec: Codec, status: int) -> None:
    async with pair() as (application, forwarder):
        application.answers(status)
        result = await forwarder.invoke(CALLER, relayed(codec, Invocation("Say", [], "1")))
    assert isinstance(result, FramedCompletion)
    assert result.data == codec.encode(Completion("1"))


async def test_a_plain_call_gets_its_result() -> None:
    async with pair() as (application, forwarder):
        application.answers(body=JSON.encode(Completion("1", 42, has_result=True)))
        assert await forwarder.invoke(CALLER, Invocation("Say", [], "1")) == 42
        application.answers(body=JSON.encode(Completion("1", error="No.")))
        with pytest.raises(UpstreamFailed, match=r"^No\.$"):
            await forwarder.invoke(CALLER, Invocation("Say", [], "1"))


@codecs
@pytest.mark.parametrize("status", [201, 302, 400, 401, 403, 404, 413, 415, 429, 500, 503])
async def test_any_other_status_fails_the_call(codec: Codec, status: int) -> None:
    async with pair() as (application, forwarder):
        application.answers(status, codec.encode(Completion("1", 42, has_result=True)))
        with pytest.raises(UpstreamFailed, match=f"^Invocation failed, status code {status}$"):
            await forwarder.invoke(CALLER, relayed(codec, Invocation("Say", [], "1")))


async def test_the_answer_to_a_send_is_ignored() -> None:
    async with pair() as (application, forwarder):
        application.answers(body=b"whatever")
        assert await forwarder.invoke(CALLER, relayed(JSON, Invocation("Say", []))) is None


@codecs
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"OK", "lacks"),
        (b'{"type":3,"invocationId":"1","result":42}', "lacks"),
        (b'{"type":3,"invocationId":"2","result":42}\x1e', ""),
        (b'{"type":6}\x1e', ""),
    ],
)
async def test_what_is_no_answer_fails_the_call_and_is_told_to_the_log(
    codec: Codec, body: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair() as (application, forwarder):
        application.answers(body=body)
        with pytest.raises(UpstreamFailed, match="the response is no completion of this call"):
            await forwarder.invoke(CALLER, relayed(codec, Invocation("Say", [], "1")))
    (record,) = [each for each in caplog.records if each.name == "hubwire.azure"]
    assert record.levelno == logging.ERROR
    assert reason in record.getMessage()
    assert "Let it answer with one framed Completion" in record.getMessage()


async def test_an_answer_that_is_too_large_fails_the_call() -> None:
    async with pair(UpstreamOptions(maximum_answer_bytes=100)) as (application, forwarder):
        application.answers(body=b"x" * 101)
        with pytest.raises(UpstreamFailed, match=r"^Invocation failed, response too large\.$"):
            await forwarder.invoke(CALLER, Invocation("Say", [], "1"))


async def test_an_application_that_is_not_there_is_a_500() -> None:
    async with upstream_application() as application:
        address = application.address
    async with forwarding(address) as forwarder:
        with pytest.raises(UpstreamFailed, match=r"^Invocation failed, status code 500$"):
            await forwarder.invoke(CALLER, Invocation("Say", [], "1"))
        await forwarder.connected(CALLER)  # the connection lives
        await forwarder.disconnected(CALLER, None)


async def test_an_application_that_does_not_answer_is_a_500() -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        return await asyncio.Future[web.StreamResponse]()

    async with pair(UpstreamOptions(timeout_seconds=0.05)) as (application, forwarder):
        application.respond = respond
        with pytest.raises(UpstreamFailed, match=r"^Invocation failed, status code 500$"):
            await forwarder.invoke(CALLER, Invocation("Say", [], "1"))


async def test_an_application_that_takes_no_connection_is_a_500() -> None:
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)  # nobody accepts: once the backlog is full, connecting takes until it times out
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        options = UpstreamOptions(connect_timeout_seconds=0.05)
        async with forwarding(f"http://127.0.0.1:{listener.getsockname()[1]}", options=options) as forwarder:
            with pytest.raises(UpstreamFailed, match=r"^Invocation failed, status code 500$"):
                await forwarder.invoke(CALLER, Invocation("Say", [], "1"))


async def test_more_requests_than_sockets_wait() -> None:
    release = asyncio.Event()

    async def respond(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    async with pair(UpstreamOptions(maximum_sockets=1)) as (application, forwarder):
        application.respond = respond
        calls = [asyncio.create_task(forwarder.invoke(CALLER, Invocation("Say", []))) for _ in range(3)]
        await application.began.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(application.asked) == 1
        release.set()
        await asyncio.gather(*calls)
        assert len(application.asked) == 3


@pytest.mark.parametrize(("breaks", "text"), [(True, "error: the response broke off"), (False, "response cancelled")])
async def test_an_answer_that_stops_in_the_middle_fails_the_call(breaks: bool, text: str) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        if breaks:
            assert request.transport is not None
            request.transport.abort()
            return response
        return await asyncio.Future[web.StreamResponse]()

    # Long enough for the head to come in time also where the machine is slow.
    async with pair(UpstreamOptions(timeout_seconds=30.0 if breaks else 1.0)) as (application, forwarder):
        application.respond = respond
        with pytest.raises(UpstreamFailed, match=f"^Invocation failed, {text}"):
            await forwarder.invoke(CALLER, Invocation("Say", [], "1"))


async def test_a_call_that_no_template_takes_is_answered_all_the_same() -> None:
    templates = UpstreamTemplates([UpstreamTemplate("http://127.0.0.1:9/", hub_pattern="other")])
    forwarder = UpstreamForwarder(templates, UpstreamSignatures([PRIMARY]))
    with pytest.raises(UpstreamFailed, match="no upstream takes this method"):
        await forwarder.invoke(CALLER, Invocation("Say", [], "1"))
    await forwarder.connected(CALLER)
    await forwarder.disconnected(CALLER, None)


async def test_streams_are_refused() -> None:
    async with pair() as (application, forwarder):
        with pytest.raises(UpstreamFailed, match="streams are not passed on"):
            await forwarder.invoke(CALLER, Invocation("Say", [], "1", stream_ids=("2",)))
        with pytest.raises(UpstreamFailed, match="streams are not passed on"):
            await anext(forwarder.stream(CALLER, StreamInvocation("1", "Count", [])))
    assert application.asked == []


async def test_a_cancelled_call_ends_its_request() -> None:
    ended = asyncio.Event()

    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            return await asyncio.Future[web.StreamResponse]()
        finally:
            ended.set()

    async with pair() as (application, forwarder):
        application.respond = respond
        call = asyncio.create_task(forwarder.invoke(CALLER, Invocation("Say", [], "1")))
        await application.began.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await ended.wait()


# Refused connections


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 500])
async def test_a_connection_lives_whatever_is_answered(status: int) -> None:
    async with pair() as (application, forwarder):
        application.answers(status)
        await forwarder.connected(CALLER)


@pytest.mark.parametrize(
    ("status", "body", "content_type", "error"),
    [
        (401, b"no", "text/plain", Unauthorized),
        (403, b"", None, Forbidden),
        (403, b"Not you.", "text/plain; charset=utf-8", HubError),
        (403, b"<html>", "text/html", Forbidden),
        (403, b"x" * 1_001, "text/plain", Forbidden),
        (200, b"", None, None),
        (404, b"", None, None),
        (500, b"", None, None),
    ],
)
async def test_where_it_is_asked_for_401_and_403_end_it(
    status: int, body: bytes, content_type: str | None, error: type[Exception] | None
) -> None:
    async with pair(UpstreamOptions(closes_refused=True)) as (application, forwarder):
        application.answers(status, body, content_type)
        if error is None:
            await forwarder.connected(CALLER)
        else:
            with pytest.raises(error):
                await forwarder.connected(CALLER)


async def test_an_application_that_is_away_refuses_nobody() -> None:
    async with upstream_application() as application:
        address = application.address
    async with forwarding(address, options=UpstreamOptions(closes_refused=True)) as forwarder:
        await forwarder.connected(CALLER)


# Managed identity, templates, life


class FixedTokens:
    """Implements `IdentityTokens` for the cloud that would make them."""

    def __init__(self, fails: bool = False, hangs: bool = False) -> None:
        self.fails = fails
        self.hangs = hangs

    async def token(self, resource: str) -> str:
        if self.fails:
            raise OSError("no identity here")
        if self.hangs:
            await asyncio.Future[None]()
        return f"token-for-{resource}"


@pytest.mark.parametrize("fails", [False, True])
async def test_a_managed_identity_is_shown(fails: bool) -> None:
    async with upstream_application() as application:
        templates = UpstreamTemplates([UpstreamTemplate(application.address, auth=ManagedIdentity("api://app"))])
        forwarder = UpstreamForwarder(templates, UpstreamSignatures([PRIMARY]), identity=FixedTokens(fails))
        await forwarder.start()
        await forwarder.connected(CALLER)
        await forwarder.stop()
    assert [asked.headers["authorization"] for asked in application.asked] == (
        [] if fails else ["Bearer token-for-api://app"]
    )


async def test_an_identity_that_does_not_answer_is_a_500() -> None:
    templates = UpstreamTemplates([UpstreamTemplate("http://127.0.0.1:9/", auth=ManagedIdentity("api://app"))])
    forwarder = UpstreamForwarder(
        templates,
        UpstreamSignatures([PRIMARY]),
        UpstreamOptions(timeout_seconds=0.05),
        identity=FixedTokens(hangs=True),
    )
    await forwarder.start()
    with pytest.raises(UpstreamFailed, match=r"^Invocation failed, status code 500$"):
        await forwarder.invoke(CALLER, Invocation("Say", [], "1"))
    await forwarder.stop()


def test_a_template_with_an_identity_that_nobody_has_is_refused() -> None:
    templates = UpstreamTemplates([UpstreamTemplate("http://h/", auth=ManagedIdentity("api://app"))])
    with pytest.raises(ValueError, match="there is none here"):
        UpstreamForwarder(templates, UpstreamSignatures([PRIMARY]))
    forwarder = UpstreamForwarder(UpstreamTemplates(), UpstreamSignatures([PRIMARY]))
    with pytest.raises(ValueError, match="there is none here"):
        forwarder.replace_templates(templates)
    assert list(forwarder.templates) == []


async def test_new_templates_count_at_once() -> None:
    async with pair() as (application, forwarder):
        forwarder.replace_templates(UpstreamTemplates())
        await forwarder.connected(CALLER)
        assert application.asked == []
        forwarder.replace_templates(UpstreamTemplates([UpstreamTemplate(f"{application.address}/new")]))
        await forwarder.connected(CALLER)
    assert [asked.target for asked in application.asked] == ["/new"]


async def test_it_must_run() -> None:
    templates = UpstreamTemplates([UpstreamTemplate("http://127.0.0.1:9/")])
    with pytest.raises(LocalProtocolError, match="start"):
        await UpstreamForwarder(templates, UpstreamSignatures([PRIMARY])).connected(CALLER)


async def test_the_log_holds_no_secret_of_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "hubwire")
    async with upstream_application() as application:
        address = application.address
    async with forwarding(f"{address}/?code=secret") as forwarder:
        await forwarder.connected(CALLER)
    assert "could not be asked" in caplog.text
    assert "secret" not in caplog.text
