"""Makes the requests of an application to one service's REST data plane: tokens, connections, time limits, retries.

Knows no audiences and no messages. Retries follow the service's own tools: a message is sent again only where it
cannot have arrived or the status is above 500, because the service says 500 for time-outs of its own, behind which the
message may have been delivered.
"""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.credentials import RestAuthorization
from hubwire.azure.exchange import HttpReply, NoReply, NotSent
from hubwire.azure.rest_errors import ERROR_CODE_HEADER, ErrorCode
from hubwire.azure.routes import DATED_VERSIONS, ROUTES, Operation, address
from hubwire.clock import Clock, SystemClock
from hubwire.errors import ServiceRefused, ServiceUnavailable
from hubwire.options import AzureOptions

API_VERSION = DATED_VERSIONS[-1]
"""The version that is asked for: the newest, which has all operations."""

_NEGATIVE: Mapping[Operation, Mapping[ErrorCode, int]] = {
    Operation.CONNECTION_EXISTS: {ErrorCode.CONNECTION_NOT_EXISTED: 404},
    Operation.USER_EXISTS: {ErrorCode.USER_NOT_EXISTED: 404},
    Operation.GROUP_EXISTS: {ErrorCode.GROUP_NOT_EXISTED: 404},
    Operation.USER_IN_GROUP_EXISTS: {ErrorCode.USER_NOT_IN_GROUP: 404},
    Operation.CLOSE_CONNECTION: {ErrorCode.CONNECTION_NOT_EXISTED: 404},
    Operation.ADD_CONNECTION_TO_GROUP: {ErrorCode.NO_SUCH_CONNECTION: 404},
    # The service's own tools do not expect this one; leaving is done when nobody is there.
    Operation.REMOVE_CONNECTION_FROM_GROUP: {ErrorCode.NO_SUCH_CONNECTION: 404},
    # What Azure answers here is not known; these are those of `hubwire service`.
    Operation.INVOKE: {
        ErrorCode.NO_SUCH_CONNECTION: 404,
        ErrorCode.CONNECTION_NOT_EXISTED: 404,
        ErrorCode.CONNECTION_ENDED: 404,
        ErrorCode.INVOCATION_FAILED: 400,
        ErrorCode.INVOCATION_TIMEOUT: 500,
    },
}
"""Error codes, with their status, that are an answer. Any other 404 says that the address is wrong."""

_CODES = {code.lower(): code for code in ErrorCode}

_HARMFUL_TWICE = frozenset(
    {
        Operation.SEND_TO_ALL,
        Operation.SEND_TO_USER,
        Operation.SEND_TO_GROUP,
        Operation.SEND_TO_CONNECTION,
        Operation.EXECUTE,
        Operation.INVOKE,
        Operation.SEND_TO_STREAM,
        Operation.COMPLETE_STREAM,
    }
)
_REMEMBERED = 10_000
"""Addresses that are kept; making one takes 5 us."""


@dataclass(frozen=True, slots=True)
class RestReply:
    """An answer: done, or one of the codes that say why there is nothing to do."""

    body: bytes
    code: ErrorCode | None = None
    """None: done."""

    @property
    def message(self) -> str:
        """What a negative answer says for people."""
        return _message(self.body)


class _ErrorDetail(msgspec.Struct):
    message: str


@dataclass(slots=True)
class _Address:
    method: str
    path: str
    url: str


@functools.cache  # reading the distribution's metadata takes milliseconds
def product() -> str:
    """How the application's requests call themselves."""
    return f"hubwire/{importlib.metadata.version('hubwire')} (Python {platform.python_version()}; {platform.system()})"


class RestClient:
    """The way to one service, for all hubs. Use it as a context, or `close` it."""

    def __init__(
        self,
        connection: ConnectionString,
        authorization: RestAuthorization,
        options: AzureOptions | None = None,
        *,
        clock: Clock | None = None,
        unreachable: Callable[[], None] | None = None,
    ) -> None:
        """Args:
            unreachable: called, at once and often, when the service could not serve a request.

        Raises: ImportError without the extra `hubwire[azure]`.
        """
        self.endpoint = connection.server_url
        """Where requests go."""
        self.options = options or AzureOptions()
        self.clock: Clock = clock or SystemClock()
        self._authorization = authorization
        self._unreachable = unreachable
        self._addresses: dict[tuple[Operation, tuple[str, ...]], _Address] = {}
        try:
            from hubwire.azure.http_session import HttpSession
        except ImportError as error:
            raise ImportError(
                "Requests to Azure SignalR Service need aiohttp; install it with: pip install 'hubwire[azure]'"
            ) from error
        self._http = HttpSession(self.options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Break off what is under way and close all connections."""
        await self._http.close()
        await self._authorization.close()

    async def call(
        self,
        operation: Operation,
        names: tuple[str, ...],
        query: str = "",
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_seconds: float | None = None,
    ) -> RestReply:
        """Make a request, again where the options and the answer allow it.

        Args:
            names: as they stand in the path, not escaped.
            query: what comes behind `api-version`, escaped, beginning with `&`.
            timeout_seconds: None: that of the options.

        Raises: ServiceUnavailable, ServiceRefused; ValueError for names that cannot stand in an address.
        """
        to = self._address(operation, names)
        is_repeatable = operation not in _HARMFUL_TWICE
        for attempt in range(self.options.retries + 1):
            try:
                reply = await self._exchange(to, query, body, content_type, timeout_seconds)
            except NotSent as error:
                failure = self._unavailable(error.reason, may_have_arrived=False)
                may_repeat = not error.is_final
            except NoReply as error:
                failure = self._unavailable(error.reason, may_have_arrived=True)
                may_repeat = is_repeatable
            else:
                if 200 <= reply.status < 300:
                    return RestReply(reply.body)
                said = reply.headers.get(ERROR_CODE_HEADER)
                code = _CODES.get(said.lower()) if said is not None else None
                if code is not None and _NEGATIVE.get(operation, {}).get(code) == reply.status:
                    return RestReply(reply.body, code)
                failure = self._failure(operation, reply, said)
                wait = failure.retry_after_seconds
                is_short = wait is None or wait <= self.options.maximum_retry_delay_seconds
                may_repeat = is_short and (reply.status == 429 or reply.status > 500 or is_repeatable)
            if self._unreachable is not None and failure.status != 429:
                self._unreachable()
            if not may_repeat or attempt == self.options.retries:
                raise failure
            await self.clock.sleep(max(self.options.retry_delay_seconds, failure.retry_after_seconds or 0.0))
        raise AssertionError("The last attempt returns or raises.")

    async def health(self) -> bool:
        """Whether the service says that it is well, asked once."""
        to = self._address(Operation.GET_HEALTH, ())
        try:
            reply = await self._exchange(to, "", None, "", self.options.health_timeout_seconds)
        except (NotSent, NoReply, ServiceUnavailable):
            return False
        return reply.status == ROUTES[Operation.GET_HEALTH].status

    def _unavailable(self, reason: str, *, may_have_arrived: bool) -> ServiceUnavailable:
        return ServiceUnavailable(self.endpoint, reason, may_have_arrived=may_have_arrived)

    def _failure(self, operation: Operation, reply: HttpReply, code: str | None) -> ServiceUnavailable:
        """What a status says that may pass. Raises: ServiceRefused for one that stays."""
        status = reply.status
        if status not in (408, 429) and status < 500:
            raise ServiceRefused(self.endpoint, operation.value, status, code, _message(reply.body))
        return ServiceUnavailable(
            self.endpoint,
            "it takes no more requests for now (429)" if status == 429 else f"it answered with status {status}",
            may_have_arrived=status != 429,
            status=status,
            retry_after_seconds=_retry_after(reply.headers.get("Retry-After")),
        )

    def _address(self, operation: Operation, names: tuple[str, ...]) -> _Address:
        to = self._addresses.get((operation, names))
        if to is None:
            method, path = address(operation, *names)
            url = f"{self.endpoint}{path}?api-version={API_VERSION}"
            to = _Address(method, path, url)
            if len(self._addresses) >= _REMEMBERED:
                del self._addresses[next(iter(self._addresses))]  # the oldest
            self._addresses[operation, names] = to
        return to

    async def _exchange(
        self, to: _Address, query: str, body: bytes | None, content_type: str, timeout_seconds: float | None
    ) -> HttpReply:
        token = await self._authorization.token(to.path)
        headers = {"Authorization": f"Bearer {token}", "Asrs-User-Agent": product()}
        if body is not None:
            headers["Content-Type"] = content_type
            if self.options.trace_messages:
                headers["X-ASRS-Message-Tracing-Id"] = str(secrets.randbits(63))
        return await self._http.exchange(to.method, to.url + query, headers, body, timeout_seconds)


def _message(content: bytes) -> str:
    """What an answer says for people: the message of its ErrorDetail, or its text."""
    try:
        return msgspec.json.decode(content, type=_ErrorDetail).message
    except msgspec.DecodeError:
        return content.decode("utf-8", "replace").strip()


def _retry_after(value: str | None) -> float | None:
    """The seconds of the header. A date, which the service does not use, counts as none."""
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return float(value[:9])
