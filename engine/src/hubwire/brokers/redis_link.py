"""One time that a process is connected to Redis: a connection that publishes and one that is subscribed.

Commands of one turn of the loop go out together. Ends as a whole with the first failure of a part, and leaves nothing
open. Knows nothing of reconnecting.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Sequence

from redis.asyncio.connection import Connection
from redis.exceptions import ResponseError

from hubwire.brokers import redis_socket
from hubwire.brokers.resp import INCOMPLETE, ReplyReader
from hubwire.clock import Clock
from hubwire.errors import BrokerUnavailable
from hubwire.options import BrokerOptions
from hubwire.ports import BrokerListener

_CHUNK = 1_000
"""Subjects in one command: Redis does nothing else while it works one off."""
_OVERHEAD_BYTES = 64
"""What a command costs beside its subject and payload."""

_FAILED = "A message from another process failed; the next ones are worked off"

_log = logging.getLogger("hubwire.brokers")


class _Published:
    """Commands whose answers one caller waits for."""

    __slots__ = ("answer", "is_written", "left", "receivers", "refusal", "size")

    def __init__(self, answer: asyncio.Future[int], count: int, size: int) -> None:
        self.answer = answer
        self.left = count
        self.receivers = 0
        self.refusal: str | None = None
        self.size = size
        self.is_written = False

    def settle(self) -> None:
        """All subjects are answered: tell whoever waits."""
        if self.answer.done():
            return
        if self.refusal is None:
            self.answer.set_result(self.receivers)
        else:  # what other subjects were taken for has arrived
            _set_exception(self.answer, BrokerUnavailable(self.refusal, may_have_arrived=self.receivers > 0))


class _Batch:
    """Subscriptions that went out together, and whoever waits for them."""

    __slots__ = ("done", "left")

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.done = done
        self.left = 0


class _Watch:
    """Whether one of the connections owes us something, and since when it said nothing."""

    __slots__ = ("heard_at", "is_owed", "is_reading")

    def __init__(self, now: float) -> None:
        self.heard_at = now
        self.is_owed = False
        self.is_reading = True


class Link:
    """Made of two connections that stand."""

    def __init__(
        self,
        publishing: Connection,
        subscribing: Connection,
        listener: BrokerListener,
        options: BrokerOptions,
        clock: Clock,
    ) -> None:
        self._publishing = publishing
        self._subscribing = subscribing
        self._listener = listener
        self._options = options
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # Publishing
        self._unwritten: list[bytes] = []
        self._unmarked: list[_Published] = []
        self._unanswered: deque[_Published] = deque()
        self._waiting_bytes = 0
        self._has_unwritten = asyncio.Event()
        self._publish_watch = _Watch(clock.monotonic())
        # Subscribing
        self._wishes: dict[bytes, bool] = {}
        self._next: _Batch | None = None
        self._batches: deque[_Batch] = deque()
        self._has_wishes = asyncio.Event()
        self._pings = 0
        self._subscribe_watch = _Watch(clock.monotonic())

    def start(self) -> None:
        """Begin to read and write."""
        work = (
            self._write_published(),
            self._read_answers(),
            self._write_wishes(),
            self._read_messages(),
            self._keep_watch(),
        )
        self._tasks = [asyncio.create_task(redis_socket.guard(each, self._fail)) for each in work]

    @property
    def has_failed(self) -> bool:
        """Whether it is over."""
        return self._failure.done()

    async def until_failed(self) -> str:
        """Return why it is over."""
        return await asyncio.shield(self._failure)

    async def close(self, reason: str) -> None:
        """End what runs, both sockets included. May be called twice."""
        self._fail(reason)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in (self._publishing, self._subscribing):
            await redis_socket.cut(connection)

    async def flush(self) -> None:
        """Return when everything published is answered, or too long was not."""
        if self._unanswered:
            # Behind everything else; the answer to the last message may have been cancelled by whoever waited for it.
            last = self._ping_publisher()
            silence = asyncio.ensure_future(self._clock.sleep(self._options.broker_timeout_seconds))
            await asyncio.wait((last, self._failure, silence), return_when=asyncio.FIRST_COMPLETED)
            silence.cancel()

    # Publishing

    def publish(self, subjects: Sequence[bytes], payload: bytes) -> asyncio.Future[int]:
        """As `Broker.publish`."""
        size = sum(map(len, subjects)) + len(subjects) * (len(payload) + _OVERHEAD_BYTES)
        if self._failure.done():
            raise BrokerUnavailable(self._failure.result(), may_have_arrived=False)
        if self._waiting_bytes + size > self._options.publish_buffer_bytes:
            raise BrokerUnavailable(
                f"more than BrokerOptions.publish_buffer_bytes ({self._options.publish_buffer_bytes}) would wait",
                may_have_arrived=False,
            )
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if not subjects:
            answer.set_result(0)
            return answer
        for subject in subjects:
            self._unwritten += self._publishing.pack_command("PUBLISH", subject, payload)
        self._expect(_Published(answer, len(subjects), size))
        return answer

    def _expect(self, published: _Published) -> None:
        if not self._unanswered:
            self._publish_watch.heard_at = self._clock.monotonic()
            self._publish_watch.is_owed = True
        self._waiting_bytes += published.size
        self._unanswered.append(published)
        self._unmarked.append(published)
        self._has_unwritten.set()

    async def _write_published(self) -> None:
        while True:
            await self._has_unwritten.wait()
            self._has_unwritten.clear()
            chunks, self._unwritten = self._unwritten, []
            for published in self._unmarked:
                published.is_written = True
            self._unmarked.clear()
            await self._publishing.send_packed_command(chunks, check_health=False)

    async def _read_answers(self) -> None:
        replies, stream = ReplyReader(), redis_socket.stream(self._publishing)
        while True:
            replies.feed(await redis_socket.received(stream))
            self._publish_watch.heard_at = self._clock.monotonic()
            while (reply := replies.next()) is not INCOMPLETE:
                self._take_answer(reply)
            await asyncio.sleep(0)  # what has come in already is read without a yield

    def _take_answer(self, reply: object) -> None:
        published = self._unanswered[0]
        published.left -= 1
        if isinstance(reply, int):
            published.receivers += reply
        elif isinstance(reply, ResponseError):
            # Redis refuses one of the subjects, for lack of rights; the connection goes on.
            published.refusal = redis_socket.reason(reply)
        if not published.left:
            self._unanswered.popleft()
            self._waiting_bytes -= published.size
            self._publish_watch.is_owed = bool(self._unanswered)
            published.settle()

    # Subscribing

    def wish(self, subject: bytes, is_wanted: bool) -> None:
        """Subscribe or unsubscribe; the last wish of a turn counts."""
        self._wishes[subject] = is_wanted
        self._has_wishes.set()

    def settled(self) -> Awaitable[None] | None:
        """Wait until all wishes so far are fulfilled, or the link is over; None: so it is."""
        if self._failure.done():
            return None
        if self._wishes:
            batch = self._next
            if batch is None:
                batch = self._next = _Batch(asyncio.get_running_loop().create_future())
        elif self._batches:
            batch = self._batches[-1]
        else:
            return None
        return asyncio.shield(batch.done)

    async def _write_wishes(self) -> None:
        while True:
            await self._has_wishes.wait()
            self._has_wishes.clear()
            wishes, self._wishes = self._wishes, {}
            batch, self._next = self._next or _Batch(asyncio.get_running_loop().create_future()), None
            batch.left = len(wishes)
            self._batches.append(batch)
            self._owe_to_subscriber()
            for command, is_wanted in (("SUBSCRIBE", True), ("UNSUBSCRIBE", False)):
                subjects = [subject for subject, wanted in wishes.items() if wanted is is_wanted]
                for start in range(0, len(subjects), _CHUNK):
                    packed = self._subscribing.pack_command(command, *subjects[start : start + _CHUNK])
                    await self._subscribing.send_packed_command(packed, check_health=False)

    def _owe_to_subscriber(self) -> None:
        if not self._subscribe_watch.is_owed:
            self._subscribe_watch.is_owed = True
            self._subscribe_watch.heard_at = self._clock.monotonic()

    async def _read_messages(self) -> None:
        replies, stream, watch = ReplyReader(), redis_socket.stream(self._subscribing), self._subscribe_watch
        while True:
            replies.feed(await redis_socket.received(stream))
            while (reply := replies.next()) is not INCOMPLETE:
                if isinstance(reply, list) and reply[0] == b"message":
                    work = self._hand_over(reply[1], reply[2])
                    if work is not None:
                        watch.is_reading = False  # we are the slow one: Redis may have answered all the same
                        try:
                            await work
                        except Exception:  # noqa: BLE001 - the boundary between messages: a listener must not raise
                            _log.exception(_FAILED)
                        watch.is_reading = True
                elif isinstance(reply, ResponseError):
                    raise reply  # a subscription was refused: what is missing then cannot be told
                else:
                    self._take_confirmation(reply)
            watch.heard_at = self._clock.monotonic()
            watch.is_owed = bool(self._pings or self._batches)
            await asyncio.sleep(0)

    def _hand_over(self, subject: bytes, payload: bytes) -> Awaitable[None] | None:
        try:
            return self._listener.received(subject, payload)
        except Exception:  # noqa: BLE001 - see above
            _log.exception(_FAILED)
            return None

    def _take_confirmation(self, reply: object) -> None:
        """A subscription was made or ended, or a ping answered: as a list while anything is subscribed."""
        if not isinstance(reply, list) or reply[0] == b"pong":
            self._pings -= 1
            return
        batch = self._batches[0]
        batch.left -= 1
        if not batch.left:
            self._batches.popleft()
            if not batch.done.done():
                batch.done.set_result(None)

    # Life

    async def _keep_watch(self) -> None:
        looks = redis_socket.Looks(self._clock, self._options.health_check_seconds)
        while True:
            now = await looks.next()
            for watch in (self._publish_watch, self._subscribe_watch):
                if watch.is_owed and watch.is_reading and now - watch.heard_at >= self._options.broker_timeout_seconds:
                    raise ConnectionError(f"it said nothing for {self._options.broker_timeout_seconds:g} s")
            if not self._publish_watch.is_owed:
                self._ping_publisher()
            if not self._subscribe_watch.is_owed:
                self._pings += 1
                self._owe_to_subscriber()
                ping = self._subscribing.pack_command("PING")
                await self._subscribing.send_packed_command(ping, check_health=False)

    def _ping_publisher(self) -> asyncio.Future[int]:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._unwritten += self._publishing.pack_command("PING")
        self._expect(_Published(answer, 1, 0))
        return answer

    def _fail(self, reason: str) -> None:
        if not self._failure.done():
            self._failure.set_result(reason)
        while self._unanswered:
            published = self._unanswered.popleft()
            if not published.answer.done():
                _set_exception(published.answer, BrokerUnavailable(reason, may_have_arrived=published.is_written))
        self._waiting_bytes = 0
        waiting = [*self._batches, *([self._next] if self._next is not None else ())]
        self._batches.clear()
        self._next = None
        for batch in waiting:
            if not batch.done.done():
                batch.done.set_result(None)


def _set_exception(answer: asyncio.Future[int], error: Exception) -> None:
    answer.set_exception(error)
    answer.exception()  # looked at: the caller may have left it alone
