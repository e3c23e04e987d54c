"""Takes the calls of a service that holds an application's connections, and has its hubs answer them.

HTTP values in, a `HubHandler`'s answer out as HTTP values; the inverse of `upstream_forwarder`. Knows no HTTP server,
no hub class and no connection: each event stands for itself, in whatever process it arrives. So `connected` and
`disconnected` may come twice, late or not at all; (connection id, event) tells which is which.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from hubwire.azure import upstream_headers as headers
from hubwire.azure.carried_claims import CARRIED_CLAIM, InvalidClaims, read_carried_claims
from hubwire.azure.jwt import customer_claims
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.errors import HubError, InvalidMessage
from hubwire.model import Caller, ConnectRequest, Principal
from hubwire.ports import HubHandler
from hubwire.wire.codec import Codec
from hubwire.wire.messages import Completion, Invocation, StreamInvocation
from hubwire.wire.serverless import CONTENT_TYPES, ConnectedEvent, DisconnectedEvent, read_connection_event

TRANSPORT = "AzureSignalR"
"""What `Caller.transport` says: the service does not tell which of its transports a client has chosen."""

_log = logging.getLogger("hubwire.azure")

_USER_ID_CLAIM = "asrs.s.uid"
_PROTOCOL_OF = {content_type: protocol for protocol, content_type in CONTENT_TYPES.items()}
_NO_STREAMS = "Streams do not reach an application behind Azure SignalR; call a method without streams."


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request as an HTTP server has read it."""

    method: str
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case; repeated ones joined by `, `. As text of UTF-8 or Latin-1."""
    body: bytes = field(repr=False)
    query_string: str = field(default="", repr=False)
    """Still escaped, without question mark."""


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """What the HTTP server is to answer. The body of a call's answer is one framed Completion, and has no type."""

    status: int
    body: bytes = b""
    content_type: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class UpstreamHub:
    """One hub, as this endpoint sees it."""

    name: str
    handler: HubHandler
    codecs: Mapping[str, Codec]
    """By the name of the protocol. Others are answered by 415."""
    word: Callable[[BaseException, str], str]
    """Words the error of a failed call, given the exception and the target."""


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        self.answer = UpstreamAnswer(status, text.encode(errors="replace"), "text/plain")


class UpstreamEndpoint:
    """Answers upstream requests for any number of hubs. Has no secrets in `repr`."""

    def __init__(
        self,
        signatures: UpstreamSignatures | None,
        hubs: Iterable[UpstreamHub] = (),
        *,
        maximum_request_bytes: int = 1024 * 1024,
        trusts_plain_claims: bool = False,
        code: str | None = None,
    ) -> None:
        """Args:
            signatures: of all keys of all services that may call. None: no key is known, and the code decides alone.
            maximum_request_bytes: larger bodies are answered by 413.
            trusts_plain_claims: see `AzureHubsOptions`.
            code: a secret that requests must carry besides, as `?code=` or in the header `x-functions-key`.

        Raises: ValueError for an empty code, or none where nothing is signed.
        """
        if code is not None and not code:
            raise ValueError("The code of the upstream address is empty; give a long random text, or None.")
        if signatures is None and code is None:
            raise ValueError("Anybody could send upstream requests: give the service's access keys, a code, or both.")
        self._signatures = signatures
        self._hubs: dict[str, UpstreamHub] = {}
        self._maximum_request_bytes = maximum_request_bytes
        self._trusts_plain_claims = trusts_plain_claims
        self._code = None if code is None else code.encode()
        for hub in hubs:
            self.add(hub)

    def add(self, hub: UpstreamHub) -> None:
        """Answer for this hub too. Raises: ValueError when the name is taken."""
        name = hub.name.lower()
        if name in self._hubs:
            raise ValueError(f"Hub {hub.name!r} is there already; give each hub a name of its own.")
        self._hubs[name] = hub

    async def handle(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Answer one request. Raises nothing but what cancels it."""
        # Before anything is told or read: strangers learn nothing of our hubs, and parse nothing here.
        return self.check_sender(request) or await self.handle_checked(request)

    def check_sender(self, request: UpstreamRequest) -> UpstreamAnswer | None:
        """Return how a stranger is answered; None: the request may be read. The body makes no difference."""
        try:
            self._check_sender(request)
        except _Refused as refused:
            return refused.answer
        return None

    async def handle_checked(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Answer one request whose sender somebody else has checked, as the host of Azure Functions does.

        Never call it with what came by HTTP: whoever sent that would be believed. Raises as `handle`.
        """
        try:
            return await self._handle(request)
        except _Refused as refused:
            return refused.answer

    def _check_sender(self, request: UpstreamRequest) -> None:
        if request.method != "POST":
            raise _Refused(405, "Upstream requests are POSTs.")
        self._check_code(request)
        connection_id = _required(request, headers.CONNECTION_ID)
        signature = request.headers.get(headers.SIGNATURE, "")
        if self._signatures is not None and not self._signatures.verify(signature, connection_id):
            raise _Refused(401, "None of the access keys has signed this request.")

    async def _handle(self, request: UpstreamRequest) -> UpstreamAnswer:
        connection_id = _required(request, headers.CONNECTION_ID)
        hub_name, category, event = (
            _required(request, name) for name in (headers.HUB, headers.CATEGORY, headers.EVENT)
        )
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        protocol = _PROTOCOL_OF.get(media_type)
        if protocol is None:
            raise _Refused(415, f"The content type is none of {', '.join(_PROTOCOL_OF)}.")
        if len(request.body) > self._maximum_request_bytes:
            raise _Refused(413, f"The body has more than {self._maximum_request_bytes} bytes.")
        hub = self._hubs.get(hub_name.lower())
        if hub is None:
            raise _Refused(404, "There is no such hub.")
        caller = self._caller(request, connection_id, hub)
        match category.lower():
            case headers.CONNECTIONS:
                return await _tell(hub, caller, event.lower(), media_type, request.body)
            case headers.MESSAGES:
                return await _call(hub, caller, event, protocol, request.body)
        raise _Refused(404, "There is no such category of events.")

    def _check_code(self, request: UpstreamRequest) -> None:
        if self._code is None:
            return
        given = [*parse_qs(request.query_string).get("code", ()), _text(request.headers.get("x-functions-key", ""))]
        if not any([hmac.compare_digest(each.encode(errors="replace"), self._code) for each in given]):
            raise _Refused(401, "The code of the upstream address is missing or wrong.")

    def _caller(self, request: UpstreamRequest, connection_id: str, hub: UpstreamHub) -> Caller:
        """Make who calls of what the service says. Raises: _Refused."""
        user_id = request.headers.get(headers.USER_ID)
        principal = Principal(None if user_id is None else _text(user_id), self._claims(request))
        query = headers.read_query(_text(request.headers.get(headers.CLIENT_QUERY, "")))
        connect = ConnectRequest("GET", "/client/", query, {}, "", "https")
        return Caller(connection_id, hub.name, principal, connect, TRANSPORT)

    def _claims(self, request: UpstreamRequest) -> Mapping[str, object]:
        plain = headers.read_claims(_text(request.headers.get(headers.USER_CLAIMS, "")))
        for name in (CARRIED_CLAIM, _USER_ID_CLAIM):
            if sum(each == name for each, _ in plain) > 1:
                # A token of ours has each once, so somebody's value has broken out of its place.
                raise _Refused(400, f"The claim {name} comes twice.")
        carried = next((value for name, value in plain if name == CARRIED_CLAIM), None)
        if carried is not None:
            try:
                return read_carried_claims(carried)
            except InvalidClaims as error:
                raise _Refused(400, str(error)) from error
        return _collected(plain) if self._trusts_plain_claims else {}


async def _tell(hub: UpstreamHub, caller: Caller, event: str, media_type: str, body: bytes) -> UpstreamAnswer:
    """Tell the hub of a connection event. Raises: _Refused."""
    if media_type != CONTENT_TYPES["json"]:
        raise _Refused(415, "Connection events are JSON.")
    if event not in (headers.CONNECTED, headers.DISCONNECTED):
        raise _Refused(404, "There is no such connection event.")
    try:
        message = read_connection_event(body)
    except InvalidMessage as error:
        raise _Refused(400, str(error)) from error
    match message:
        case ConnectedEvent() if event == headers.CONNECTED:
            try:
                await hub.handler.connected(caller)
            except HubError as error:  # whose text is for the client
                raise _Refused(403, str(error)) from error
            except Exception:  # noqa: BLE001 - boundary to hub code, which logs itself
                return UpstreamAnswer(403)
        case DisconnectedEvent(text) if event == headers.DISCONNECTED:
            await hub.handler.disconnected(caller, None if text is None else ConnectionError(text))
        case _:
            raise _Refused(400, "The event of the header is not that of the body.")
    return UpstreamAnswer(200)


async def _call(hub: UpstreamHub, caller: Caller, event: str, protocol: str, body: bytes) -> UpstreamAnswer:
    """Have the hub answer a client's message. Raises: _Refused."""
    codec = hub.codecs.get(protocol)
    if codec is None:
        raise _Refused(415, f"The hub does not speak {protocol}.")
    try:
        message = codec.decode(body)
    except InvalidMessage as error:
        raise _Refused(400, str(error)) from error
    if not isinstance(message, Invocation | StreamInvocation):
        raise _Refused(400, "The body is no call.")
    if message.target != _text(event):
        raise _Refused(400, "The event of the header is not the target of the body.")
    if isinstance(message, StreamInvocation) or message.stream_ids:
        return _answered(codec, message.invocation_id, error=_NO_STREAMS)
    try:
        result = await hub.handler.invoke(caller, message)
    except Exception as error:  # noqa: BLE001 - boundary to hub code, which logs itself
        return _answered(codec, message.invocation_id, error=hub.word(error, message.target))
    try:
        return _answered(codec, message.invocation_id, result)
    except Exception as error:  # noqa: BLE001 - encoding runs user objects; the caller is told as of any failure
        _log.error("The result of %r of hub %s cannot be written", message.target, hub.name, exc_info=error)
        return _answered(codec, message.invocation_id, error=hub.word(error, message.target))


def _answered(
    codec: Codec, invocation_id: str | None, result: object = None, error: str | None = None
) -> UpstreamAnswer:
    if invocation_id is None:  # nobody waits, for an error neither
        return UpstreamAnswer(200)
    completion = Completion(invocation_id, result, error, has_result=error is None)
    return UpstreamAnswer(200, codec.encode(completion))


def _required(request: UpstreamRequest, name: str) -> str:
    value = request.headers.get(name, "").strip()
    if not value:
        raise _Refused(400, f"The header {name} is missing.")
    return value


def _text(value: str) -> str:
    """A header's text, which servers hand out as Latin-1 whatever it is; services send UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _collected(claims: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Claims by name, without the service's own; repeated ones as a list."""
    collected: dict[str, object] = {}
    for name, value in claims:
        before = collected.get(name)
        if isinstance(before, list):
            before.append(value)
        else:
            collected[name] = value if before is None else [before, value]
    return customer_claims(collected)
