"""All seams of the engine on one page. Below each: the suite in `hubwire.testing.specs` that checks its sentences.

A way of hosting is a pair of adapters: a `DataPlane` that carries messages out, a `HubHandler` that takes events in.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from hubwire.model import Audience, Caller, Connected, ConnectRequest, Features, Member, Principal
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Invocation, StreamInvocation


class DataPlane(Protocol):
    """Carries messages of one hub out. Suites: `DataPlaneSpec`, `ClientResultsSpec`.

    Where other processes have to hear of a call, it may raise `BrokerUnavailable`, and `NodeTimeout` where they have to
    answer; joins, leaves and closes keep their place between sends that are awaited before and after them.
    """

    features: Features

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        """Return when the message is accepted for everybody addressed, not when it is delivered.

        Unknown names are silently nobody. One failing receiver does not keep the message from the others. Two sends
        awaited one after the other arrive in that order.
        """

    async def add_to_group(self, group: str, member: Member) -> None:
        """Adding twice delivers once; adding a connection that is gone does nothing."""

    async def remove_from_group(self, group: str, member: Member) -> None:
        """Removing a stranger does nothing."""

    async def remove_from_all_groups(self, member: Member) -> None:
        """Leave every group of this hub."""

    async def close(self, audience: Audience, reason: str | None = None, *, allow_reconnect: bool = False) -> None:
        """End the connections addressed, with a Close message that carries the reason."""

    async def exists(self, audience: Audience) -> bool:
        """Whether anybody is addressed at this moment."""

    async def members(self, audience: Audience, *, after: str = "", limit: int | None = None) -> list[Connected]:
        """Return who is addressed at this moment, each once, in the order of connection ids.

        Args:
            after: only connections whose id comes behind this one, by code points: the last of the page before. Who
                comes or goes between two pages may be missed, nobody else, and nobody stands in both.
            limit: at most so many, from 1 on; fewer are returned only where no more are left. None: all, 100,000 too.

        Raises: ValueError for a limit below 1.
        """

    async def invoke(
        self, connection_id: str, target: str, arguments: Sequence[object], timeout_seconds: float | None = None
    ) -> object:
        """Call a method of one client and return its result, decoded but not converted. Needs `CLIENT_RESULTS`.

        `timeout_seconds` None: the hub's `HubOptions.client_result_timeout_seconds`. Cancelling forgets the question;
        a late answer is ignored.

        Raises: ConnectionGone, ClientResultTimeout, ClientResultError.
        """


class HubHandler(Protocol):
    """Takes the events of one hub's connections in. Suites: `HubHandlerSpec`, `HubStreamsSpec`."""

    async def connected(self, caller: Caller) -> None:
        """Called once, before any invoke. Raises: any exception, which ends the connection."""

    async def invoke(
        self, caller: Caller, invocation: Invocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> object:
        """Run a hub method and return its result. Cancelling it stops the method.

        `uploads` are the client's streams, one for each of `invocation.stream_ids`, with items as decoded.

        Raises: HubError and any other exception; the connection words the answer by `hub.failures` and stays open.
        """

    def stream(
        self, caller: Caller, invocation: StreamInvocation, uploads: Sequence[AsyncIterator[object]] = ()
    ) -> AsyncGenerator[object, None]:
        """Run a streaming method: items as the method yields them, each when it is asked for.

        Cancelling the task that awaits an item, or `aclose`, stops the method. Raises as `invoke` does, at an item.
        """

    def is_cancellable(self, target: str) -> bool:
        """Whether a running plain method of that name ends when its caller cancels it or leaves."""

    async def disconnected(self, caller: Caller, error: BaseException | None) -> None:
        """Called once for each connection whose `connected` succeeded. `error` None: the client said good-bye."""


class Line(Protocol):
    """One connection held by this process, as a data plane on the same process sees it. Suite: `LineSpec`."""

    caller: Caller

    def post(self, message: EncodedMessage) -> None:
        """Take a message for delivery and return at once; never awaits, never raises, does nothing once closed."""

    def close(self, reason: str | None, allow_reconnect: bool) -> None:
        """Begin to end the connection; returns at once."""

    def ask(self, target: str, arguments: Sequence[object], timeout_seconds: float | None) -> Awaitable[object]:
        """Call a method of this client; the awaitable is a future of its answer, and may be cancelled.

        It ends with the result, ClientResultError, ClientResultTimeout, or ConnectionGone once closed.
        """


class Receiver(Protocol):
    """What a transport pushes into. All calls come from the event loop's thread and return at once."""

    def feed(self, data: bytes) -> None:
        """Bytes from the client, cut anywhere."""

    def pause_writing(self) -> None:
        """The transport holds more unsent data than is good; writes are still accepted."""

    def resume_writing(self) -> None:
        """It has caught up."""

    def lost(self, error: BaseException | None) -> None:
        """Nothing can be said to the client any more, called at least once; `error` None: it was closed properly."""

    def gone(self) -> None:
        """The transport has ended, after `lost`. Until then unsent data may keep it; `Transport.abort` ends that."""

    def stop(self) -> None:
        """The server goes away: end the connection and ask the client to come again."""


class Transport(Protocol):
    """Writes and closes, nothing else; input is pushed into a `Receiver`. Suite: the server tests of both lanes."""

    name: str
    """As negotiate calls it."""
    uses_frames: bool
    """Whether `write` takes complete WebSocket frames instead of hub messages."""
    allows_binary: bool
    """Whether it can carry bytes that are no text."""
    keeps_itself_alive: bool
    """Whether its own requests show that both ends live, so that no keep-alive is sent."""
    is_binary: bool
    """How hub messages travel; set by the connection once the handshake has chosen."""

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        """The shortest way to the wire, for use between `pause_writing` calls and until close; same as `write`."""

    def write(self, data: bytes) -> None:
        """Take one whole frame or message and return at once."""

    def pause_reading(self) -> None:
        """Stop to call `feed`, which may still come once or twice."""

    def resume_reading(self) -> None:
        """Go on."""

    def close(self, code: int) -> None:
        """Begin to close, after everything written before."""

    def abort(self) -> None:
        """End now; unsent data is dropped."""


class LineRegistry(Protocol):
    """Where a server registers its connections. Apart from delivery, because remote planes hold none."""

    def attach(self, line: Line) -> Awaitable[None] | None:
        """Make the line reachable, before `HubHandler.connected`, which waits for what is returned.

        None: it is reachable from everywhere already. The awaitable never fails and may be left alone.
        """

    def detach(self, line: Line) -> None:
        """Forget the line and its group memberships."""


class BrokerListener(Protocol):
    """Whom a broker tells. All calls come from the event loop's thread."""

    def received(self, subject: bytes, payload: bytes) -> Awaitable[None] | None:
        """A message, in the order of its publisher. Never raises.

        None: it is dealt with. An awaitable: the broker waits for it before the next message, so that one who cannot
        follow slows its own reading down and needs no queue.
        """

    def lost(self) -> None:
        """The broker is away. What comes in meanwhile is missed."""

    def restored(self, seconds: float) -> None:
        """It is back after that long, and everything subscribed is subscribed again."""


class Broker(Protocol):
    """Moves bytes between processes by subject, and nothing else. One for each process. Suite: `BrokerSpec`.

    At most once: what is published while a subscriber is cut off never reaches it.
    """

    @property
    def is_available(self) -> bool:
        """Whether it has been started and is not lost."""

    async def start(self, listener: BrokerListener) -> None:
        """Begin. Raises: BrokerUnavailable when it cannot be reached."""

    async def stop(self) -> None:
        """End, and forget all subscriptions. What was published before still goes out."""

    def publish(self, subjects: Sequence[bytes], payload: bytes) -> Awaitable[int]:
        """Take a message for these subjects at once; the awaitable tells how many processes subscribe, summed up.

        Publishers are subscribers like others. Messages of one publisher arrive in the order of its calls, whatever
        their subjects. The awaitable may be left alone.

        Raises:
            BrokerUnavailable: at once, and nothing was taken, while it is away or too much waits; from the awaitable
                when it is lost before it has answered.
        """

    def subscribe(self, subject: bytes) -> None:
        """Receive its messages from now or soon on. Asking twice is asking once."""

    def unsubscribe(self, subject: bytes) -> None:
        """Receive no more of them soon. The last of `subscribe` and `unsubscribe` counts."""

    def settled(self) -> Awaitable[None] | None:
        """Wait until everything asked for so far stands; None: it does, or the broker is lost.

        The awaitable never fails; it ends early when the broker is lost, may be cancelled, and may be left alone.
        """


class TokenVerifier(Protocol):
    """Tells who a bearer token speaks for. Suite: `TokenVerifierSpec`."""

    async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
        """Check signature, audience and expiry. `token` is None when the request carries none.

        Raises: Unauthorized.
        """


class IdentityTokens(Protocol):
    """Says to an upstream who calls, in Azure by the managed identity of the service."""

    async def token(self, resource: str) -> str:
        """Return a bearer token whose `aud` is the resource, still valid for a while. Raises: any exception."""


class MembershipStore(Protocol):
    """Remembers over restarts which users belong to which groups of which hubs, and until when.

    Names have any text and are compared as they are. Times are in seconds since 1970 UTC, told by whoever calls. Calls
    take effect whole or not at all, each user's in some order; what was awaited is seen by every later call, of other
    processes too. All of them may raise `StoreUnavailable`. Suite: `MembershipStoreSpec`.
    """

    async def start(self) -> None:
        """Open it, before anything else."""

    async def stop(self) -> None:
        """Close it. What was put stays."""

    async def put(
        self, hub: str, user_id: str, group: str, *, now: float, expires_at: float, kept: int | None = None
    ) -> None:
        """Remember a membership, in place of what was known of it.

        It can be found until an hour after its expiry at least: an expired one is known, a removed one is not.

        Args:
            kept: how many memberships put with this may be unexpired for the user; those put before the last so many
                expire now. None: this one is not among them.
        """

    async def remove(self, hub: str, user_id: str, group: str) -> None:
        """Forget a membership; a stranger is no error."""

    async def remove_all(self, hub: str, user_id: str) -> None:
        """Forget all memberships of a user in this hub."""

    async def find(self, hub: str, user_id: str, group: str) -> float | None:
        """Return when the membership expires, or expired; None: it is not known."""

    async def of_user(self, hub: str, user_id: str) -> dict[str, float]:
        """Return when each known membership of a user in this hub expires, or expired, by group."""
