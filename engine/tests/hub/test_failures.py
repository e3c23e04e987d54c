"""The texts of signalr-protocol 5.4, letter for letter, and what reaches the log."""

from __future__ import annotations

import logging

import pytest

from hubwire.errors import (
    BindingError,
    Forbidden,
    HubError,
    InvalidMessage,
    MessageTooLarge,
    MethodNotFound,
    Unauthorized,
)
from hubwire.hub.failures import close_error, completion_error, log_unexpected, non_streaming_error
from hubwire.testing import make_caller


class InvalidOperationException(Exception):
    """Named as some clients look for it."""


class TooMany(HubError):
    """An application's own kind."""


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
        (Forbidden("why"), *["Failed to invoke 'Send' because user is unauthorized"] * 2),
        (Unauthorized("why"), *["Failed to invoke 'Send' because user is unauthorized"] * 2),
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


def test_a_stream_of_a_plain_method_is_refused_as_by_the_reference_server() -> None:
    assert non_streaming_error("Send") == (
        "The client attempted to invoke the non-streaming 'Send' method with a streaming invocation."
    )


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
