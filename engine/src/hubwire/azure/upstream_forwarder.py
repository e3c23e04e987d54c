"""The `HubHandler` of a service: events go to an application by HTTP, and its answers to the client as they are.

The inverse of `upstream_endpoint`. Knows no session and no client's socket. Needs aiohttp, the extra `azure`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp
from yarl import URL

from hubwire.azure import upstream_headers as headers
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.azure.upstream_templates import UpstreamTemplate, UpstreamTemplates
from hubwire.errors import (
    Forbidden,
    HubError,
    InvalidMessage,
    LocalProtocolError,
    MethodNotFound,
    Unauthorized,
    UpstreamFailed,
)
from hubwire.model import Caller
from hubwire.options import UpstreamOptions
from hubwire.ports import IdentityTokens
from hubwire.wire.codec import Codec
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Completion, Invocation, StreamInvocation
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.relaying import FramedCompletion, RelayedInvocation
from hubwire.wire.serverless import CONNECTED, CONTENT_TYPES, disconnected_payload, read_completion, unframed

_CODECS: dict[str, Codec] = {codec.name: codec for codec in (JSON, MESSAGEPACK)}
_IDLE_SECONDS = 3.0
"""How long an idle socket is kept. Below uvicorn's 5 s: a call that meets the end of one is lost, and not repeated."""
_MAXIMUM_REFUSAL_CHARACTERS = 1_000
_STREAMS = "Invocation failed, streams are not passed on to the application; call a method without streams."

_log = logging.getLogger("hubwire.azure")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes = b""
    content_type: str = ""


class UpstreamForwarder:
    """Implements `HubHandler` for all hubs of a service. One for each process; run it by `start` and `stop`.

    A call whose codec is a `RelayCodec` goes on byte for byte and its answer comes back as a `FramedCompletion`; of
    any other call the result is returned, and its error raised as `UpstreamFailed`.
    """

    def __init__(
        self,
        templates: UpstreamTemplates,
        signatures: UpstreamSignatures,
        options: UpstreamOptions | None = None,
        *,
        identity: IdentityTokens | None = None,
    ) -> None:
        """Args:
            templates: where events go.
            signatures: of all keys of the service; what is replaced in it counts from then on.
            identity: for templates that ask for a managed identity.

        Raises: ValueError for a template that asks for an identity when there is none.
        """
        self._signatures = signatures
        self._options = options or UpstreamOptions()
        self._identity = identity
        self._templates = self._checked(templates)
        self._session: aiohttp.ClientSession | None = None

    # Life

    async def start(self) -> None:
        """Get ready; needs a running loop."""
        options = self._options
        # It neither follows, nor keeps cookies, nor asks the environment for proxies.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=options.maximum_sockets, keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=options.timeout_seconds, sock_connect=options.connect_timeout_seconds),
            auto_decompress=False,
            skip_auto_headers=("accept", "accept-encoding", "user-agent"),
        )

    async def stop(self) -> None:
        """Close what is left; calls under way fail."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @property
    def templates(self) -> UpstreamTemplates:
        """Where events go now."""
        return self._templates

    def replace_templates(self, templates: UpstreamTemplates) -> None:
        """Let events go there from now on. Raises: ValueError as the constructor; the old ones stay then."""
        self._templates = self._checked(templates)

    # HubHandler

    async def connected(self, caller: Caller) -> None:
        answer = await self._tell(caller, headers.CONNECTED, CONNECTED)
        if answer is None or not self._options.closes_refused:
            return
        if answer.status == 401:
            raise Unauthorized("The application answered `connected` by 401.")
        if answer.status == 403:
            text = answer.body.decode(errors="replace")
            if answer.content_type == "text/plain" and 0 < len(text) <= _MAXIMUM_REFUSAL_CHARACTERS:
                raise HubError(text)  # the application's own words for its client
            raise Forbidden("The application answered `connected` by 403.")

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        if invocation.stream_ids:
            raise UpstreamFailed(_STREAMS)
        # A target that no header can carry, or that would climb in a path, is the name of no method.
        if not headers.is_header_value(invocation.target) or not invocation.target.strip("."):
            raise MethodNotFound(invocation.target)
        is_relayed = isinstance(invocation, RelayedInvocation)
        codec = _CODECS[invocation.protocol] if isinstance(invocation, RelayedInvocation) else JSON
        payload = invocation.payload if isinstance(invocation, RelayedInvocation) else unframed(codec, invocation)
        template = self._templates.match(caller.hub, headers.MESSAGES, invocation.target)
        if template is None:
            _log.debug("No upstream takes %r of hub %s", invocation.target, caller.hub)
            raise UpstreamFailed("Invocation failed, no upstream takes this method; set an upstream for it.")
        answer = await self._send(template, caller, headers.MESSAGES, invocation.target, codec.name, payload)
        if answer.status not in (200, 204):
            _log.warning("The application answered %r of hub %s by %s", invocation.target, caller.hub, answer.status)
            raise UpstreamFailed(f"Invocation failed, status code {answer.status}")
        if invocation.invocation_id is None:
            return None
        framed = answer.body if answer.status == 200 else b""
        if not framed:
            framed = codec.encode(Completion(invocation.invocation_id))
        try:
            completion = read_completion(codec, framed, invocation.invocation_id)
        except InvalidMessage as error:
            _log.error(
                "The application answered %r of hub %s by what is no answer. %s Let it answer with one framed "
                "Completion, or with nothing",
                invocation.target,
                caller.hub,
                error,
            )
            raise UpstreamFailed("Invocation failed, the response is no completion of this call.") from error
        if is_relayed:
            return FramedCompletion(framed)
        if completion.error is not None:
            raise UpstreamFailed(completion.error)
        return completion.result

    def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        return _refused_stream()

    def is_cancellable(self, target: str) -> bool:
        return False  # a cancel is not passed on, as in the service

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        await self._tell(caller, headers.DISCONNECTED, disconnected_payload(None if error is None else str(error)))

    # Inside

    def _checked(self, templates: UpstreamTemplates) -> UpstreamTemplates:
        if self._identity is None and any(each.auth is not None for each in templates):
            raise ValueError(
                "An upstream template asks for a managed identity, and there is none here; give the service one, or "
                "set the template's Auth to None and put a secret into its address."
            )
        return templates

    async def _tell(self, caller: Caller, event: str, payload: bytes) -> _Answer | None:
        """Tell of a connection event; None: nobody wants to know, or nobody was there."""
        template = self._templates.match(caller.hub, headers.CONNECTIONS, event)
        if template is None:
            return None
        try:
            answer = await self._send(template, caller, headers.CONNECTIONS, event, JSON.name, payload)
        except UpstreamFailed:  # logged already; a connection lives or ends all the same
            return None
        if answer.status not in (200, 204):
            _log.warning("The application answered %s of hub %s by %s", event, caller.hub, answer.status)
        return answer

    async def _send(
        self, template: UpstreamTemplate, caller: Caller, category: str, event: str, protocol: str, payload: bytes
    ) -> _Answer:
        """Raises: UpstreamFailed, which is logged."""
        session = self._session
        if session is None:
            raise LocalProtocolError("This UpstreamForwarder does not run; call start() first.")
        url = URL(template.url(caller.hub, category, event), encoded=True)
        try:
            fields = self._fields(caller, category, event, protocol)
            if template.auth is not None and self._identity is not None:
                async with asyncio.timeout(self._options.timeout_seconds):
                    fields["authorization"] = f"Bearer {await self._identity.token(template.auth.resource)}"
            async with session.post(url, data=payload, headers=fields, allow_redirects=False) as response:
                content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                return _Answer(response.status, await self._read(response), content_type)
        except UpstreamFailed as error:
            _log.warning("The application's answer to %r of hub %s failed: %s", event, caller.hub, error)
            raise
        except Exception as error:
            # The network's, the application's or the token maker's. Only its kind: texts may hold the address, and with
            # it a secret.
            kind = type(error).__name__
            _log.warning("The application could not be asked for %r of hub %s: %s", event, caller.hub, kind)
            raise UpstreamFailed("Invocation failed, status code 500") from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Raises: UpstreamFailed."""
        limit = self._options.maximum_answer_bytes
        body = bytearray()
        try:
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > limit:
                    response.close()
                    raise UpstreamFailed("Invocation failed, response too large.")
        except TimeoutError as error:
            raise UpstreamFailed("Invocation failed, response cancelled.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamFailed("Invocation failed, error: the response broke off.") from error
        return bytes(body)

    def _fields(self, caller: Caller, category: str, event: str, protocol: str) -> dict[str, str]:
        fields = {
            headers.CONNECTION_ID: caller.connection_id,
            headers.HUB: caller.hub.lower(),
            headers.CATEGORY: category,
            headers.EVENT: event,
            headers.SIGNATURE: self._signatures.sign(caller.connection_id),
            headers.CLIENT_QUERY: headers.write_query(caller.request),
            "content-type": CONTENT_TYPES[protocol],
        }
        if caller.user_id is not None:
            if not headers.is_header_value(caller.user_id):
                # Without it the caller would be somebody else, and so it would be with another spelling.
                raise UpstreamFailed("Invocation failed, the user id cannot stand in a header; choose another one.")
            fields[headers.USER_ID] = caller.user_id
        if caller.claims:
            fields[headers.USER_CLAIMS] = headers.write_claims(caller.claims)
        return fields


async def _refused_stream(items: Sequence[object] = ()) -> AsyncGenerator[object, None]:
    for item in items:
        yield item
    raise UpstreamFailed(_STREAMS)
