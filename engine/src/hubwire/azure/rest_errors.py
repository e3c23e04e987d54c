"""What the REST data plane answers when it does not do what was asked, and the codes that clients tell cases apart by.

A 404 is a legal negative answer for the service's own tools only where the header `x-ms-error-code` says so
(azure-serverless 3.3). Knows no request and no data plane.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import msgspec

from hubwire.errors import HubwireError

ERROR_CODE_HEADER = "x-ms-error-code"
"""Stands in every answer that is no success."""

JSON_FIELDS = (("content-type", "application/json; charset=utf-8"),)
"""Of an answer with a JSON body."""


class ErrorCode(enum.StrEnum):
    """Values of `x-ms-error-code`. The first five are the service's; tools depend on them."""

    CONNECTION_NOT_EXISTED = "Warning.Connection.NotExisted"
    """It was asked about, or to be closed."""
    USER_NOT_EXISTED = "Warning.User.NotExisted"
    """No connection of that user."""
    GROUP_NOT_EXISTED = "Warning.Group.NotExisted"
    """No connection in that group."""
    USER_NOT_IN_GROUP = "Info.User.NotInGroup"
    """No record of that membership."""
    NO_SUCH_CONNECTION = "Error.Connection.NotExisted"
    """It was to enter or leave a group, or to be invoked."""
    CONNECTION_ENDED = "Error.Connection.Disconnected"
    """404: it left before it answered the invocation."""
    INVALID = "Error.Request.Invalid"
    """400: what was sent makes no sense; the message says what does."""
    UNAUTHORIZED = "Error.Request.Unauthorized"
    """401: no token, or none for this address."""
    NO_SUCH_ADDRESS = "Error.Request.NotExisted"
    """404: nothing is there."""
    WRONG_METHOD = "Error.Request.MethodNotAllowed"
    """405."""
    TOO_LARGE = "Error.Request.TooLarge"
    """413: body or head."""
    THROTTLED = "Error.Request.Throttled"
    """429."""
    INVOCATION_FAILED = "Error.Connection.InvocationFailed"
    """400: the client that was invoked answered with an error; the message is its text."""
    INVOCATION_TIMEOUT = "Error.Connection.InvocationTimeout"
    """500: it did not answer in time."""
    UNAVAILABLE = "Error.Service.Unavailable"
    """503: nothing was done, so that trying again is clean."""
    UNKNOWN = "Error.Service.Unknown"
    """500: it may have been done."""


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """One HTTP answer. `Content-Length` is for whoever sends it."""

    status: int
    body: bytes = b""
    fields: tuple[tuple[str, str], ...] = field(default=())
    """Header names in lower case with their values."""


class RestError(HubwireError):
    """Ends a request with an error answer. The text reaches the caller; it ends with what to do."""

    def __init__(
        self,
        status: int,
        code: ErrorCode,
        message: str,
        *,
        target: str | None = None,
        fields: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Args:
        target: the parameter at fault.
        fields: further headers.
        """
        self.status = status
        self.code = code
        self.target = target
        self.fields = fields
        super().__init__(message)

    def answer(self, *, is_text: bool = False) -> RestAnswer:
        """The answer, with an `ErrorDetail` as its body, or with the bare text, as v1 has it."""
        fields = ((ERROR_CODE_HEADER, self.code.value), *self.fields)
        if is_text:
            return RestAnswer(self.status, str(self).encode(), (("content-type", "text/plain; charset=utf-8"), *fields))
        detail = {"code": self.code, "message": str(self)}
        if self.target is not None:
            detail["target"] = self.target
        return RestAnswer(self.status, msgspec.json.encode(detail), (*JSON_FIELDS, *fields))


def invalid(message: str, target: str | None = None) -> RestError:
    """400, for what the caller has to write differently."""
    return RestError(400, ErrorCode.INVALID, message, target=target)
