"""One connection of an old page: tells its dialect, gives its frames to the conversation, and sends what comes of them.

Knows the socket by a few methods only. Nothing that is sent waits for a slow reader here: what does not fit into the
outbox ends the connection. How it ends is the dialect's own matter: the role client takes a proper close for final and
comes back only to a socket that was cut off.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from meschain.auth.throttle import SlidingLimit, Throttled
from meschain.domain.events import StoredEvent
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import Notification
from meschain.legacy.absences import Absences, client_of
from meschain.legacy.commands import Command, Conversation, Identify, Message, Say, Show, StartSync
from meschain.legacy.dialects import BY_TYPE, EITHER, told_by
from meschain.legacy.figures import seen_by
from meschain.legacy.native import NativeConversation
from meschain.legacy.options import LegacyOptions
from meschain.legacy.panel import PanelConversation
from meschain.legacy.proof import Guest, Proofs, claimed, may_sync
from meschain.legacy.ratchet import ALL, RatchetConversation
from meschain.legacy.reading import FigureReading
from meschain.legacy.role_client import RoleConversation
from meschain.legacy.usage import LegacyMetrics, LegacyUsage
from meschain.legacy_settings import Dialect, LegacyListener
from meschain.services.admin_commands import TRIGGER_SYNC, AdminCommands
from meschain.services.errors import Refused
from meschain.services.legacy_use import LegacyUser
from meschain.services.ports import Clock
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

RESTART: Final = 1012
"""Close code at a stop: come again."""
POLICY: Final = 1008
"""Close code for abuse, and for who may not stay."""
INTERNAL: Final = 1011

_CONVERSATIONS: Final[dict[Dialect, Callable[..., Conversation]]] = {
    Dialect.RATCHET: RatchetConversation,
    Dialect.NATIVE: NativeConversation,
    Dialect.ROLE: RoleConversation,
    Dialect.PANEL: PanelConversation,
}


class Socket(Protocol):
    """A WebSocket that is open."""

    async def receive(self) -> str | bytes:
        """The next message. Raises: SocketClosed."""

    async def send(self, text: str) -> None:
        """Returns when it was taken. Raises: SocketClosed."""

    async def close(self, code: int) -> None:
        """End it by a closing handshake."""

    def drop(self) -> None:
        """End it as a broken network would, without a word."""

    def ping(self) -> bool:
        """Ask for a sign of life; False: the last one was not answered."""


class SocketClosed(Exception):
    """It has ended, whoever ended it; `by_client`: by a closing handshake of the client, as of a page that is left."""

    def __init__(self, *, by_client: bool = False) -> None:
        super().__init__()
        self.by_client = by_client


class Desk:
    """What all connections of this process share: figures, commands, counts and limits."""

    def __init__(
        self,
        *,
        reading: FigureReading,
        commands: AdminCommands,
        proofs: Proofs,
        usage: LegacyUsage,
        absences: Absences,
        metrics: LegacyMetrics,
        clock: Clock,
        options: LegacyOptions,
    ) -> None:
        self.reading = reading
        self.commands = commands
        self.proofs = proofs
        self.usage = usage
        self.absences = absences
        self.metrics = metrics
        self.clock = clock
        self.options = options
        self.verbs = SlidingLimit(options.verbs, options.verbs_window_seconds, clock.monotonic)
        self.syncs = SlidingLimit(options.syncs_per_minute, 60.0, clock.monotonic)


class LegacyConnection:
    """Args:
    number: names it.
    name: of its listener.
    among: the dialects that it may speak.
    heard: it is given all events behind this position.
    """

    def __init__(
        self,
        socket: Socket,
        number: int,
        desk: Desk,
        listener: LegacyListener,
        name: str,
        guest: Guest,
        among: tuple[Dialect, ...],
        user: Callable[[Dialect], LegacyUser],
        heard: int,
    ) -> None:
        self._socket = socket
        self._number = number
        self._desk = desk
        self._listener = listener
        self._name = name
        self._guest = guest
        self._among = among
        self._user = user
        self._conversation: Conversation | None = None
        self._outbox: asyncio.Queue[tuple[str, int]] = asyncio.Queue(desk.options.outbox_messages)
        """Each with the position behind which to go on where it is not sent."""
        self._sending: int | None = None
        """The position of the one that is being sent; None: none is."""
        self._held: list[StoredEvent] | None = None
        """What happens while a sync is being started: its caller is told of the start first. None: nothing is held.

        With more than `held_events` all are told at once, before the start and without a loss.
        """
        self._ending: asyncio.Task[None] | None = None
        """The closing handshake once its proof has ended; awaited before `run` returns."""
        self._key = str(number)
        self._came_at = heard
        """Position of the last event before it came."""
        self._heard = heard
        """Position of the last event that was told."""
        self._given = heard
        """Position of the last event that happened."""
        self._reads_on = False
        """Whether it is told from the log, where events are in order: it is behind what happens."""
        self._client: str | None = None
        """Who it is when it comes again; None: that is not known yet, or nothing can be missed."""
        self._absence: int | None = None
        """Where its last connection broke; None: it is not known to have been away."""
        self._catches_up_at: float | None = None
        """When it reads on, by the monotonic clock; None: at once."""
        self._pinged_at = desk.clock.monotonic()

    @property
    def user_id(self) -> str:
        """Who it is, where that is proved; else empty."""
        return self._guest.identity.user_id if self._guest.is_proved else ""

    @property
    def log_in(self) -> str:
        """The log-in that proved who it is; empty: none did."""
        return self._guest.log_in or ""

    @property
    def listener(self) -> str:
        """Name of the one it came through."""
        return self._name

    @property
    def address(self) -> str:
        """Its client's."""
        return self._user(self._dialect).address

    @property
    def _dialect(self) -> Dialect:
        return self._conversation.dialect if self._conversation is not None else self._among[0]

    async def run(self) -> None:
        """Serve it until it ends."""
        writing = asyncio.create_task(self._write())
        is_left = False
        try:
            await self._serve()
        except SocketClosed as closed:
            is_left = closed.by_client
        except Exception:  # noqa: BLE001 - boundary between connections: a fault of ours ends this one alone
            _log.exception("a connection of an old page failed")
            await self._end(INTERNAL, "fault")
        finally:
            writing.cancel()
            ending = () if self._ending is None else (self._ending,)
            await asyncio.gather(writing, *ending, return_exceptions=True)
            if self._conversation is not None:
                self._desk.metrics.open.labels(self._dialect).dec()
                if self._client is not None and not is_left:
                    self._desk.absences.left(self._client, self._sent(self._conversation))

    async def _serve(self) -> None:
        frame = await self._first_frame()
        if frame is None:
            await self._begin(self._among[0])
        else:
            await self._begin(told_by(frame, self._among))
            await self._take(frame)
        while True:
            await self._take(await self._socket.receive())

    async def _first_frame(self) -> str | bytes | None:
        """What the client says before it is greeted, where it is waited for at all."""
        if self._among == BY_TYPE:
            return await self._socket.receive()
        if self._among != EITHER:
            return None
        try:
            return await within(self._desk.clock, self._desk.options.grace_seconds, self._socket.receive())
        except TimeoutError:
            return None

    async def _begin(self, dialect: Dialect) -> None:
        metrics = self._desk.metrics
        if self._conversation is not None:
            metrics.open.labels(self._dialect).dec()
        who = self._guest.identity
        self._conversation = _CONVERSATIONS[dialect](who, self._number, self._desk.options)
        metrics.open.labels(dialect).inc()
        self._count(connections=1)
        if dialect is not Dialect.RATCHET:
            self._give_back()
            self._catches_up_at = self._client = None
        await self._perform(self._conversation, self._conversation.greet(self._desk.clock.now()))
        if dialect is Dialect.RATCHET:
            await self._recognise("")
            # Only now, and it is given a moment to subscribe: from where it goes on has to be known.
            self._catches_up_at = self._desk.clock.monotonic() + self._desk.options.tick_seconds
        else:
            await self._read_on()

    def _count(self, *, connections: int = 0, received: int = 0) -> None:
        if self._conversation is not None:
            self._desk.usage.seen(
                self._user(self._dialect),
                self._conversation.who.role,
                self._guest.is_proved,
                connections=connections,
                received=received,
            )

    async def _take(self, frame: str | bytes) -> None:
        if len(frame) > self._desk.options.message_bytes or not self._is_within_rate():
            await self._end(POLICY, "abuse")
            raise SocketClosed
        self._desk.metrics.received.labels(self._dialect).inc()
        if (
            self._dialect is Dialect.RATCHET
            and Dialect.PANEL in self._among
            and told_by(frame, EITHER) is Dialect.PANEL
        ):
            await self._begin(Dialect.PANEL)  # its client only logs the greeting that was not for it
        conversation = self._conversation
        assert conversation is not None  # noqa: S101 - begun before the first frame is taken
        self._count(received=1)
        now = self._desk.clock.now()
        try:
            await self._perform(conversation, conversation.receive(frame, now))
        except SocketClosed:
            raise
        except Exception:  # noqa: BLE001 - boundary of one frame, as in the old servers: the connection stays
            _log.exception("a frame of an old page could not be answered")
            self._post(conversation.refuse("Message processing error: see the server's log", now))

    def _is_within_rate(self) -> bool:
        try:
            self._desk.verbs.hit(self._key)
        except Throttled:
            return False
        return True

    async def _perform(self, conversation: Conversation, command: Command) -> None:
        if isinstance(command, Say):
            self._post(command.messages)
        elif isinstance(command, Show):
            figures = await self._desk.reading.current()
            self._post(command.of(seen_by(conversation.who, figures)))
        elif isinstance(command, StartSync):
            self._held = []
            try:
                self._post(await self._sync(conversation, command))
            finally:
                self._release()
        else:
            await self._identify(conversation, command)

    async def _sync(self, conversation: Conversation, command: StartSync) -> Sequence[Message]:
        asked = command.marketplace
        codes = [code for code in (MARKETPLACES if asked == ALL else (asked,)) if self._may_sync(conversation, code)]
        if not codes:
            return command.refused("You may not start this sync.")
        try:
            self._desk.syncs.hit(self._key)
        except Throttled as throttled:
            return command.refused(str(throttled))
        refusal = ""
        job_ids = []
        for code in codes:
            try:
                result = await self._desk.commands.handle(conversation.who, TRIGGER_SYNC, {"marketplace": code})
            except Refused as refused:
                refusal = str(refused)
            else:
                if result.job is not None:
                    job_ids.append(result.job.id)
        return command.started(job_ids[0]) if job_ids else command.refused(refusal)

    def _may_sync(self, conversation: Conversation, marketplace: str) -> bool:
        guest = Guest(conversation.who, self._guest.is_proved)
        return marketplace in MARKETPLACES and may_sync(self._listener, guest, marketplace)

    async def _identify(self, conversation: Conversation, command: Identify) -> None:
        if command.token:
            try:
                self._guest = await self._desk.proofs.guest(self._listener, self._name, command.token)
            except Exception as error:  # noqa: BLE001 - whatever keeps a token from being believed
                _log.info("a token of an old page was refused: %s", error)
                self._post(conversation.refuse("The token is not valid; log in again.", self._desk.clock.now()))
                await self._flushed()
                await self._socket.close(POLICY)  # a proper close: that client does not come back with the same token
                raise SocketClosed from None
        conversation.who = claimed(self._guest.identity, command.role)
        self._post(command.entered())
        self._count()
        await self._recognise(command.name)
        await self._read_on()

    async def _recognise(self, name: str) -> None:
        """Go back to where its last connection broke. It is told nothing until it reads on."""
        self._reads_on = True
        self._client = client_of(self._user(self._dialect), name)
        self._absence = await self._desk.absences.back(self._client)
        if self._absence is not None:
            self._heard = self._absence

    def _give_back(self) -> None:
        """It was not the one that was away: who is comes yet."""
        if self._client is not None and self._absence is not None:
            self._desk.absences.left(self._client, self._absence)
            if self._reads_on:
                self._heard = self._came_at

    async def _read_on(self) -> None:
        """Tell it from the log what it was not told, until it is told what happens as it happens."""
        while self._heard < self._given:
            missed = await self._desk.absences.behind(self._heard)
            for stored in missed:
                self._tell(stored)
            if not missed:  # they are not kept any more, or cannot be read
                self._heard = self._given
            await self._flushed()
        self._reads_on = False

    # What others give it

    def hear(self, stored: StoredEvent) -> None:
        self._given = stored.position
        if self._reads_on:
            return
        if self._held is not None and len(self._held) >= self._desk.options.held_events:
            self._release()
        if self._held is not None:
            self._held.append(stored)
        else:
            self._tell(stored)

    def _tell(self, stored: StoredEvent) -> None:
        if self._conversation is not None and stored.position > self._heard:
            before, self._heard = self._heard, stored.position
            self._post(self._conversation.hear(stored, self._desk.clock.now()), before)

    def _release(self) -> None:
        """Tell what was held, and hold no more."""
        held, self._held = self._held, None
        for stored in held or ():
            self._tell(stored)

    def notify(self, notification: Notification) -> None:
        if self._conversation is not None:
            self._post(self._conversation.notify(notification, self._desk.clock.now()))

    async def tick(self) -> None:
        """Send what is due, and see whether the other end lives."""
        if self._ending is not None:
            return
        if self._guest.until is not None and self._guest.until <= self._desk.clock.now():
            self.end_proof()
            return
        now = self._desk.clock.monotonic()
        if now - self._pinged_at >= self._desk.options.ping_seconds:
            self._pinged_at = now
            if not self._socket.ping():
                self._cut("silent")
                return
        if self._catches_up_at is not None and now >= self._catches_up_at:
            self._catches_up_at = None
            await self._read_on()
        if self._conversation is not None:
            unsent = self._conversation.unsent_behind
            command = self._conversation.due(self._desk.clock.now())
            if isinstance(command, Say):
                self._post(command.messages, unsent)
            else:
                await self._perform(self._conversation, command)

    def still_there(self) -> None:
        """Count that it is."""
        self._count()

    def end_proof(self) -> None:
        """What proved who it is holds no longer: end it for good, without waiting for its client to agree."""
        if self._ending is None:
            self._desk.metrics.cut.labels("proof").inc()
            self._ending = asyncio.create_task(self._socket.close(POLICY))

    async def leave(self) -> None:
        """End it so that its client comes again."""
        await self._end(RESTART, "stop")

    async def recall(self) -> None:
        """The same, because somebody wants it elsewhere."""
        await self._end(RESTART, "recall")

    # Sending

    def _post(self, messages: Sequence[Message], before: int | None = None) -> None:
        """Written in ASCII, as the old servers did: half a surrogate pair that a client sent has no other form.

        Args:
            before: Position of the last event before the first that they tell of; None: all are told.
        """
        behind = self._heard if before is None else before
        for message in messages:
            try:
                self._outbox.put_nowait((json.dumps(message, separators=(",", ":")), behind))
            except asyncio.QueueFull:
                self._cut("slow reader")
                return

    async def _write(self) -> None:
        options = self._desk.options
        while True:
            text, self._sending = await self._outbox.get()
            try:
                await within(self._desk.clock, options.write_seconds, self._socket.send(text))
            except TimeoutError:
                self._cut("slow reader")
                return
            except SocketClosed:
                return
            finally:
                self._outbox.task_done()
            self._sending = None
            self._desk.metrics.sent.labels(self._dialect).inc()

    def _sent(self, conversation: Conversation) -> int:
        """Position of the last event of which all that is to be told was sent."""
        # What was posted before it was recognised says more than it was told in its last connection.
        if self._sending is not None:
            return min(self._sending, self._heard)
        if not self._outbox.empty():
            return min(self._outbox.get_nowait()[1], self._heard)
        return self._heard if conversation.unsent_behind is None else conversation.unsent_behind

    async def _flushed(self) -> None:
        try:
            await within(self._desk.clock, self._desk.options.write_seconds, self._outbox.join())
        except TimeoutError:
            self._cut("slow reader")
            raise SocketClosed from None

    async def _end(self, code: int, reason: str) -> None:
        """Close it, in the one way that its client takes for temporary."""
        if self._dialect is Dialect.ROLE:
            self._cut(reason)
            return
        self._desk.metrics.cut.labels(reason).inc()
        await self._socket.close(code)

    def _cut(self, reason: str) -> None:
        self._desk.metrics.cut.labels(reason).inc()
        self._socket.drop()
