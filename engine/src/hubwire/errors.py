"""Every error of the engine, in one tree. Knows no other module.

HubwireError
├── LocalProtocolError      our caller broke the rules (an event that the state does not allow)
├── RemoteProtocolError     the peer broke the rules; carries the Close text that it is owed
│   ├── InvalidMessage      malformed payload, missing field, wrong type
│   ├── MessageTooLarge     one hub message over the receive limit
│   ├── TooManyMessages     more hub messages than the rate allows, for too long
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
│   └── TokenTooLong        it is not even read (HTTP 413, or 414 where it stands in the address)
├── Forbidden               a known caller without the right (HTTP 403, or a refused invocation)
├── SlowConsumer            a bounded outbox ran full, or all of them together
├── WriteTimeout            a client took nothing of what waits for it
├── BrokerUnavailable       the broker between several processes took nothing, or did not say that it did
│   ├── ServiceUnavailable  the same of Azure SignalR Service
│   └── FanOutFailed        some of several data planes failed; the others did what was asked
├── ServiceRefused          Azure SignalR Service does not do what it was asked for
├── NotInRestApi            Azure SignalR Service cannot be asked for it at all
├── NodeTimeout             another process did not acknowledge in time
├── TooManyHubs             no room for one more hub among those that are made when they are named
├── UpstreamFailed          the application that a service asked did not answer a call as it should
├── TooManyWatchers         as many watch a service's live trace as may
├── StoreUnavailable        what has to outlive a restart can be neither read nor written
├── CannotListen            the address to serve on is in use, or none of this machine
├── WorkersUnavailable      this system cannot share a port between processes
├── TooFewDescriptors       more connections are wanted than this process may open sockets
└── ClientTimeout           a client that used to ping fell silent
"""

from __future__ import annotations

from collections.abc import Sequence


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


class TooManyMessages(RemoteProtocolError):
    """A client, or a user with all connections, sent more than its rate allows and did not stop when held back.

    The text reaches the client: there is no secret in it, and whoever wrote the client has to know.
    """

    def __init__(self, option: str, per_second: int, timeout_seconds: float) -> None:
        self.option = option
        """The option of `HubOptions` that names the rate."""
        self.per_second = per_second
        self.timeout_seconds = timeout_seconds
        super().__init__(
            f"Connection closed because of more than {per_second} messages a second over {timeout_seconds:g} s. "
            f"Send fewer, or raise HubOptions.{option}."
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


class TokenTooLong(Unauthorized):
    """The token is longer than any that the service's tools make."""

    def __init__(self, characters: int, limit: int) -> None:
        self.characters = characters
        self.limit = limit
        super().__init__(f"The token has {characters} characters, the limit is {limit}; put less into its claims.")


class Forbidden(HubwireError):
    """A known caller that lacks the right. Raised by filters and hub methods to refuse an invocation."""


class SlowConsumer(HubwireError):
    """A connection did not read fast enough: its outbox ran full, or it was the fullest when all together were."""

    def __init__(
        self,
        connection_id: str,
        queued_messages: int,
        queued_bytes: int,
        limit_bytes: int,
        *,
        is_total: bool = False,
    ) -> None:
        self.connection_id = connection_id
        self.queued_messages = queued_messages
        self.queued_bytes = queued_bytes
        self.limit_bytes = limit_bytes
        self.is_total = is_total
        """Whether the limit is that of all outboxes together."""
        what = "of all connections together" if is_total else "of a connection"
        option = "ServerOptions.outbox_total_bytes" if is_total else "HubOptions.outbox_limit_bytes"
        super().__init__(
            f"Connection '{connection_id}' fell behind: {queued_messages} messages ({queued_bytes} B) wait, "
            f"the limit {what} is {limit_bytes} B. Send less, or raise {option}."
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


class BrokerUnavailable(HubwireError):
    """What several processes talk through is away or takes no more."""

    def __init__(
        self,
        reason: str,
        *,
        may_have_arrived: bool,
        who: str = "The broker",
        advice: str = "try again once the server is ready",
    ) -> None:
        self.reason = reason
        self.may_have_arrived = may_have_arrived
        """False: nothing was delivered, so that trying again is clean. True: it went out and nobody said that it came
        in, so that trying again may deliver twice."""
        what = (
            "It is not known whether this call took effect" if may_have_arrived else "Nothing of this call took effect"
        )
        super().__init__(f"{who} is not available: {reason}. {what}; {advice}.")


class ServiceUnavailable(BrokerUnavailable):
    """Azure SignalR Service cannot be reached, is overloaded, or did not answer."""

    def __init__(
        self,
        endpoint: str,
        reason: str,
        *,
        may_have_arrived: bool,
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.status = status
        """Of its answer; None: there was none."""
        self.retry_after_seconds = retry_after_seconds
        """When it wants to be asked again, if it says so."""
        wait = "later" if retry_after_seconds is None else f"in {retry_after_seconds:g} s"
        super().__init__(
            reason,
            may_have_arrived=may_have_arrived,
            who=f"The service at {endpoint}",
            advice=f"try again {wait}, or see the service's health and limits",
        )


class FanOutFailed(BrokerUnavailable):
    """Of several calls that one send, change or close became, some failed. The others took effect."""

    def __init__(self, errors: Sequence[Exception], calls: int, *, left_out: int = 0) -> None:
        self.errors = tuple(errors)
        self.calls = calls
        """How many there were to make."""
        self.left_out = left_out
        """How many of them were not even made, because the service was not available."""
        failed = len(errors) + left_out
        super().__init__(
            f"{failed} of {calls} calls failed, the first with: {str(errors[0]).rstrip('.')}",
            may_have_arrived=failed < calls
            or any(not isinstance(error, BrokerUnavailable) or error.may_have_arrived for error in errors),
            who="A part of what this goes to",
            advice="`errors` has each of them; trying again repeats what took effect too",
        )


class ServiceRefused(HubwireError):
    """Azure SignalR Service answered that it does not do what it was asked for."""

    def __init__(self, endpoint: str, operation: str, status: int, error_code: str | None, detail: str | None) -> None:
        self.endpoint = endpoint
        self.operation = operation
        """Its name in the description of the service's REST API."""
        self.status = status
        self.error_code = error_code
        """The answer's `x-ms-error-code`."""
        self.detail = detail
        """What the answer says."""
        said = "".join(f", {each[:_SHOWN_CHARACTERS].rstrip('.')}" for each in (error_code, detail) if each)
        remedy = _REMEDIES.get(status, "See the description of the service's REST API")
        super().__init__(f"The service at {endpoint} refused {operation}: status {status}{said}. {remedy}.")


_SHOWN_CHARACTERS = 500
"""Of what a service says."""

_REMEDIES = {
    400: "Correct what was given: names of hubs, groups and users, and the message's size and types",
    401: "Check the access key, this machine's clock, and that Endpoint is what the service calls itself",
    403: "Give the identity the role 'SignalR REST API Owner', which takes 30 minutes, or check its network rules",
    404: "Check Endpoint: what answers there does not know this operation",
    413: "Send less: the service takes messages of up to 1 MB",
}


class NotInRestApi(HubwireError):
    """Azure SignalR Service's REST API has no way to do this."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what = what
        super().__init__(f"Azure SignalR Service's REST API cannot {what}. {remedy}.")


class NodeTimeout(HubwireError):
    """Processes that hold connections in question did not acknowledge a change or answer a question."""

    def __init__(self, answered: int, expected: int, timeout_seconds: float) -> None:
        self.answered = answered
        self.expected = expected
        self.timeout_seconds = timeout_seconds
        super().__init__(
            f"{answered} of {expected} nodes answered within {timeout_seconds:g} s. Try again; where nodes are that "
            "slow, raise ClusterOptions.answer_timeout_seconds."
        )


class TooManyHubs(HubwireError):
    """Hubs of any name are served, all places are taken, and none of those that have one can be forgotten."""

    def __init__(self, hub: str, limit: int) -> None:
        self.hub = hub
        self.limit = limit
        super().__init__(
            f"There is no room for hub {hub!r} beside the {limit} that are in use; use fewer names, or raise "
            "maximum_hubs."
        )


class UpstreamFailed(HubwireError):
    """The application behind a service did not answer a call as it should.

    The text is the service's own and reaches the client as it is; what was wrong in detail stands in the log.
    """


class TooManyWatchers(HubwireError):
    """As many watch a live trace as may."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} watch already: close one of them, or raise LiveTraceOptions.maximum_watchers.")


class StoreUnavailable(HubwireError):
    """A store is away, full or broken, or too much waits for it."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        super().__init__(f"The store is not available: {reason}. {remedy}.")


class CannotListen(HubwireError):
    """The address that was to be served cannot be bound."""

    def __init__(
        self,
        host: str,
        port: int,
        reason: str,
        remedy: str = "Stop what uses it, or choose another address or port",
    ) -> None:
        self.host = host
        self.port = port
        self.reason = reason
        super().__init__(f"Cannot listen on {host} port {port}: {reason}. {remedy}.")


class WorkersUnavailable(HubwireError):
    """Several processes on one port need SO_REUSEPORT as Linux has it: connections spread over all listeners."""

    def __init__(self, platform: str) -> None:
        self.platform = platform
        super().__init__(
            f"Several workers on one port need Linux, and this is {platform!r}: run one process, or several, each on a "
            "port of its own, behind a load balancer."
        )


class TooFewDescriptors(HubwireError):
    """Each connection is a descriptor, and the system gives a process so many and no more."""

    def __init__(self, connections: int, limit: int, room: int) -> None:
        self.connections = connections
        self.limit = limit
        self.room = room
        super().__init__(
            f"{connections} connections do not fit: this process may open {limit} descriptors, {room} of them for "
            f"clients. Lower ServerOptions.maximum_connections to {room}, share the "
            "connections among more workers, or have the hard limit raised (ulimit -Hn, or LimitNOFILE= of systemd)."
        )
