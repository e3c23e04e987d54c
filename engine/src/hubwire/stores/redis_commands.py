"""Commands to Redis and their answers over one connection, as many at once as there are. Knows no store.

Commands of one turn of the loop go out together, and their answers are read as they come, so that a crowd costs few
system calls. A connection that failed is made anew by the next command; a command is never sent twice.
"""

from __future__ import annotations

import asyncio
from collections import deque

from redis.asyncio.connection import Connection
from redis.exceptions import RedisError, ResponseError

from hubwire.brokers import redis_socket
from hubwire.brokers.resp import INCOMPLETE, ReplyReader
from hubwire.clock import Clock, SystemClock
from hubwire.errors import LocalProtocolError, StoreUnavailable
from hubwire.options import BrokerOptions

MAXIMUM_WAITING = 20_000
"""Commands that wait for their answers; above it they are refused. 20,000: as many connections as one process has, all
at once after a restart, with half a kilobyte each."""

_REMEDY = "Try again once Redis answers"


class RedisCommands:
    """Lives through outages: what is asked meanwhile fails, and the next question dials again."""

    def __init__(self, url: str, options: BrokerOptions | None = None, *, clock: Clock | None = None) -> None:
        """Prepare it; the address is never logged. Raises: ValueError for one that cannot be one."""
        self._options = options or BrokerOptions()
        self._clock: Clock = clock or SystemClock()
        self._settings, self._kind = redis_socket.parsed(url, self._options)
        self._link: _Link | None = None
        self._dialing: asyncio.Task[_Link] | None = None
        self._runs = False

    @property
    def address(self) -> str:
        """Where it is, without user and password."""
        return redis_socket.shown(self._settings)

    async def start(self) -> None:
        """Connect. Raises: StoreUnavailable."""
        if self._runs:
            raise LocalProtocolError("This store runs already; start it once, where the service starts.")
        self._runs = True
        try:
            await self._connected()
        except BaseException:
            self._runs = False
            raise

    async def stop(self) -> None:
        """Disconnect, once what was asked before is answered or has failed."""
        self._runs = False
        if self._dialing is not None:
            self._dialing.cancel()
            await asyncio.gather(self._dialing, return_exceptions=True)
        link, self._link = self._link, None
        if link is not None:
            await link.until_idle()
            await link.close("it was stopped")

    async def ask(self, *words: bytes | str | int) -> object:
        """Return the answer to a command: an int, bytes, None, or a list of these.

        Raises: StoreUnavailable, after which it is not known whether the command took effect.
        """
        if not self._runs:
            raise StoreUnavailable("it does not run", "Start it before the service takes calls")
        link = self._link
        if link is None or link.has_failed:
            link = await self._connected()
        answer = await link.ask(words)
        if isinstance(answer, ResponseError):
            raise StoreUnavailable(f"Redis at {self.address} refuses: {redis_socket.reason(answer)}", _REMEDY)
        return answer

    async def _connected(self) -> _Link:
        """Return a link that stands; all who want one wait for the same attempt."""
        if self._dialing is None:
            self._dialing = asyncio.create_task(self._dial())
            self._dialing.add_done_callback(self._dialed)
        return await asyncio.shield(self._dialing)

    def _dialed(self, dialing: asyncio.Task[_Link]) -> None:
        self._dialing = None
        if not dialing.cancelled():
            dialing.exception()  # looked at: whoever waited for it may have been cancelled

    async def _dial(self) -> _Link:
        failed, self._link = self._link, None
        if failed is not None:
            await failed.close("it failed")
        connection = self._kind(**self._settings)
        try:
            async with asyncio.timeout(self._options.dial_timeout_seconds):
                await connection.connect()  # type: ignore[no-untyped-call] # redis-py types most of its own
        except (OSError, RedisError) as error:
            await redis_socket.cut(connection)
            text = redis_socket.reason(error) if str(error) else "it did not answer in time"
            raise StoreUnavailable(f"Redis at {self.address}: {text}", _REMEDY) from None
        except BaseException:
            await redis_socket.cut(connection)
            raise
        self._link = _Link(connection, self._options, self._clock, self.address)
        return self._link


class _Link:
    """One time that it is connected. Ends as a whole with the first failure of a part."""

    def __init__(self, connection: Connection, options: BrokerOptions, clock: Clock, address: str) -> None:
        self._connection = connection
        self._options = options
        self._clock = clock
        self._address = address
        self._unwritten: list[bytes] = []
        self._unanswered: deque[asyncio.Future[object]] = deque()
        self._heard_at = clock.monotonic()
        self._has_unwritten = asyncio.Event()
        self._failure = ""
        work = (self._write(), self._read(redis_socket.stream(connection)), self._keep_watch())
        self._tasks = [asyncio.create_task(redis_socket.guard(each, self._fail)) for each in work]

    @property
    def has_failed(self) -> bool:
        """Whether it is over."""
        return bool(self._failure)

    async def ask(self, words: tuple[bytes | str | int, ...]) -> object:
        """Return the answer, also a ResponseError. Raises: StoreUnavailable."""
        if self._failure:
            raise self._error(self._failure)
        if len(self._unanswered) >= MAXIMUM_WAITING:
            raise StoreUnavailable(f"{MAXIMUM_WAITING} commands wait for Redis", "Try again, more slowly")
        if not self._unanswered:
            self._heard_at = self._clock.monotonic()
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._unanswered.append(answer)
        self._unwritten += self._connection.pack_command(*words)
        self._has_unwritten.set()
        return await answer

    async def until_idle(self) -> None:
        """Return when everything is answered, or has failed."""
        while self._unanswered and not self._failure:
            await asyncio.wait([self._unanswered[-1]])

    async def close(self, reason: str) -> None:
        """End what runs, the socket included."""
        self._fail(reason)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await redis_socket.cut(self._connection)

    async def _write(self) -> None:
        while True:
            await self._has_unwritten.wait()
            self._has_unwritten.clear()
            chunks, self._unwritten = self._unwritten, []
            await self._connection.send_packed_command(chunks, check_health=False)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        replies = ReplyReader()
        while True:
            replies.feed(await redis_socket.received(stream))
            self._heard_at = self._clock.monotonic()
            while (reply := replies.next()) is not INCOMPLETE:
                answer = self._unanswered.popleft()
                if not answer.done():  # its caller may have been cancelled
                    answer.set_result(reply)
            await asyncio.sleep(0)  # what has come in already is read without a yield

    async def _keep_watch(self) -> None:
        looks = redis_socket.Looks(self._clock, self._options.health_check_seconds)
        while True:
            silence = await looks.next() - self._heard_at
            if self._unanswered and silence >= self._options.broker_timeout_seconds:
                raise ConnectionError(f"it said nothing for {self._options.broker_timeout_seconds:g} s")

    def _fail(self, reason: str) -> None:
        self._failure = self._failure or reason
        while self._unanswered:
            answer = self._unanswered.popleft()
            if not answer.done():
                answer.set_exception(self._error(self._failure))

    def _error(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(f"Redis at {self._address}: {reason}", _REMEDY)
