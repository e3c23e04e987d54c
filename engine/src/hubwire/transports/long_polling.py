"""Long polling: a connection whose way out are the answers of one GET after the other, and whose way in are POSTs.

Implements signalr-protocol 2.3. Knows no hub message. Between two polls it has neither task nor socket, only a place in
the timer it is given; whoever made it learns by `on_over` that no further poll will find anything.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Callable

from hubwire.clock import Clock, Timer
from hubwire.ports import Receiver
from hubwire.transports.asgi import Exchange
from hubwire.transports.backlog import Backlog
from hubwire.transports.posted_input import PostedInput
from hubwire.wire.negotiation import LONG_POLLING

NO_CACHE = (
    ("cache-control", "no-cache, no-store"),
    ("pragma", "no-cache"),
    ("expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
)
"""Goes with every answer to a poll, errors included."""

_BYTES = "application/octet-stream"
_INTERNAL_ERROR = 1011

_log = logging.getLogger("hubwire.transports")


class _Outcome(enum.Enum):
    """What a poll waits for."""

    DATA = "data"
    TIMEOUT = "timeout"
    REPLACED = "replaced"
    """The client polls again."""
    OVER = "over"
    """The connection has ended."""
    CRASHED = "crashed"
    """It has ended in an error of ours."""
    GONE = "gone"
    """The client has left."""


class _Poll:
    """One GET while it is not answered."""

    __slots__ = ("exchange", "finished", "is_gone", "is_sending", "outcome")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.outcome: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self.finished = asyncio.Event()
        self.is_gone = False
        self.is_sending = False

    def end(self, outcome: _Outcome) -> None:
        """Stop to wait; the first one counts."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    async def watch(self) -> None:
        """Notice that the client leaves."""
        try:
            await self.exchange.until_gone()
        except Exception:  # noqa: BLE001 - boundary to the ASGI server, which may raise instead of telling
            _log.debug("A poll could not be read", exc_info=True)
        self.is_gone = True
        self.end(_Outcome.GONE)


class LongPollingTransport:
    """Implements `Transport` over all the polls of one connection, and its `input`."""

    __slots__ = (
        "_clock",
        "_disconnect_timeout_seconds",
        "_has_ended",
        "_is_over",
        "_on_over",
        "_poll",
        "_poll_timeout_seconds",
        "_receiver",
        "_timer",
        "_unsent",
        "input",
        "is_binary",
        "wheel_slot",
    )

    name = LONG_POLLING
    uses_frames = False
    allows_binary = True
    keeps_itself_alive = True

    def __init__(
        self,
        posted: PostedInput,
        clock: Clock,
        timer: Timer,
        poll_timeout_seconds: float,
        disconnect_timeout_seconds: float,
        on_over: Callable[[], None],
    ) -> None:
        self.is_binary = False
        self.input = posted
        self.wheel_slot = -1
        self._clock = clock
        self._timer = timer
        self._poll_timeout_seconds = poll_timeout_seconds
        self._disconnect_timeout_seconds = disconnect_timeout_seconds
        self._on_over = on_over
        self._receiver: Receiver | None = None  # until it is told the end
        self._unsent = Backlog()
        self._poll: _Poll | None = None
        self._has_ended = False
        self._is_over = False

    # Polls

    @property
    def is_polled(self) -> bool:
        """Whether a poll waits or is being answered."""
        return self._poll is not None

    async def begin(self, receiver: Receiver, exchange: Exchange) -> None:
        """Answer the first poll, at once, and open the connection with it."""
        poll = self._poll = _Poll(exchange)  # one that comes meanwhile waits for this one
        self._receiver = receiver
        self._unsent.attach(receiver)
        self._begin_to_send(poll)
        try:
            self.input.attach(receiver)
            await self._unsent.deliver(exchange.answer(200, b"", _BYTES, NO_CACHE), 0)
        except OSError:
            _log.debug("The client left its first poll")
        finally:
            self._leave(poll)

    async def poll(self, exchange: Exchange) -> None:
        """Answer a later poll."""
        previous = self._poll
        if previous is not None:
            previous.end(_Outcome.REPLACED)
            await previous.finished.wait()
        if self._is_over or self._poll is not None:  # the latter: another one waited too, and was quicker
            await exchange.answer(204 if self._is_over else 409, fields=NO_CACHE)
            return
        poll = self._poll = _Poll(exchange)
        self._timer.schedule(self, self._clock.monotonic() + self._poll_timeout_seconds)
        try:
            await self._answer(poll, await self._outcome(poll))
        except OSError:  # as ASGI servers may tell that the client has left; it may poll again
            _log.debug("The client left a poll")
        finally:
            self._leave(poll)

    def terminate(self) -> None:
        """The client wants no more, not even what waits for it; returns at once."""
        self._cut(None)

    # Transport

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return self.write

    def write(self, data: bytes) -> None:
        if self._has_ended:
            return
        self._unsent.add(data)
        if self._poll is not None:
            self._poll.end(_Outcome.DATA)

    def pause_reading(self) -> None:
        self.input.hold()

    def resume_reading(self) -> None:
        self.input.release()

    def close(self, code: int) -> None:
        """What waits may still be polled, for as long as a connection may go without a poll."""
        if self._has_ended:
            return
        self._has_ended = True
        self.input.end()
        if self._poll is not None:
            has_crashed = code == _INTERNAL_ERROR and not self._unsent
            self._poll.end(_Outcome.CRASHED if has_crashed else _Outcome.OVER)
        asyncio.get_running_loop().call_soon(self._tell_end, None)

    def abort(self) -> None:
        self._cut(ConnectionResetError("The connection was aborted."))

    # Timer

    def tick(self, now: float) -> None:
        """The poll has waited long enough, or nobody has polled, or read an answer, for too long."""
        if self._poll is not None and not self._poll.is_sending:
            self._poll.end(_Outcome.TIMEOUT)
        else:
            self._cut(ConnectionResetError("The client has stopped to poll."))

    # Inside

    async def _outcome(self, poll: _Poll) -> _Outcome:
        if self._unsent:
            poll.end(_Outcome.DATA)
        elif self._has_ended:
            poll.end(_Outcome.OVER)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(poll.watch())
            outcome = await poll.outcome
            # A client that left in this very turn, or before its poll had its turn, has to be noticed: what is not sent
            # yet must not be lost with it.
            await asyncio.sleep(0)
            watching.cancel()
        return _Outcome.GONE if poll.is_gone else outcome

    async def _answer(self, poll: _Poll, outcome: _Outcome) -> None:
        if outcome is _Outcome.GONE:
            return
        self._begin_to_send(poll)
        if self._unsent and outcome is not _Outcome.REPLACED:
            messages = self._unsent.take()
            data = b"".join(messages)
            await self._unsent.deliver(self._send_data(poll.exchange, messages, data), len(data))
            return
        status = {_Outcome.TIMEOUT: 200, _Outcome.CRASHED: 500}.get(outcome, 204)
        await self._unsent.deliver(poll.exchange.answer(status, fields=NO_CACHE), 0)
        if outcome not in (_Outcome.TIMEOUT, _Outcome.REPLACED):
            self._cut(None)  # the client has been told the end

    def _begin_to_send(self, poll: _Poll) -> None:
        """From here on it is the client that is waited for."""
        poll.is_sending = True
        if not self._is_over:
            self._timer.schedule(self, self._clock.monotonic() + self._disconnect_timeout_seconds)

    async def _send_data(self, exchange: Exchange, messages: list[bytes], data: bytes) -> None:
        try:
            await exchange.start(200, (*NO_CACHE, ("content-type", _BYTES), ("content-length", str(len(data)))))
        except BaseException:
            self._unsent.put_back(messages)
            raise
        # Servers wait before a send for room, not behind it: only the second one tells that the client takes the data.
        # Without it each poll that is asked for and not read would leave its answer with the server, and pass for read.
        await exchange.send(data, more=True)
        await exchange.send(b"")

    def _leave(self, poll: _Poll) -> None:
        self._poll = None
        poll.finished.set()
        if not self._is_over:
            self._timer.schedule(self, self._clock.monotonic() + self._disconnect_timeout_seconds)

    def _cut(self, error: BaseException | None) -> None:
        """End it; nothing can be polled any more."""
        if self._is_over:
            return
        self._is_over = self._has_ended = True
        self._unsent.clear()
        self._unsent.attach(None)
        self.input.end()
        self._timer.cancel(self)
        poll = self._poll
        if poll is not None:
            poll.end(_Outcome.OVER)
            if poll.is_sending:  # to a client that does not read
                poll.exchange.abort()
                poll.finished.set()
        asyncio.get_running_loop().call_soon(self._finish, error)

    def _tell_end(self, error: BaseException | None) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost(error)
            receiver.gone()

    def _finish(self, error: BaseException | None) -> None:
        self._tell_end(error)
        self._on_over()
