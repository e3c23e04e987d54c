"""`POST /api/login`, `/api/refresh` and `/api/logout`. Knows cookies and bodies; who may log in is for `auth`.

The refresh token is in a cookie that no script can read and no other site makes a browser send (SameSite=Strict). As
sites on the same domain count as one there, the Origin header is checked as well.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.auth.login import LogIn, LoginEnded, LoginService, WrongCredentials
from meschain.auth.ports import Clock, SecondFactorRequired
from meschain.auth.throttle import Throttled
from meschain.http.bearer import Callers
from meschain.http.client_address import ClientAddress
from meschain.http.errors import NO_STORE, error_answer, too_many, unavailable
from meschain.http.session import payload_answer, session_info
from meschain.services.ports import ShopUnavailable

REFRESH_COOKIE: Final = "meschain_refresh"
_COOKIE_PATH: Final = "/api"
MAXIMUM_BODY_BYTES: Final = 8 * 1024
"""A user name and a password, generously."""

_log = logging.getLogger(__name__)

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class LoginRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/login`."""

    username: Text
    password: Text

    def __repr__(self) -> str:
        return "LoginRequest()"


_decoder: Final = msgspec.json.Decoder(LoginRequest)


class Login:
    """The three routes."""

    def __init__(
        self,
        service: LoginService,
        callers: Callers,
        address: ClientAddress,
        clock: Clock,
        *,
        public_url: str,
        allowed_origins: Sequence[str] = (),
        demo: bool = False,
    ) -> None:
        self._service = service
        self._callers = callers
        self._address = address
        self._clock = clock
        self._secure = public_url.startswith("https://")
        self._origins = frozenset({public_url, *allowed_origins})
        self._demo = demo

    def routes(self) -> list[Route]:
        return [
            Route("/api/login", self.login, methods=["POST"]),
            Route("/api/refresh", self.refresh, methods=["POST"]),
            Route("/api/logout", self.logout, methods=["POST"]),
        ]

    async def login(self, request: Request) -> Response:
        """Body `LoginRequest`; answers `SessionInfo` with a token and sets the cookie."""
        if not self._is_from_our_pages(request):
            return _foreign_origin()
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return error_answer(415, "Send JSON with content-type: application/json.")
        body = await _limited_body(request)
        if body is None:
            return error_answer(413, f"A log-in has at most {MAXIMUM_BODY_BYTES} bytes.")
        try:
            credentials = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Its text may quote the body; ours may not.
            return error_answer(400, 'Send {"username": "…", "password": "…"}, both not empty.')
        address = self._address.of(request)
        try:
            log_in = await self._service.login(credentials.username, credentials.password, address)
        except WrongCredentials:
            _log.info("a log-in from %s was refused", address)
            return error_answer(401, "User name or password is wrong.", code="wrong_credentials")
        except SecondFactorRequired:
            _log.info("a log-in from %s needs a second factor", address)
            return error_answer(
                403,
                "The shop asks this user for a second factor; a password alone does not log in here.",
                code="second_factor_required",
            )
        except Throttled as error:
            _log.warning("log-ins from %s are throttled", address)
            return too_many(error)
        except ShopUnavailable:
            _log.exception("a log-in cannot be checked")
            return unavailable("The shop's accounts cannot be reached at the moment; try again.")
        _log.info("%s logged in from %s", log_in.identity.user_id, address)
        return self._answer(log_in)

    async def refresh(self, request: Request) -> Response:
        """Needs the cookie; answers `SessionInfo` with a new token."""
        if not self._is_from_our_pages(request):
            return _foreign_origin()
        refresh_token = request.cookies.get(REFRESH_COOKIE)
        try:
            if not refresh_token:
                raise LoginEnded
            return self._answer(await self._service.refresh(refresh_token))
        except LoginEnded:
            answer = error_answer(401, "The log-in has ended; log in again.", code="login_ended")
            if refresh_token:
                self._clear_cookie(answer)
            return answer
        except ShopUnavailable:
            _log.exception("a log-in cannot be refreshed")
            return unavailable("The shop's accounts cannot be reached at the moment; try again.")

    async def logout(self, request: Request) -> Response:
        """Ends the log-in of the cookie, and the one of the bearer token; 204 whether or not there was one."""
        if not self._is_from_our_pages(request):
            return _foreign_origin()
        await self._service.logout(request.cookies.get(REFRESH_COOKIE), self._callers.log_in_of(request))
        answer = Response(status_code=204, headers=NO_STORE)
        self._clear_cookie(answer)
        return answer

    def _answer(self, log_in: LogIn) -> Response:
        answer = payload_answer(
            session_info(
                log_in.identity, demo=self._demo, access_token=log_in.access_token, expires_in=log_in.expires_in
            )
        )
        set_refresh_cookie(answer, log_in, self._clock, secure=self._secure)
        return answer

    def _clear_cookie(self, answer: Response) -> None:
        answer.delete_cookie(REFRESH_COOKIE, _COOKIE_PATH, secure=self._secure, httponly=True, samesite="strict")

    def _is_from_our_pages(self, request: Request) -> bool:
        """Whether no browser sent it, or one that shows a page of ours. Browsers write Origin on every POST."""
        origins = request.headers.getlist("origin")
        if not origins:
            return request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
        if len(origins) > 1:
            return False
        if origins[0] in self._origins:
            return True
        # A page of this very server, reached by another name than public_url: for instance 127.0.0.1 for localhost.
        scheme, _, host = origins[0].partition("://")
        return bool(host) and host == request.headers.get("host") and (scheme == "https" or not self._secure)


def set_refresh_cookie(answer: Response, log_in: LogIn, clock: Clock, *, secure: bool) -> None:
    """Give the browser the log-in's refresh token.

    Args:
        secure: over https only.
    """
    answer.set_cookie(
        REFRESH_COOKIE,
        log_in.refresh_token,
        max_age=max(0, int((log_in.session_expires_at - clock.now()).total_seconds())),
        path=_COOKIE_PATH,
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def _foreign_origin() -> Response:
    return error_answer(403, "Pages of this origin may not log in here; add it to MESCHAIN_ALLOWED_ORIGINS.")


async def _limited_body(request: Request) -> bytes | None:
    """The body, or None as soon as it is too long. Raises: ClientDisconnect."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAXIMUM_BODY_BYTES:
            return None
    return bytes(body)
