"""The REST data plane of Azure SignalR Service as a server: a request in, an answer out (azure-serverless 3).

Admits a call (address, token, method, version, names), has it performed, and words what goes wrong. Knows no sockets,
no ASGI and no hosting; who is connected is known to the data planes that it is given.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.memberships import Memberships
from hubwire.azure.rest_calls import RestRequest, read_call
from hubwire.azure.rest_description import VERSIONS, describe
from hubwire.azure.rest_errors import JSON_FIELDS, ErrorCode, RestAnswer, RestError, invalid
from hubwire.azure.rest_operations import OPERATIONS, RestBackend
from hubwire.azure.rest_page import STYLE_HASH, render
from hubwire.azure.rest_tokens import RestTokens
from hubwire.azure.routes import Operation, find
from hubwire.errors import BrokerUnavailable, NodeTimeout, StoreUnavailable, Unauthorized
from hubwire.options import RestOptions
from hubwire.ports import DataPlane

V1_PREFIX = "/api/v1/"
"""Errors below it are texts."""

_PAGES = "/openapi"
_PAGE_FIELDS = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", f"default-src 'none'; style-src '{STYLE_HASH}'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
)
_RETRY_AFTER = (("retry-after", "1"),)

_log = logging.getLogger("hubwire.azure")


class RestServer:
    """Answers requests; any number at once."""

    def __init__(
        self,
        plane_of: Callable[[str], DataPlane],
        memberships: Memberships,
        tokens: RestTokens,
        client_tokens: ClientTokens,
        *,
        options: RestOptions | None = None,
        unready_reason: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Args:
        plane_of: the data plane of a hub, by its name in lower case; asked only for calls with a good token. It may
            raise RestError where there is no room for one.
        memberships: users in groups.
        tokens: which calls are admitted.
        client_tokens: sign what `:generateToken` answers.
        unready_reason: why the health check is to fail; None: it is not.
        """
        self.options = options or RestOptions()
        self._tokens = tokens
        self._unready_reason = unready_reason
        self._backend = RestBackend(plane_of, memberships, client_tokens)
        self._public_url = client_tokens.public_url

    async def handle(self, request: RestRequest) -> RestAnswer:
        """Answer one request. Answers to HEAD have no body. Raises nothing but what cancels it."""
        try:
            answer = await self._perform(request)
        except RestError as error:
            answer = error.answer(is_text=request.path.startswith(V1_PREFIX))
        except Exception as error:  # noqa: BLE001 - the boundary: a caller is answered whatever went wrong
            answer = _failure(error).answer(is_text=request.path.startswith(V1_PREFIX))
        if request.method == "HEAD":
            return RestAnswer(answer.status, b"", answer.fields)
        return answer

    def check_sender(self, path: str, authorization: str | None) -> None:
        """Check the token of a call; `handle` does, and whoever reads a long body does so before.

        Args:
            path: still escaped, without query.

        Raises: RestError.
        """
        try:
            self._tokens.verify(_bearer_token(authorization), path)
        except Unauthorized as error:
            _log.info("A REST call to %s is refused: %s", path, error)
            raise RestError(
                401,
                ErrorCode.UNAUTHORIZED,
                "Send a token that an access key of this service has signed for this address (Authorization: Bearer); "
                "tokens of Microsoft Entra are not accepted.",
                fields=(("www-authenticate", "Bearer"),),
            ) from error

    async def _perform(self, request: RestRequest) -> RestAnswer:
        if request.path == _PAGES or request.path.startswith(f"{_PAGES}/"):
            return self._describe(request)
        try:
            match = find(request.path)
        except UnicodeDecodeError as error:
            raise invalid("The path is no UTF-8; escape each part of it.") from error
        if match is None:
            raise _nothing_here()
        route = match.routes.get(request.method)
        if route is not None and route.operation is Operation.GET_HEALTH:
            return self._health()
        self.check_sender(request.path, request.authorization)
        if route is None:
            allowed = ", ".join(sorted(match.routes))
            raise RestError(
                405, ErrorCode.WRONG_METHOD, f"The methods here are {allowed}.", fields=(("allow", allowed),)
            )
        return await OPERATIONS[route.operation](self._backend, read_call(request, match, route))

    def _describe(self, request: RestRequest) -> RestAnswer:
        """What there is, for people and for programs; no secret, so without a token."""
        if request.method not in ("GET", "HEAD"):
            raise RestError(405, ErrorCode.WRONG_METHOD, "Only to be read: GET it.", fields=(("allow", "GET, HEAD"),))
        name = request.path.removeprefix(_PAGES).strip("/")
        if not name:
            return RestAnswer(200, render(self._public_url).encode(), _PAGE_FIELDS)
        version = name.removesuffix(".json")
        if version == name or version not in VERSIONS:
            raise _nothing_here()
        return RestAnswer(200, describe(version, self._public_url), JSON_FIELDS)

    def _health(self) -> RestAnswer:
        """Without token and version, as probes come."""
        reason = self._unready_reason()
        if reason is None:
            return RestAnswer(200)
        raise RestError(
            503, ErrorCode.UNAVAILABLE, f"Not ready: {reason}. Ask another, or try again.", fields=_RETRY_AFTER
        )


def _nothing_here() -> RestError:
    return RestError(404, ErrorCode.NO_SUCH_ADDRESS, f"There is nothing here; see {_PAGES} for what there is.")


def _bearer_token(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _failure(error: Exception) -> RestError:
    """Word an error that no operation expects.

    The service's tools send a message again after a status above 500 and not after 500, which may mean that it was
    sent (azure-serverless 3.3): so 503 says that nothing was done.
    """
    match error:
        case BrokerUnavailable(may_have_arrived=False) | StoreUnavailable():
            return RestError(503, ErrorCode.UNAVAILABLE, str(error), fields=_RETRY_AFTER)
        case BrokerUnavailable() | NodeTimeout():
            return RestError(500, ErrorCode.UNKNOWN, str(error))
        case _:
            correlation_id = uuid.uuid4().hex
            _log.error("A REST call failed (%s)", correlation_id, exc_info=error)
            return RestError(500, ErrorCode.UNKNOWN, f"It failed; look for {correlation_id} in the service's log.")
