"""Makes the connections of one `HubConnection`: negotiate, then the best transport that works (signalr-protocol 1, 2).

Knows no hub messages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from hubwire.client.credentials import Credentials
from hubwire.client.errors import NegotiationFailed, NoTransport, TransportFailed
from hubwire.client.http import HTTP_ERRORS, HttpClient, Response, described
from hubwire.client.long_polling import LongPollingTransport
from hubwire.client.negotiation import (
    MAXIMUM_ANSWER_BYTES,
    MAXIMUM_REDIRECTS,
    Negotiated,
    connect_url,
    negotiate_url,
    read_answer,
)
from hubwire.client.settings import Settings
from hubwire.client.sse import ServerSentEventsTransport
from hubwire.client.transport import Transport
from hubwire.client.websocket import WebSocketTransport
from hubwire.wire.negotiation import LONG_POLLING, SERVER_SENT_EVENTS, WEBSOCKETS

_log = logging.getLogger("hubwire.client")


class Openable(Protocol):
    """What the dialer needs of a transport; the rest of `Transport` is between it and its user."""

    @property
    def name(self) -> str:
        """As `Transport.name`."""

    async def open(self, url: str, *, renews_token: bool = False) -> None:
        """As `Transport.open`."""

    async def abort(self) -> None:
        """As `Transport.abort`."""


T = TypeVar("T", bound=Openable)

TRANSPORTS: Mapping[str, Callable[[HttpClient, int | None], Transport]] = {
    WEBSOCKETS: WebSocketTransport,
    SERVER_SENT_EVENTS: ServerSentEventsTransport,
    LONG_POLLING: LongPollingTransport,
}
"""Those of a `HubConnection`."""


@dataclass(frozen=True, slots=True)
class Dialed(Generic[T]):
    """An open transport and what was agreed for it."""

    transport: T
    url: str = field(repr=False)
    """Where this connection is reached, with its token."""
    connection_id: str | None
    """None without negotiation."""
    is_stateful: bool


class Dialer(Generic[T]):
    """Dials again and again, from the first `start` on; cookies last, tokens are asked for anew."""

    def __init__(self, settings: Settings, transports: Mapping[str, Callable[[HttpClient, int | None], T]]) -> None:
        """Args:
        transports: how each is made; those that the settings name must be there.
        """
        self._settings = settings
        self._transports = transports
        self._credentials = Credentials(settings.access_token)
        self._http = HttpClient(
            self._credentials, settings.headers, settings.ssl, settings.http_timeout_seconds, settings.clock
        )

    async def dial(self) -> Dialed[T]:
        """Return an open transport. Begins at the application's own address, however the last one was redirected.

        Raises: ConnectFailed; whatever the application's token function raises.
        """
        self._credentials.forget()
        url = self._settings.url
        if self._settings.skip_negotiation:
            return Dialed(await self._opened(WEBSOCKETS, url), url, None, False)
        failures: list[TransportFailed] = []
        offer: Negotiated | None = None
        for name in self._settings.transports:
            if offer is None:  # also after a failure: whatever a transport did to its connection, the next has its own
                url, offer = await self._negotiate(url)
            if name not in offer.transports:
                continue
            if self._settings.codec.is_binary and "Binary" not in offer.transports[name]:
                failures.append(TransportFailed(name, f"it cannot carry the protocol {self._settings.protocol!r}."))
                continue
            address = connect_url(url, offer.connection_token)
            try:
                transport = await self._opened(name, address)
            except TransportFailed as error:
                _log.info("A transport could not be opened. %s", error)
                failures.append(error)
                offer = None
                continue
            is_stateful = offer.stateful_reconnect and name == WEBSOCKETS
            return Dialed(transport, address, offer.connection_id, is_stateful)
        raise NoTransport(failures)

    async def regain(self, dialed: Dialed[T]) -> T:
        """Return another socket for the same connection.

        Raises: as `dial`.
        """
        return await self._opened(dialed.transport.name, dialed.url, renews_token=True)

    async def close(self) -> None:
        """Let go of idle connections."""
        await self._http.close()

    async def _opened(self, name: str, url: str, *, renews_token: bool = False) -> T:
        transport = self._transports[name](self._http, self._settings.maximum_receive_message_bytes)
        try:
            await transport.open(url, renews_token=renews_token)
        except BaseException:
            await transport.abort()
            raise
        return transport

    async def _negotiate(self, url: str) -> tuple[str, Negotiated]:
        """Return the offer and the address where it was made."""
        wants_stateful = self._settings.stateful_reconnect
        for _ in range(MAXIMUM_REDIRECTS):
            asked_at = negotiate_url(url, stateful_reconnect=wants_stateful)
            try:
                response = await self._http.request(
                    "POST", asked_at, limit_bytes=MAXIMUM_ANSWER_BYTES, renews_token=True
                )
            except HTTP_ERRORS as error:
                raise NegotiationFailed(
                    f"Failed to complete negotiation with the server: {described(error)}"
                ) from error
            if response.status != 200:
                raise _refusal(response)
            answer = read_answer(response.body, asked_at=url, asked_stateful_reconnect=wants_stateful)
            if isinstance(answer, Negotiated):
                return url, answer
            self._credentials.redirect(answer.access_token)
            url = answer.url
        raise NegotiationFailed("Negotiate redirection limit exceeded.")


def _refusal(response: Response) -> NegotiationFailed:
    text = response.body.decode(errors="replace") or response.reason
    hint = ""
    if response.status == 404:
        hint = " Either this is not a SignalR endpoint or there is a proxy blocking the connection."
    return NegotiationFailed(
        f"Failed to complete negotiation with the server: {text}: Status code '{response.status}'{hint}",
        status=response.status,
    )
