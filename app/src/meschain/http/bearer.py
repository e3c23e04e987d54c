"""The caller of a route, from its `Authorization` header. Tokens in queries are not read here."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request

from meschain.auth.bearer import Bearer, Bearers
from meschain.auth.key_sets import IssuerUnavailable
from meschain.auth.login_tokens import InvalidToken
from meschain.domain.roles import Identity, Operation, may
from meschain.services.ports import ShopUnavailable

_log = logging.getLogger(__name__)


def bearer_token(request: Request) -> str | None:
    """The token of the header, or None. Several such headers are none: one of them is not the client's."""
    values = request.headers.getlist("authorization")
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class Callers:
    """Tells routes who calls."""

    def __init__(self, bearers: Bearers) -> None:
        self._bearers = bearers

    async def find(self, request: Request) -> Bearer | None:
        """The caller, or None without a token that is believed. Raises: HTTPException 503."""
        token = bearer_token(request)
        if token is None:
            return None
        try:
            return await self._bearers.verify(token)
        except InvalidToken as error:
            _log.info("a bearer token was refused: %s", error)
            return None
        except (IssuerUnavailable, ShopUnavailable) as error:
            _log.warning("a bearer token cannot be checked: %s", error)
            raise HTTPException(
                503, "The account cannot be checked at the moment; try again.", {"retry-after": "5"}
            ) from None

    def log_in_of(self, request: Request) -> str | None:
        """The log-in behind the token, for log-out: it must not depend on whether the shop can be asked."""
        token = bearer_token(request)
        if token is None:
            return None
        try:
            return self._bearers.log_in_of(token)
        except InvalidToken:
            return None

    async def permitted(self, request: Request, operation: Operation, refusal: str) -> Identity:
        """Who calls, and may do that. Raises: HTTPException 401; 403 with the refusal; 503."""
        identity = (await self.require(request)).identity
        if not may(identity.role, operation):
            raise HTTPException(403, refusal)
        return identity

    async def require(self, request: Request) -> Bearer:
        """The caller. Raises: HTTPException 401 or 503."""
        bearer = await self.find(request)
        if bearer is None:
            raise HTTPException(401, "Log in and send the token as a bearer token.", {"www-authenticate": "Bearer"})
        return bearer
