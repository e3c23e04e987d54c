"""Every error of the engine, in one tree. Knows no other module.

HubwireError
├── LocalProtocolError      our caller broke the rules (an event that the state does not allow)
├── RemoteProtocolError     the peer broke the rules; carries the Close text that it is owed
│   ├── InvalidMessage      malformed payload, missing field, wrong type
│   ├── MessageTooLarge     one hub message over the receive limit
│   └── HandshakeError      carries the handshake error text to answer with
├── HubError                raised by hub methods on purpose: its text reaches the client as it is
├── MethodNotFound          no such hub method
├── BindingError            arguments do not fit the method
├── Unauthorized            no token, or one that the verifier refuses (HTTP 401)
├── Forbidden               a known caller without the right (HTTP 403, or a refused invocation)
├── SlowConsumer            a bounded outbox ran full
├── WriteTimeout            a client took nothing of what waits for it
└── ClientTimeout           a client that used to ping fell silent
"""

from __future__ import annotations


class HubwireError(Exception):
    """Base of all errors raised by this package."""


class LocalProtocolError(HubwireError):
    """Our own code asked for something that the connection's state does not allow."""


class RemoteProtocolError(HubwireError):
    """The peer broke the protocol; the connection ends with a Close message."""


class InvalidMessage(RemoteProtocolError):
    """A payload that is not a hub message: bad JSON, a missing field or a wrong type."""


class MessageTooLarge(RemoteProtocolError):
    """One hub message, framing included, was larger than the receive limit."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(
            f"The maximum message size of {limit_bytes}B was exceeded. "
            "The message size can be configured by HubOptions.maximum_receive_message_bytes."
        )


class HandshakeError(RemoteProtocolError):
    """The handshake failed; the text is what the handshake response carries (signalr-protocol 3.3)."""


class HubError(HubwireError):
    """Raise this from a hub method: its text reaches the calling client as it is, any other exception does not."""


class MethodNotFound(HubwireError):
    """The hub has no method of that name that clients may call."""

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__(f"The hub has no method {target!r}; decorate it with @hub_method to make it callable.")


class BindingError(HubwireError):
    """The arguments of an invocation do not fit the hub method."""


class Unauthorized(HubwireError):
    """No token, or one that does not verify. The reason is for the log, never for the client."""


class Forbidden(HubwireError):
    """A known caller that lacks the right. Raised by filters and hub methods to refuse an invocation."""


class SlowConsumer(HubwireError):
    """A connection did not read fast enough and its bounded outbox ran full."""

    def __init__(self, connection_id: str, queued_messages: int, queued_bytes: int, limit_bytes: int) -> None:
        self.connection_id = connection_id
        self.queued_messages = queued_messages
        self.queued_bytes = queued_bytes
        self.limit_bytes = limit_bytes
        super().__init__(
            f"Connection '{connection_id}' fell behind: {queued_messages} messages ({queued_bytes} B) wait, "
            f"the limit is {limit_bytes} B. Send less, or raise HubOptions.outbox_limit_bytes."
        )


class WriteTimeout(HubwireError):
    """Unsent data of a connection did not become less for HubOptions.write_timeout_seconds."""

    def __init__(self, connection_id: str, timeout_seconds: float) -> None:
        self.connection_id = connection_id
        self.timeout_seconds = timeout_seconds
        super().__init__(
            f"Connection '{connection_id}' left unsent data waiting for {timeout_seconds:g} s. "
            "For slower networks raise HubOptions.write_timeout_seconds."
        )


class ClientTimeout(HubwireError):
    """A client that had pinged before sent nothing for HubOptions.client_timeout_seconds."""

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        super().__init__("Client hasn't sent a message/ping within the configured ClientTimeoutInterval.")
