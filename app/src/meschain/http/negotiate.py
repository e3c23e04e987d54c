"""`POST /api/negotiate`: from a bearer token to a hub's address and a token for it, in SignalR's own redirect.

A stock client takes `/api` as the address of its hub and passes here at each reconnect. Who may enter which hub is for
`auth.negotiate`; this module knows headers, the query, and the engine's token maker.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.negotiate import negotiate_answer
from meschain.auth.bearer import Bearer
from meschain.auth.claims import claims_of
from meschain.auth.negotiate import NegotiateRefused, decide
from meschain.auth.ports import AccessUnavailable, ClientAccess, Clock
from meschain.auth.throttle import Throttled
from meschain.domain.payloads import NegotiateAnswer
from meschain.domain.roles import Identity
from meschain.http.bearer import Callers
from meschain.http.client_address import ClientAddress
from meschain.http.errors import NO_STORE, error_answer, too_many, unauthorized
from meschain.http.session import payload_answer
from meschain.http.throttle import NegotiateThrottle

_log = logging.getLogger(__name__)


class Negotiate:
    """The route."""

    def __init__(
        self,
        callers: Callers,
        access: ClientAccess,
        throttle: NegotiateThrottle,
        address: ClientAddress,
        clock: Clock,
        *,
        token_seconds: float,
    ) -> None:
        self._callers = callers
        self._access = access
        self._throttle = throttle
        self._address = address
        self._clock = clock
        self._token_seconds = token_seconds

    def routes(self) -> list[Route]:
        return [Route("/api/negotiate", self.negotiate, methods=["POST"])]

    async def negotiate(self, request: Request) -> Response:
        """Answers `NegotiateAnswer`. The body is not read."""
        try:
            self._throttle.from_address(self._address.of(request))
            bearer = await self._callers.find(request)
            if bearer is None:
                return _unauthorized(request)
            self._throttle.by_user(bearer.identity.user_id)
            return payload_answer(await self._let_in(request, bearer))
        except Throttled as error:
            return too_many(error)
        except NegotiateRefused as error:
            _log.info("negotiate was refused with %d: %s", error.status, error)
            return error_answer(error.status, str(error))

    async def _let_in(self, request: Request, bearer: Bearer) -> NegotiateAnswer:
        hubs = [value for name, value in request.query_params.multi_items() if name.lower() == "hub"]
        entry = decide(
            bearer.identity,
            hubs,
            request.headers.get("x-user-id"),
            request.headers.get("x-user-role"),
        )
        left = (bearer.good_until - self._clock.now()).total_seconds()
        try:
            return await self._access.issue(
                entry.hub, entry.identity, min(self._token_seconds, left), bearer.session_id
            )
        except ValueError as error:
            _log.warning("no hub token for %s: %s", entry.identity.user_id, error)
            raise NegotiateRefused(413, "What is known about this user does not fit into a token.") from None
        except AccessUnavailable as error:
            _log.warning("nobody can be let into a hub: %s", error)
            raise NegotiateRefused(503, "Live data is not available now; try again in a moment.") from None


def _unauthorized(request: Request) -> Response:
    """401; for SignalR clients without a body: they put the body into their error text (signalr-protocol 1.5)."""
    if is_from_signalr(request):
        return Response(status_code=401, headers={**NO_STORE, "www-authenticate": "Bearer"})
    return unauthorized()


def is_from_signalr(request: Request) -> bool:
    """Whether a SignalR client asks, rather than a program or a page of its own."""
    if "negotiateversion" in {name.lower() for name in request.query_params}:
        return True
    agent = request.headers.get("x-signalr-user-agent") or request.headers.get("user-agent", "")
    return request.headers.get("x-requested-with") == "XMLHttpRequest" or agent.startswith("Microsoft SignalR")


class HubAccess:
    """`ClientAccess` to our own sockets behind the public address, with tokens as Azure SignalR Service takes them."""

    def __init__(self, tokens: ClientTokens) -> None:
        self._tokens = tokens

    async def issue(
        self, hub: str, identity: Identity, lifetime_seconds: float, session_id: str | None = None
    ) -> NegotiateAnswer:
        answer = negotiate_answer(
            self._tokens,
            hub,
            user_id=identity.user_id,
            claims=claims_of(identity, session_id),
            lifetime_seconds=lifetime_seconds,
        )
        return NegotiateAnswer(url=answer.url, access_token=answer.access_token)
