"""Whatever a request from upstream holds, the endpoint answers it with a status that it knows, and raises nothing.

And no hub is called but for what the body says; no claim counts but the one that carries ours; a template's address
stays on its host; and an answer is one Completion of its call, or refused.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from urllib.parse import urlsplit

from engine.fuzz import trees, vectors

from hubwire.azure.carried_claims import CARRIED_CLAIM, carried_claims, read_carried_claims
from hubwire.azure.upstream_endpoint import UpstreamAnswer, UpstreamEndpoint, UpstreamHub, UpstreamRequest
from hubwire.azure.upstream_headers import read_claims, read_query, write_claims
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.azure.upstream_templates import read_emulator_settings
from hubwire.errors import InvalidMessage
from hubwire.model import Caller
from hubwire.options import ALL_PROTOCOLS, PropertyNames
from hubwire.wire.messages import Invocation, StreamInvocation
from hubwire.wire.protocols import hub_protocols
from hubwire.wire.serverless import CONTENT_TYPES, read_completion

TREES = trees.JSON
TOKENS = [
    *(b'"type":10', b'"Type":11', b'"Error":"x"', b'"type":1', b'"type":3', b'"type":4', b'"invocationId":"1"'),
    *(
        b'"target":"Say"',
        b'"arguments":[]',
        b"hubwire.claims: ",
        b", hubwire.claims: e30",
        b"asrs.s.uid: a, ",
        b"?code=",
    ),
    *(b'"UpstreamSettings":', b'"Templates":', b'"UrlTemplate":', b'"http://h/{hub}/{event}"', b'"HubPattern":'),
    *(
        b"{category}",
        b'"Auth":{"Type":"ManagedIdentity"}',
        b"{@Microsoft.KeyVault(",
        b"\x96\x01\x80\xa11\xa3Say\x90\x90",
    ),
]
_STATUSES = (200, 400, 403, 404, 413, 415)
_CODECS = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)
_SIGNATURES = UpstreamSignatures(["a key"])
_GENUINE = carried_claims({"role": "guest"})


class _Hub:
    """Implements `HubHandler`: remembers the last call; nothing in it waits."""

    def __init__(self) -> None:
        self.called: list[tuple[Caller, str]] = []

    async def connected(self, caller: Caller) -> None:
        self.called.append((caller, "connected"))

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        self.called.append((caller, invocation.target))
        return list(invocation.arguments)

    async def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        self.called.append((caller, "a stream, which none is"))
        yield None

    def is_cancellable(self, target: str) -> bool:
        return False

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        self.called.append((caller, "disconnected"))


def seeds() -> Iterator[bytes]:
    yield from (b'{"type":10}', b'{"type":11,"error":"lost"}', b'{"Type":11,"Error":null}')
    yield b'{"type":1,"target":"Say","arguments":[1,"x",null],"invocationId":"1"}'
    yield b'{"type":4,"target":"Say","arguments":[],"invocationId":"1"}'
    yield b'{"type":3,"invocationId":"1","result":42}\x1e'
    yield b"\x96\x01\x80\xa11\xa3Say\x90\x90"
    yield b"role: admin, name: Smith, John, " + write_claims(_GENUINE).encode()
    template = {
        "UrlTemplate": "http://h:7071/{hub}/{category}/{event}?code=x",
        "HubPattern": "a,b",
        "EventPattern": "*",
    }
    yield json.dumps({"UpstreamSettings": {"Templates": [template]}}).encode()
    identity = {"UrlTemplate": "https://h", "Auth": {"Type": "ManagedIdentity", "ManagedIdentity": {"Resource": "r"}}}
    yield json.dumps({"upstreamSettings": {"templates": [identity, template]}}).encode()
    yield from (row.data for row in vectors.load("messagepack", "both"))


def check(data: bytes) -> None:
    text = data.decode("latin-1")
    for event in ("connected", "disconnected", _target(data)):
        for protocol, content_type in CONTENT_TYPES.items():
            _check_request(event, protocol, content_type, data, text)
    for codec in _CODECS.values():
        with contextlib.suppress(InvalidMessage):
            assert read_completion(codec, data, "1").invocation_id == "1"
    _check_settings(data, text)
    read_query(text)


def _target(data: bytes) -> str:
    for codec in _CODECS.values():
        with contextlib.suppress(InvalidMessage):
            message = codec.decode(data)
            if isinstance(message, Invocation | StreamInvocation):
                return message.target
    return "Say"


def _check_request(event: str, protocol: str, content_type: str, data: bytes, text: str) -> None:
    hub = _Hub()
    endpoint = UpstreamEndpoint(_SIGNATURES, [UpstreamHub("chat", hub, _CODECS, lambda error, _: "failed")])
    is_event = event in ("connected", "disconnected")
    headers = {
        "x-asrs-connection-id": "one",
        "x-asrs-hub": "chat",
        "x-asrs-category": "connections" if is_event else "messages",
        "x-asrs-event": event,
        "x-asrs-signature": _SIGNATURES.sign("one"),
        "x-asrs-user-claims": f"{text}, {write_claims(_GENUINE)}",
        "x-asrs-client-query": text,
        "content-type": content_type,
    }
    answer = _run(endpoint, UpstreamRequest("POST", headers, data))
    assert answer.status in _STATUSES
    for caller, called in hub.called:
        assert called == event
        assert caller.claims == {"role": "guest"}  # whatever stands before it
    if any(name == CARRIED_CLAIM for name, _ in read_claims(text)):
        assert hub.called == []
    if answer.body and answer.status == 200:
        read_completion(_CODECS[protocol], answer.body, _id_of(data, protocol))
    assert _run(endpoint, UpstreamRequest("POST", {**headers, "x-asrs-signature": text}, data, text)).status in (
        401,
        400,
    )
    assert read_carried_claims(_GENUINE[CARRIED_CLAIM]) == {"role": "guest"}


def _id_of(data: bytes, protocol: str) -> str:
    message = _CODECS[protocol].decode(data)
    assert isinstance(message, Invocation | StreamInvocation)
    assert message.invocation_id is not None
    return message.invocation_id


def _run(endpoint: UpstreamEndpoint, request: UpstreamRequest) -> UpstreamAnswer:
    """Run to the end at once, as nothing in it waits."""
    work = endpoint.handle(request)
    try:
        work.send(None)
    except StopIteration as end:
        answer = end.value
        assert isinstance(answer, UpstreamAnswer)
        return answer
    raise AssertionError("the endpoint waited")


def _check_settings(data: bytes, text: str) -> None:
    try:
        templates = read_emulator_settings(data)
    except ValueError as error:
        assert len(str(error)) > 10  # it says what to change
        return
    for template in templates:
        if "{" not in urlsplit(template.url_template).netloc:
            filled = urlsplit(template.url(text, text, text))
            assert filled.netloc == urlsplit(template.url_template).netloc
        template.matches(text, text, text)
