"""The errors of a `HubConnection`, below `hubwire.errors.HubwireError`. Knows no other module of the client.

ClientError
├── InvocationError       the server answered a call with an error; the text is the server's, word for word
├── NotConnected          a call, or a start, that the connection's state does not allow
├── ConnectionClosed      the connection ended before a call was answered
├── UnexpectedResult      a result or an item does not fit the type that was asked for
└── ConnectFailed         no connection came about, or it was lost: the base of what `start` raises
    ├── NegotiationFailed     the negotiate request was refused or its answer is of no use
    ├── NoTransport           none of the transports could be used
    ├── TransportFailed       a transport could not be opened, or broke
    ├── HandshakeFailed       the server refused the hub protocol, or did not answer in time
    ├── ServerTimeout         the server fell silent
    ├── ServerClosed          the server ended the connection with an error
    ├── ProtocolViolation     the server sent what is no hub message
    └── ReceiveBufferFull     what arrived was not taken fast enough; also fails a single stream
"""

from __future__ import annotations

from collections.abc import Sequence

from hubwire.errors import HubwireError


class ClientError(HubwireError):
    """Base of all errors that a `HubConnection` raises on purpose."""


class InvocationError(ClientError):
    """The server answered a call or a stream with an error; the text is the server's, word for word."""

    def __init__(self, target: str, text: str) -> None:
        self.target = target
        super().__init__(text)


class NotConnected(ClientError):
    """What was asked for needs another state of the connection."""


class ConnectionClosed(ClientError):
    """The connection ended before the call was answered; the cause, if there is one, is `__cause__`."""

    def __init__(self, reason: BaseException | None = None) -> None:
        super().__init__(str(reason or "Invocation canceled due to the underlying connection being closed."))
        self.__cause__ = reason


class UnexpectedResult(ClientError):
    """What the server answered does not fit the type that was asked for."""

    def __init__(self, target: str, reason: object) -> None:
        self.target = target
        super().__init__(f"What {target!r} gave is not of the type asked for: {reason}.")


class ConnectFailed(ClientError):
    """No connection came about, or it was lost."""


class NegotiationFailed(ConnectFailed):
    """The negotiate request was refused, or its answer is of no use."""

    def __init__(self, text: str, *, status: int | None = None) -> None:
        self.status = status
        """The HTTP status, where that was the reason."""
        super().__init__(text)


class HandshakeFailed(ConnectFailed):
    """The server refused the hub protocol, or did not answer in time."""


class TransportFailed(ConnectFailed):
    """A transport could not be opened, or broke."""

    def __init__(self, transport: str, reason: object, *, status: int | None = None) -> None:
        self.transport = transport
        self.status = status
        """The HTTP status, where that was the reason."""
        super().__init__(f"{transport}: {reason}")


class NoTransport(ConnectFailed):
    """None of the transports could be used; the reasons are named one by one."""

    def __init__(self, reasons: Sequence[object]) -> None:
        self.reasons = tuple(reasons)
        if reasons:
            text = "Unable to connect to the server with any of the available transports. " + " ".join(
                str(reason) for reason in reasons
            )
        else:
            text = "None of the transports supported by the client are supported by the server."
        super().__init__(text)


class ServerTimeout(ConnectFailed):
    """Nothing came from the server for the whole of `server_timeout_seconds`."""

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        super().__init__("Server timeout elapsed without receiving a message from the server.")


class ServerClosed(ConnectFailed):
    """The server ended the connection with a Close message that carries an error."""

    def __init__(self, error: str | None) -> None:
        self.error = error
        """The server's text."""
        super().__init__(
            "The server closed the connection." if error is None else f"Server returned an error on close: {error}"
        )


class ProtocolViolation(ConnectFailed):
    """The server sent what is no hub message."""


class ReceiveBufferFull(ConnectFailed):
    """The server sent more than was taken: a stream is read, or handlers run, too slowly."""

    def __init__(self, limit_bytes: int, target: str) -> None:
        self.limit_bytes = limit_bytes
        self.target = target
        """Which stream, or that it was the handlers."""
        super().__init__(
            f"More than {limit_bytes} B that the server sent wait to be taken, most of it for {target}. "
            "Take items faster or do less in handlers, or raise HubConnection(receive_limit_bytes=...)."
        )
