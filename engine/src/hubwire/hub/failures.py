"""How failures are worded for clients, exactly as the reference server words them (signalr-protocol 5.4), and logged.

Texts of unexpected exceptions may hold secrets: they reach clients with detailed errors only, the log always.
"""

from __future__ import annotations

import logging
import uuid

from hubwire.errors import (
    BindingError,
    ClientResultTimeout,
    ConnectionGone,
    Forbidden,
    HubError,
    LocalProtocolError,
    MethodNotFound,
    NotAStream,
    RemoteProtocolError,
    StreamingMismatch,
    TooManyMessages,
    Unauthorized,
    UpstreamFailed,
)
from hubwire.model import Caller

_log = logging.getLogger("hubwire.hub")

# The reference server's exception names, which clients see and some look for.
_HUB_EXCEPTION = "HubException"
_INVALID_DATA = "InvalidDataException"
_INVALID_OPERATION = "InvalidOperationException"


def completion_error(exception: BaseException, target: str, detailed: bool) -> str:
    """The `error` of the Completion that answers a failed call of `target`, a stream's before its first item."""
    if isinstance(exception, StreamingMismatch | NotAStream | UpstreamFailed):
        return str(exception)  # the whole text, in which no detail of ours is
    if isinstance(exception, Forbidden | Unauthorized):
        return f"Failed to invoke '{target}' because user is unauthorized"
    if isinstance(exception, MethodNotFound):
        return f"Failed to invoke '{target}' due to an error on the server. {_HUB_EXCEPTION}: Method does not exist."
    if isinstance(exception, BindingError):
        return f"Failed to invoke '{target}' due to an error on the server.{_detail(exception, detailed)}"
    return f"An unexpected error occurred invoking '{target}' on the server.{_detail(exception, detailed)}"


def stream_error(exception: BaseException, detailed: bool) -> str:
    """The `error` of the Completion that ends a stream which failed after its first item."""
    return f"An error occurred on the server while streaming results.{_detail(exception, detailed)}"


def close_error(exception: BaseException, detailed: bool) -> str:
    """The `error` of the Close that ends a connection after a failed `connected` or a protocol error."""
    if isinstance(exception, TooManyMessages):
        return str(exception)
    return f"Connection closed with an error.{_detail(exception, detailed)}"


def _detail(exception: BaseException, detailed: bool) -> str:
    if isinstance(exception, HubError):
        return f" {_HUB_EXCEPTION}: {_text(exception)}"
    if not detailed:
        return ""
    if isinstance(exception, BindingError | RemoteProtocolError):
        return f" {_INVALID_DATA}: {_text(exception)}"
    if isinstance(exception, LocalProtocolError):
        return f" {_INVALID_OPERATION}: {_text(exception)}"
    return f" {type(exception).__name__}: {_text(exception)}"


def _text(exception: BaseException) -> str:
    """The exception's own words, as they can be written to a client."""
    try:
        # Names of files may hold half characters, which no codec writes.
        return str(exception).encode(errors="replace").decode()
    except Exception:  # noqa: BLE001 - boundary to the application's __str__: the client waits for an answer all the same
        return type(exception).__name__


_EXPECTED = (
    HubError,
    Forbidden,
    Unauthorized,
    MethodNotFound,
    BindingError,
    StreamingMismatch,
    ConnectionGone,
    ClientResultTimeout,
)


def is_expected(exception: BaseException) -> bool:
    """Whether hub code raised this on purpose, or a client is to blame, so that it is no error of ours."""
    return isinstance(exception, _EXPECTED)


def log_unexpected(exception: BaseException, caller: Caller, event: str) -> str:
    """Write an unexpected exception to the log and return the correlation id it is found by.

    The record carries `correlation_id`, `hub`, `event`, `connection_id` and `user_id` as attributes.
    """
    correlation_id = uuid.uuid4().hex
    _log.error(
        "%s of hub %s failed for connection %s; correlation id %s",
        event,
        caller.hub,
        caller.connection_id,
        correlation_id,
        exc_info=exception,
        extra={
            "correlation_id": correlation_id,
            "hub": caller.hub,
            "event": event,
            "connection_id": caller.connection_id,
            "user_id": caller.user_id,
        },
    )
    return correlation_id
