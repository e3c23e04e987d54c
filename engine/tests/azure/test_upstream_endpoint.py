"""The endpoint answers by the table of the sheet and believes only what is signed; no claim breaks out of its value."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

import pytest
from engine.tests.wire.payloads import json_values, msgpack_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubwire.azure.carried_claims import carried_claims
from hubwire.azure.upstream_endpoint import TRANSPORT, UpstreamAnswer, UpstreamEndpoint, UpstreamHub, UpstreamRequest
from hubwire.azure.upstream_headers import write_claims
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.errors import HubError
from hubwire.model import Caller
from hubwire.options import ALL_PROTOCOLS, PropertyNames
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Completion, Invocation, StreamInvocation
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.protocols import hub_protocols
from hubwire.wire.serverless import unframed

KEYS = ["primary-key", "secondary-key"]
CODECS = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)
CALL = unframed(JSON, Invocation("Say", ["x"], "1"))
BASE = {
    "x-asrs-connection-id": "conn-0001",
    "x-asrs-hub": "chat",
    "x-asrs-category": "messages",
    "x-asrs-event": "Say",
    "x-asrs-signature": UpstreamSignatures(KEYS).sign("conn-0001"),
    "content-type": "application/json",
}


class Recorder:
    """Implements `HubHandler`: keeps what comes, returns or raises what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Caller, object]] = []
        self.result: object = "said"
        self.error: Exception | None = None

    async def connected(self, caller: Caller) -> None:
        self.add("connected", caller, None)

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        self.add("invoke", caller, invocation)
        return self.result

    async def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        self.add("stream", caller, invocation)
        yield 1

    def is_cancellable(self, target: str) -> bool:
        return False

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        self.add("disconnected", caller, error)

    def add(self, event: str, caller: Caller, what: object) -> None:
        self.events.append((event, caller, what))
        if self.error is not None:
            raise self.error


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def endpoint(recorder: Recorder, *, trusts_plain_claims: bool = False, code: str | None = None) -> UpstreamEndpoint:
    hub = UpstreamHub("Chat", recorder, CODECS, lambda error, target: f"{target} failed")
    return UpstreamEndpoint(
        UpstreamSignatures(KEYS),
        [hub],
        maximum_request_bytes=1_000,
        trusts_plain_claims=trusts_plain_claims,
        code=code,
    )


def request(
    headers: Mapping[str, str | None] | None = None, body: bytes = CALL, *, method: str = "POST", query: str = ""
) -> UpstreamRequest:
    """A good one, except for these headers; None leaves one out."""
    merged = {name: value for name, value in {**BASE, **(headers or {})}.items() if value is not None}
    return UpstreamRequest(method, merged, body, query)


def event(name: str, body: bytes, **headers: str) -> UpstreamRequest:
    return request({"x-asrs-category": "connections", "x-asrs-event": name, **headers}, body)


def completion(answer: UpstreamAnswer) -> dict[str, object]:
    assert answer.status == 200
    assert answer.body.endswith(b"\x1e")
    return dict(json.loads(answer.body[:-1]))


# Statuses

REFUSED: list[tuple[str, UpstreamRequest, int]] = [
    ("another method", request(method="GET"), 405),
    ("no connection id", request({"x-asrs-connection-id": None}), 400),
    ("no signature", request({"x-asrs-signature": None}), 401),
    ("an empty signature", request({"x-asrs-signature": ""}), 401),
    ("another key", request({"x-asrs-signature": UpstreamSignatures(["strange-key"]).sign("conn-0001")}), 401),
    ("another connection", request({"x-asrs-connection-id": "conn-0002"}), 401),
    ("a strange hub unsigned", request({"x-asrs-hub": "other", "x-asrs-signature": None}), 401),
    ("no hub", request({"x-asrs-hub": None}), 400),
    ("an empty hub", request({"x-asrs-hub": " "}), 400),
    ("no category", request({"x-asrs-category": None}), 400),
    ("no event", request({"x-asrs-event": None}), 400),
    ("no content type", request({"content-type": None}), 415),
    ("another content type", request({"content-type": "text/plain"}), 415),
    ("almost the content type", request({"content-type": "application/jsonx"}), 415),
    ("a large body", request(body=b"x" * 1_001), 413),
    ("another hub", request({"x-asrs-hub": "other"}), 404),
    ("another category", request({"x-asrs-category": "others"}), 404),
    ("another connection event", event("connecting", b'{"type":10}'), 404),
    ("an event in MessagePack", event("connected", b"\x91\x0a", **{"content-type": "application/x-msgpack"}), 415),
    ("an event of the other kind", event("connected", b'{"type":11}'), 400),
    ("and the other way round", event("disconnected", b'{"type":10}'), 400),
    ("no event in the body", event("connected", b""), 400),
    ("no body", request(body=b""), 400),
    ("a framed body", request(body=JSON.encode(Invocation("Say", []))), 400),
    ("a body in the other protocol", request({"content-type": "application/x-msgpack"}), 400),
    ("another message", request(body=b'{"type":6}'), 400),
    ("a message of an unknown type", request(body=b'{"type":99}'), 400),
    ("a call of another target", request({"x-asrs-event": "Shout"}), 400),
    ("a target in another case", request({"x-asrs-event": "say"}), 400),
    ("claims that are none", request({"x-asrs-user-claims": "hubwire.claims: ***"}), 400),
    ("claims twice", request({"x-asrs-user-claims": "hubwire.claims: e30, hubwire.claims: e30"}), 400),
    ("a user id twice", request({"x-asrs-user-claims": "asrs.s.uid: a, asrs.s.uid: b"}), 400),
]


@pytest.mark.parametrize(("asked", "status"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_is_refused(recorder: Recorder, asked: UpstreamRequest, status: int) -> None:
    answer = await endpoint(recorder).handle(asked)
    assert answer.status == status
    assert answer.content_type == "text/plain"
    assert recorder.events == []


@pytest.mark.parametrize(
    "headers",
    [
        {"x-asrs-hub": "CHAT"},
        {"x-asrs-category": "Messages"},
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": "Application/JSON"},
        {"x-asrs-signature": BASE["x-asrs-signature"].upper()},
        {"x-asrs-signature": UpstreamSignatures(["strange-key", "secondary-key"]).sign("conn-0001").replace(",", ", ")},
    ],
)
async def test_spellings_that_make_no_difference(recorder: Recorder, headers: dict[str, str]) -> None:
    answer = await endpoint(recorder).handle(request(headers))
    assert completion(answer) == {"type": 3, "invocationId": "1", "result": "said"}


async def test_connection_events(recorder: Recorder) -> None:
    hubs = endpoint(recorder)
    assert await hubs.handle(event("connected", b'{"type":10}')) == UpstreamAnswer(200)
    assert await hubs.handle(event("Disconnected", b'{"Type":11}')) == UpstreamAnswer(200)
    assert await hubs.handle(event("disconnected", b'{"type":11,"error":"lost"}')) == UpstreamAnswer(200)
    assert [name for name, _, _ in recorder.events] == ["connected", "disconnected", "disconnected"]
    assert recorder.events[1][2] is None
    assert isinstance(recorder.events[2][2], ConnectionError)
    assert str(recorder.events[2][2]) == "lost"


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (HubError("Not you."), UpstreamAnswer(403, b"Not you.", "text/plain")),
        (HubError("half a \ud800"), UpstreamAnswer(403, b"half a ?", "text/plain")),
        (LookupError("a detail"), UpstreamAnswer(403)),
    ],
)
async def test_a_refused_connection(recorder: Recorder, error: Exception, answer: UpstreamAnswer) -> None:
    recorder.error = error
    assert await endpoint(recorder).handle(event("connected", b'{"type":10}')) == answer


async def test_a_target_named_like_an_event_is_a_message(recorder: Recorder) -> None:
    body = unframed(JSON, Invocation("connected", [], "1"))
    assert completion(await endpoint(recorder).handle(request({"x-asrs-event": "connected"}, body)))
    assert recorder.events[0][0] == "invoke"


async def test_a_failed_call_is_answered_by_its_error(recorder: Recorder) -> None:
    recorder.error = LookupError("a detail")
    answer = await endpoint(recorder).handle(request())
    assert completion(answer) == {"type": 3, "invocationId": "1", "error": "Say failed"}


async def test_a_result_that_cannot_be_written_fails_the_call(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.result = object()
    answer = await endpoint(recorder).handle(request())
    assert completion(answer) == {"type": 3, "invocationId": "1", "error": "Say failed"}
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("error", [None, HubError("no")])
async def test_a_send_is_answered_by_nothing(recorder: Recorder, error: Exception | None) -> None:
    recorder.error = error
    body = unframed(JSON, Invocation("Say", ["x"]))
    assert await endpoint(recorder).handle(request(body=body)) == UpstreamAnswer(200)


@pytest.mark.parametrize(
    "body",
    [
        unframed(JSON, StreamInvocation("1", "Say", [])),
        unframed(JSON, Invocation("Say", [], "1", stream_ids=("2",))),
    ],
)
async def test_streams_are_refused_with_a_reason(recorder: Recorder, body: bytes) -> None:
    answer = completion(await endpoint(recorder).handle(request(body=body)))
    assert "Streams do not reach an application" in str(answer["error"])
    assert recorder.events == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(value=msgpack_values)
async def test_messagepack_calls_and_results_keep_their_values(recorder: Recorder, value: object) -> None:
    recorder.result = value
    recorder.events.clear()
    body = unframed(MESSAGEPACK, Invocation("Say", [value], "1"))
    answer = await endpoint(recorder).handle(request({"content-type": "application/x-msgpack"}, body))
    if len(body) > 1_000:
        assert answer.status == 413
        return
    assert answer == UpstreamAnswer(200, MESSAGEPACK.encode(Completion("1", value, has_result=True)))
    assert recorder.events[0][2] == Invocation("Say", [value], "1")


async def test_a_hub_without_the_protocol_says_so(recorder: Recorder) -> None:
    hub = UpstreamHub("chat", recorder, hub_protocols(frozenset({"json"}), PropertyNames.AS_DECLARED), lambda *_: "")
    hubs = UpstreamEndpoint(UpstreamSignatures(KEYS), [hub])
    body = unframed(MESSAGEPACK, Invocation("Say", []))
    assert (await hubs.handle(request({"content-type": "application/x-msgpack"}, body))).status == 415


def test_two_hubs_of_one_name_are_refused(recorder: Recorder) -> None:
    hubs = endpoint(recorder)
    with pytest.raises(ValueError, match="name of its own"):
        hubs.add(UpstreamHub("CHAT", recorder, CODECS, lambda *_: ""))


# Who calls


async def caller_of(recorder: Recorder, hubs: UpstreamEndpoint, headers: Mapping[str, str]) -> Caller:
    assert (await hubs.handle(request(headers))).status == 200
    return recorder.events[-1][1]


async def test_the_caller_is_what_the_headers_say(recorder: Recorder) -> None:
    headers = {"x-asrs-user-id": "ann", "x-asrs-client-query": "?hub=chat&room=a%20b&access_token=secret"}
    caller = await caller_of(recorder, endpoint(recorder), headers)
    assert (caller.connection_id, caller.hub, caller.user_id, caller.transport) == (
        "conn-0001",
        "Chat",
        "ann",
        TRANSPORT,
    )
    assert caller.request.query == {"hub": ["chat"], "room": ["a b"]}
    assert caller.items == {}


async def test_an_anonymous_caller_has_no_user_id(recorder: Recorder) -> None:
    caller = await caller_of(recorder, endpoint(recorder), {})
    assert caller.user_id is None
    assert caller.claims == {}


@pytest.mark.parametrize("text", ["Ayşe", "Ay\u00e7a"])
async def test_utf_8_is_read_whatever_the_server_makes_of_it(recorder: Recorder, text: str) -> None:
    for spelled in (text, text.encode().decode("latin-1")):
        caller = await caller_of(recorder, endpoint(recorder), {"x-asrs-user-id": spelled})
        assert caller.user_id == text


async def test_each_event_has_a_caller_of_its_own(recorder: Recorder) -> None:
    hubs = endpoint(recorder)
    first = await caller_of(recorder, hubs, {})
    first.items["x"] = 1
    assert (await caller_of(recorder, hubs, {})).items == {}


CLAIMS = {"role": "guest", "name": "x, role: admin, hubwire.claims: e30", "grants": ["a", "b"], "level": 3, "ok": True}


async def test_our_claims_arrive_with_their_types(recorder: Recorder) -> None:
    headers = {"x-asrs-user-claims": "exp: 1, " + write_claims(carried_claims(CLAIMS)) + ", aud: http://x"}
    for trusts in (False, True):
        caller = await caller_of(recorder, endpoint(recorder, trusts_plain_claims=trusts), headers)
        assert caller.claims == CLAIMS


async def test_plain_claims_count_only_where_that_is_asked_for(recorder: Recorder) -> None:
    headers = {
        "x-asrs-user-claims": "exp: 1, role: admin, asrs.s.uid: ann, name: Smith, John, role: guest, role: x, "
        "asrs.u.aud: y"
    }
    assert (await caller_of(recorder, endpoint(recorder), headers)).claims == {}
    trusting = endpoint(recorder, trusts_plain_claims=True)
    assert (await caller_of(recorder, trusting, headers)).claims == {
        "role": ["admin", "guest", "x"],
        "name": "Smith, John",
        "aud": "y",
    }


@pytest.mark.parametrize(
    "evil", ["x, hubwire.claims: eyJyb2xlIjoiYWRtaW4ifQ", "hubwire.claims: e30, hubwire.claims: e30"]
)
@pytest.mark.parametrize("before", [True, False])
async def test_a_second_set_of_claims_is_refused(recorder: Recorder, evil: str, before: bool) -> None:
    """As a user id that a service lists among the claims, or any value that was not chosen by us."""
    parts = [f"asrs.s.uid: {evil}", write_claims(carried_claims({"role": "guest"}))]
    header = ", ".join(parts if before else reversed(parts))
    assert (await endpoint(recorder).handle(request({"x-asrs-user-claims": header}))).status == 400
    assert recorder.events == []


# The secret in the address


@pytest.mark.parametrize(
    ("query", "header", "status"),
    [
        ("", None, 401),
        ("code=", None, 401),
        ("code=wrong", None, 401),
        ("code=s%C3%A9cret", None, 200),
        ("x=1&code=s%C3%A9cret", None, 200),
        ("", "sécret", 200),
        ("", "wrong", 401),
        ("code=%ff", None, 401),
    ],
)
async def test_the_code(recorder: Recorder, query: str, header: str | None, status: int) -> None:
    asked = request({"x-functions-key": header}, query=query)
    assert (await endpoint(recorder, code="sécret").handle(asked)).status == status


def test_an_empty_code_is_refused(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="empty"):
        endpoint(recorder, code="")


async def test_where_no_key_is_known_the_code_decides_alone(recorder: Recorder) -> None:
    hub = UpstreamHub("chat", recorder, CODECS, lambda *_: "")
    hubs = UpstreamEndpoint(None, [hub], code="secret")
    unsigned = {"x-asrs-signature": None}
    assert (await hubs.handle(request(unsigned, query="code=secret"))).status == 200
    assert (await hubs.handle(request(unsigned))).status == 401
    with pytest.raises(ValueError, match="Anybody could send"):
        UpstreamEndpoint(None, [hub])


def test_secrets_are_not_shown(recorder: Recorder) -> None:
    shown = repr(endpoint(recorder, code="sécret")) + repr(request(query="code=sécret"))
    assert "sécret" not in shown
    assert BASE["x-asrs-signature"] not in shown


# Anything at all


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    headers=st.dictionaries(
        st.sampled_from([*BASE, "x-asrs-user-claims", "x-asrs-user-id", "x-asrs-client-query"]), st.text()
    ),
    body=st.binary(max_size=100) | json_values.map(lambda value: json.dumps(value).encode()),
    query=st.text(),
)
async def test_whatever_comes_is_answered(recorder: Recorder, headers: dict[str, str], body: bytes, query: str) -> None:
    answer = await endpoint(recorder, code="secret").handle(request(headers, body, query=query))
    assert answer.status in (200, 400, 401, 403, 404, 405, 413, 415)
    answer = await endpoint(recorder).handle(request({**headers, "x-asrs-signature": BASE["x-asrs-signature"]}, body))
    assert answer.status in (200, 400, 401, 403, 404, 405, 413, 415)
