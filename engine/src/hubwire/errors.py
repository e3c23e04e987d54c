"""Every error of the engine, in one tree. Knows no other module.

HubwireError
├── LocalProtocolError      our caller broke the rules (an event that the state does not allow)
├── RemoteProtocolError     the peer broke the rules; carries the Close text that it is owed
│   ├── InvalidMessage      malformed payload, missing field, wrong type
│   ├── MessageTooLarge     one hub message over the receive limit
│   └── HandshakeError      carries the handshake error text to answer with
├── HubError                raised by hub methods on purpose: its text reaches the client as it is
│   └── ClientResultError   a client that was asked for a result answered with an error
├── MethodNotFound          no such hub method
├── BindingError            arguments do not fit the method
├── StreamingMismatch       a streaming method called for one value, or the other way round
├── NotAStream              a streaming method returned something else than a stream
├── ConnectionGone          a client that was asked for a result is not there, or left before it answered
├── ClientResultTimeout     a client that was asked for a result did not answer in time
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


class StreamingMismatch(HubwireError):
    """A streaming method was called as one that returns a value, or the other way round; no detail of ours is in it."""

    def __init__(self, target: str, *, is_streaming: bool) -> None:
        self.target = target
        self.is_streaming = is_streaming
        """Whether the method streams."""
        if is_streaming:
            text = f"The client attempted to invoke the streaming '{target}' method with a non-streaming invocation."
        else:
            text = f"The client attempted to invoke the non-streaming '{target}' method with a streaming invocation."
        super().__init__(text)


class NotAStream(HubwireError):
    """A streaming method, or a filter around it, returned no asynchronous iterator."""

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__(
            # The reference server's text; the names of its types are part of it.
            f"The value returned by the streaming method '{target}' is not a ChannelReader<> or IAsyncEnumerable<>."
        )


class ClientResultError(HubError):
    """The client that was asked for a result answered with this error; the text is the client's, word for word.

    A hub method that lets it pass tells its own caller, as in the reference server: catch it where that is unwanted.
    """


class ConnectionGone(HubwireError):
    """The connection that was asked for a result does not exist, or ended before it answered."""

    def __init__(self, connection_id: str, *, had_been_asked: bool) -> None:
        self.connection_id = connection_id
        self.had_been_asked = had_been_asked
        super().__init__(f"Connection '{connection_id}' {'disconnected' if had_been_asked else 'does not exist'}.")


class ClientResultTimeout(HubwireError):
    """The client did not answer in time; not every client can answer at all."""

    def __init__(self, connection_id: str, target: str, timeout_seconds: float) -> None:
        self.connection_id = connection_id
        self.target = target
        self.timeout_seconds = timeout_seconds
        super().__init__(
            f"Invocation canceled by the server. Connection '{connection_id}' did not answer {target!r} within "
            f"{timeout_seconds:g} s; give ask() a longer timeout_seconds, or raise "
            "HubOptions.client_result_timeout_seconds."
        )


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
