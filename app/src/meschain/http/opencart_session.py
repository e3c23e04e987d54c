"""Signing in from the shop's administration: two routes for its extension, and the one that the browser is sent to.

`POST /api/session/opencart` gives a token, `POST /api/session/opencart/ticket` an address with a ticket in it, and
`GET /api/session/opencart/enter` changes the ticket for our cookie and goes on to the dashboards. What a session of the
shop is worth is for `auth.shop_sign_in`.
"""

from __future__ import annotations

import logging
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from meschain.auth.login import WrongCredentials
from meschain.auth.ports import Clock, SecondFactorRequired
from meschain.auth.shop_sign_in import TICKET_SECONDS, ShopSession, ShopSignIn
from meschain.auth.throttle import Throttled
from meschain.domain.payloads import SignInAddress
from meschain.http.client_address import ClientAddress
from meschain.http.errors import NO_STORE, error_answer, too_many, unavailable
from meschain.http.login import set_refresh_cookie
from meschain.http.session import payload_answer, session_info
from meschain.services.ports import ShopUnavailable

_log = logging.getLogger(__name__)

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class SessionRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Body of both POSTs."""

    session_id: Text
    """The cookie `OCSESSID` of the administrator."""
    user_token: Text
    """`user_token` of the addresses of the administration."""
    device_token: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """The cookie of a trusted browser, where the shop asks for a second factor."""

    def __repr__(self) -> str:
        return "SessionRequest()"


_decoder: Final = msgspec.json.Decoder(SessionRequest)


class _Unreadable(Exception):
    """The body is none of ours."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


_REFUSALS: Final = (_Unreadable, WrongCredentials, SecondFactorRequired, Throttled, ShopUnavailable)


class OpenCartSession:
    """The three routes."""

    def __init__(
        self, sign_in: ShopSignIn, address: ClientAddress, clock: Clock, *, public_url: str, demo: bool
    ) -> None:
        self._sign_in = sign_in
        self._address = address
        self._clock = clock
        self._public_url = public_url
        self._demo = demo

    def routes(self) -> list[Route]:
        return [
            Route("/api/session/opencart", self.token, methods=["POST"]),
            Route("/api/session/opencart/ticket", self.ticket, methods=["POST"]),
            Route("/api/session/opencart/enter", self.enter, methods=["GET"]),
        ]

    async def token(self, request: Request) -> Response:
        """Body `SessionRequest`; answers `SessionInfo` with a token, and sets no cookie: the shop's server asks."""
        try:
            log_in = await self._sign_in.log_in(await _session(request), self._address.of(request))
        except _REFUSALS as error:
            return self._refusal(error, request)
        _log.info("%s got a token in the shop's administration", log_in.identity.user_id)
        return payload_answer(
            session_info(
                log_in.identity, demo=self._demo, access_token=log_in.access_token, expires_in=log_in.expires_in
            )
        )

    async def ticket(self, request: Request) -> Response:
        """Body `SessionRequest`; answers `SignInAddress`."""
        try:
            ticket = await self._sign_in.ticket(await _session(request), self._address.of(request))
        except _REFUSALS as error:
            return self._refusal(error, request)
        url = f"{self._public_url}/api/session/opencart/enter?{urlencode({'ticket': ticket})}"
        return payload_answer(SignInAddress(url=url, expires_in=TICKET_SECONDS))

    async def enter(self, request: Request) -> Response:
        """Query `ticket`; sets the cookie of a log-in and goes to the dashboards, or to the log-in page without one."""
        if request.method == "HEAD":
            return Response(status_code=204, headers=NO_STORE)  # whoever only looks must not use the ticket up
        try:
            log_in = await self._sign_in.redeem(request.query_params.get("ticket", "")[:128])
        except WrongCredentials:
            _log.info("a ticket from %s was refused", self._address.of(request))
            return RedirectResponse(f"{self._public_url}/", 303, NO_STORE)
        except ShopUnavailable:
            _log.exception("a ticket cannot be checked")
            return unavailable("The shop's accounts cannot be reached at the moment; try again.")
        _log.info("%s signed in from the shop's administration", log_in.identity.user_id)
        answer = RedirectResponse(f"{self._public_url}/", 303, NO_STORE)
        set_refresh_cookie(answer, log_in, self._clock, secure=self._public_url.startswith("https://"))
        return answer

    def _refusal(self, error: Exception, request: Request) -> Response:
        if isinstance(error, _Unreadable):
            return error.answer
        address = self._address.of(request)
        if isinstance(error, WrongCredentials):
            _log.info("a session of the shop, sent from %s, was refused", address)
            return error_answer(
                401, "The shop's database knows no such session of an administrator.", code="wrong_credentials"
            )
        if isinstance(error, SecondFactorRequired):
            return error_answer(
                403, "The shop asks this user for a second factor first.", code="second_factor_required"
            )
        if isinstance(error, Throttled):
            _log.warning("sessions of the shop, sent from %s, are throttled", address)
            return too_many(error)
        _log.error("a session of the shop cannot be checked", exc_info=error)
        return unavailable("The shop's accounts cannot be reached at the moment; try again.")


async def _session(request: Request) -> ShopSession:
    """Raises: _Unreadable."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        # A form of another site's page could be sent by a browser; JSON it may not send unasked.
        raise _Unreadable(error_answer(415, "Send JSON with content-type: application/json."))
    try:
        given = _decoder.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _Unreadable(error_answer(400, 'Send {"sessionId": "…", "userToken": "…"}, both not empty.')) from None
    return ShopSession(given.session_id, given.user_token, given.device_token)
