"""The texts of signalr-protocol 5.4, letter for letter, and what reaches the log."""

from __future__ import annotations

import logging

import pytest

from hubwire.errors import (
    BindingError,
    ClientResultError,
    ClientResultTimeout,
    ConnectionGone,
    Forbidden,
    HubError,
    InvalidMessage,
    LocalProtocolError,
    MessageTooLarge,
    MethodNotFound,
    NotAStream,
    StreamingMismatch,
    Unauthorized,
)
from hubwire.hub.failures import (
    close_error,
    completion_error,
    is_expected,
    log_unexpected,
    stream_error,
)
from hubwire.testing import make_caller


class InvalidOperationException(Exception):
    """Named as some clients look for it."""


class TooMany(HubError):
    """An application's own kind."""


class Speechless(HubError):
    """One whose text fails."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


COUNT = "Invocation provides 1 argument(s) but target expects 2."
PREFIX = "An unexpected error occurred invoking 'Send' on the server."
SERVER = "Failed to invoke 'Send' due to an error on the server."


@pytest.mark.parametrize(
    ("error", "brief", "detailed"),
    [
        (MethodNotFound("Send"), *[f"{SERVER} HubException: Method does not exist."] * 2),
        (BindingError(COUNT), SERVER, f"{SERVER} InvalidDataException: {COUNT}"),
        (HubError("No more."), *[f"{PREFIX} HubException: No more."] * 2),
        (TooMany("No more."), *[f"{PREFIX} HubException: No more."] * 2),
        (
            InvalidOperationException("An error occurred."),
            PREFIX,
            f"{PREFIX} InvalidOperationException: An error occurred.",
        ),
        (HubError("caf\udce9"), *[f"{PREFIX} HubException: caf?"] * 2),
        (Speechless(), *[f"{PREFIX} HubException: Speechless"] * 2),
        (Forbidden("why"), *["Failed to invoke 'Send' because user is unauthorized"] * 2),
        (Unauthorized("why"), *["Failed to invoke 'Send' because user is unauthorized"] * 2),
        (
            StreamingMismatch("Send", is_streaming=True),
            *["The client attempted to invoke the streaming 'Send' method with a non-streaming invocation."] * 2,
        ),
        (
            StreamingMismatch("Send", is_streaming=False),
            *["The client attempted to invoke the non-streaming 'Send' method with a streaming invocation."] * 2,
        ),
        (
            NotAStream("Send"),
            *["The value returned by the streaming method 'Send' is not a ChannelReader<> or IAsyncEnumerable<>."] * 2,
        ),
        (ClientResultError("Error: from callback"), *[f"{PREFIX} HubException: Error: from callback"] * 2),
        (
            ConnectionGone("c1", had_been_asked=False),
            PREFIX,
            f"{PREFIX} ConnectionGone: Connection 'c1' does not exist.",
        ),
        (ConnectionGone("c1", had_been_asked=True), PREFIX, f"{PREFIX} ConnectionGone: Connection 'c1' disconnected."),
        (LocalProtocolError("Not now."), PREFIX, f"{PREFIX} InvalidOperationException: Not now."),
    ],
)
def test_a_failed_call_is_worded_as_by_the_reference_server(error: Exception, brief: str, detailed: str) -> None:
    assert completion_error(error, "Send", False) == brief
    assert completion_error(error, "Send", True) == detailed


@pytest.mark.parametrize(
    ("error", "brief", "detail"),
    [
        (ValueError("secret"), "", " ValueError: secret"),
        (Forbidden("role user"), "", " Forbidden: role user"),
        (HubError("Full."), " HubException: Full.", " HubException: Full."),
        (InvalidMessage("bad"), "", " InvalidDataException: bad"),
        (
            MessageTooLarge(32768),
            "",
            " InvalidDataException: The maximum message size of 32768B was exceeded. "
            "The message size can be configured by HubOptions.maximum_receive_message_bytes.",
        ),
    ],
)
def test_a_failed_connection_is_worded_as_by_the_reference_server(error: Exception, brief: str, detail: str) -> None:
    assert close_error(error, False) == f"Connection closed with an error.{brief}"
    assert close_error(error, True) == f"Connection closed with an error.{detail}"


STREAMING = "An error occurred on the server while streaming results."


@pytest.mark.parametrize(
    ("error", "brief", "detailed"),
    [
        (ValueError("secret"), STREAMING, f"{STREAMING} ValueError: secret"),
        (HubError("Enough."), *[f"{STREAMING} HubException: Enough."] * 2),
        (ClientResultError("Error: x"), *[f"{STREAMING} HubException: Error: x"] * 2),
        (Forbidden("why"), STREAMING, f"{STREAMING} Forbidden: why"),
    ],
)
def test_a_stream_that_failed_is_worded_as_by_the_reference_server(error: Exception, brief: str, detailed: str) -> None:
    assert stream_error(error, False) == brief
    assert stream_error(error, True) == detailed


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (HubError("x"), True),
        (ClientResultError("x"), True),
        (Forbidden("x"), True),
        (Unauthorized("x"), True),
        (MethodNotFound("x"), True),
        (BindingError("x"), True),
        (StreamingMismatch("x", is_streaming=True), True),
        (ConnectionGone("x", had_been_asked=True), True),
        (ClientResultTimeout("x", "y", 1), True),
        (NotAStream("x"), False),
        (LocalProtocolError("x"), False),
        (ValueError("x"), False),
    ],
)
def test_what_clients_cause_is_no_error_of_ours(error: Exception, expected: bool) -> None:
    assert is_expected(error) is expected


def test_an_unexpected_error_is_logged_under_a_correlation_id(caplog: pytest.LogCaptureFixture) -> None:
    caller = make_caller("ann", connection_id="c1", hub="ChatHub")
    with caplog.at_level(logging.ERROR, "hubwire.hub"):
        correlation_id = log_unexpected(ValueError("secret"), caller, "Send")
    (record,) = caplog.records
    assert correlation_id in record.getMessage()
    assert "secret" not in record.getMessage()
    fields = {name: vars(record)[name] for name in ("correlation_id", "hub", "event", "connection_id", "user_id")}
    assert fields == {
        "correlation_id": correlation_id,
        "hub": "ChatHub",
        "event": "Send",
        "connection_id": "c1",
        "user_id": "ann",
    }
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
