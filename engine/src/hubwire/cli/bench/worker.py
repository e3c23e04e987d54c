"""What one process of a load test does: opens connections, sends by schedule, counts. Knows no pipe and no terminal.

**No coordinated omission.** When a message is due is fixed before the first one is sent, and its latency counts from
then: a server that falls behind, or this process, cannot make the next message late and thereby look fast.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from hubwire.cli.bench import template
from hubwire.cli.bench.connection import LoadConnection
from hubwire.cli.bench.histogram import Histogram
from hubwire.cli.bench.scenario import Load, Scenario
from hubwire.cli.bench.stamp import Stamps
from hubwire.cli.bench.tally import Tally
from hubwire.cli.bench.target import Tokens, tls_context
from hubwire.cli.bench.traffic import (
    Begin,
    Command,
    Counts,
    Farewell,
    Finish,
    Generator,
    Go,
    Hello,
    Progress,
    Ready,
    Report,
)
from hubwire.client.errors import (
    ClientError,
    ConnectFailed,
    InvocationError,
    NegotiationFailed,
    NoTransport,
    TransportFailed,
)
from hubwire.client.negotiation import base_url
from hubwire.client.settings import Settings
from hubwire.client.timing import within
from hubwire.clock import Clock, SystemClock
from hubwire.options import PropertyNames
from hubwire.wire.messages import Invocation

_TICK_SECONDS = 0.1
_SLICE = 100
"""Messages sent, or connections looked at, before others have their turn."""
FINE_RATE = 200.0
"""Messages a second of a process. uvloop's timers count whole milliseconds and may fire half of one early. Up to here
the rest is waited for turn by turn; above it that would cost a core, and messages leave up to 1 ms late instead."""
_COARSE_SECONDS = 0.001
_RETRY_SECONDS = (0.5, 1.5)
"""A lost connection comes back after a time between these, twice as long after each failure, at most 30 s."""
_LONGEST_RETRY_SECONDS = 30.0
_LEAVING_SECONDS = 10.0
_NS = 1_000_000_000


class Worker:
    """The owner of this process's connections."""

    def __init__(
        self, scenario: Scenario, process: int, run: str, report: Callable[[Report], None], clock: Clock | None = None
    ) -> None:
        """Args:
            process: number of this process, from 0.
            run: 8 hexadecimal digits, the same in all processes.
            report: takes what the parent is to know; must not wait long.

        Raises: UsageFailed.
        """
        self._scenario = scenario
        self._process = process
        self._report = report
        self._clock: Clock = clock or SystemClock()
        self._stamps = Stamps(run, scenario.size)
        self._tokens = Tokens(scenario)
        self._targets = frozenset(target.lower() for target in scenario.targets)
        self._is_answered = scenario.arrivals_per_answer > 0
        self._ssl = tls_context(scenario)
        self._dials = asyncio.Semaphore(max(scenario.dials // scenario.processes, 1))
        self._open: dict[int, LoadConnection] = {}
        self._counts = Counts()
        self._connect = Histogram()
        self._latency = Histogram()
        self._lag = Histogram()
        self._longest_lag_us = 0
        self._errors = Tally()
        self._sent_to: Counter[int] = Counter()
        self._arrivals: Counter[int] = Counter()
        """Measured messages that came to a connection, by its number."""
        self._members: tuple[int, ...] = ()
        """Who was there when the load began, which is who is expected to get it."""
        self._begin: asyncio.Future[Begin] | None = None
        self._start: asyncio.Future[Go] | None = None
        self._finish = asyncio.Event()
        self._begin_ns = self._now_ns()
        self._reported = 0
        """Seconds since the beginning, which are the same in all processes, that the parent knows of."""
        self._go: Go | None = None
        self._has_sent = False
        self._cpu: list[tuple[float, float]] = []
        """CPU and monotonic seconds, at the beginning and the end of what is measured."""
        self._tasks: asyncio.TaskGroup | None = None
        self._returning: set[asyncio.Task[None]] = set()

    def receive(self, command: Command) -> None:
        """Do what the parent says."""
        match command:
            case Begin() if self._begin is not None and not self._begin.done():
                self._begin.set_result(command)
            case Go() if self._start is not None and not self._start.done():
                self._start.set_result(command)
            case Finish():
                self._finish.set()

    async def run(self) -> None:
        """Return when the parent has said `Finish` and everything is closed."""
        loop = asyncio.get_running_loop()
        self._begin, self._start = loop.create_future(), loop.create_future()
        self._report(Hello(self._process))
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            work = tasks.create_task(self._work())
            ticking = tasks.create_task(self._tick())
            await self._finish.wait()
            self._tasks = None
            work.cancel()
            ticking.cancel()
            for returning in self._returning:
                returning.cancel()
            self._note_cpu(2)
            last = self._progress(self._second())
            await self._leave()
        self._report(Farewell(last, self._connect, self._errors.kinds, self._generator()))

    # Owner of connections

    def called(self, connection: LoadConnection, call: Invocation, now_ns: int) -> None:
        if self._targets and call.target.lower() not in self._targets:
            return
        due_ns = self._stamps.due_ns(call.arguments)
        if due_ns is not None and not self._is_answered and self._arrived(due_ns, now_ns):
            self._arrivals[connection.index] += 1

    def answered(self, due_ns: int, is_item: bool, error: str | None, now_ns: int) -> None:
        if error is not None:
            self._fail(f"call: {error}", error)
        elif self._is_answered and is_item == (self._scenario.load is Load.STREAM):
            self._arrived(due_ns, now_ns)

    def lost(self, connection: LoadConnection, error: BaseException | None, unanswered: int) -> None:
        if self._open.pop(connection.index, None) is None:
            return  # whoever is opening it finds out
        self._counts.dropped += 1
        text = "a Close message without an error" if error is None else str(error)
        self._fail(f"dropped: {_kind(error)}", text)
        if unanswered:
            self._fail("call: the connection was lost before the answer", text, unanswered)
        if self._tasks is not None:
            returning = self._tasks.create_task(self._come_back(connection))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)

    def _arrived(self, due_ns: int, now_ns: int) -> bool:
        """Count an arrival, and return whether it was due in the measured time."""
        counts = self._counts
        counts.received += 1
        if self._go is None or due_ns < self._go.start_ns:
            return False
        counts.measured_received += 1
        if now_ns < self._go.end_ns:
            counts.received_in_time += 1
        self._latency.add((now_ns - due_ns) // 1000)
        return True

    # Connecting

    async def _work(self) -> None:
        if self._begin is None or self._start is None:
            return
        self._begin_ns = (await self._begin).at_ns
        self._reported = 0
        await self._connect_all(self._begin_ns)
        self._members = tuple(self._open)
        members = Counter(map(self._scenario.audience_of, self._members))
        self._report(self._progress(self._second()))
        self._report(Ready(self._process, members))
        self._go = await self._start
        await self._send_all(self._go)
        self._has_sent = True

    async def _connect_all(self, begin_ns: int) -> None:
        scenario = self._scenario
        async with asyncio.TaskGroup() as dialing:
            for index in range(self._process, scenario.connections, scenario.processes):
                due_ns = begin_ns + int(index / scenario.ramp * _NS)
                if (wait := (due_ns - self._now_ns()) / _NS) > 0:
                    await self._clock.sleep(wait)
                await self._dials.acquire()
                dialing.create_task(self._connect_one(index, due_ns))

    async def _connect_one(self, index: int, due_ns: int) -> None:
        try:
            if await self._dialed(index):
                self._counts.connected += 1
                self._connect.add((self._now_ns() - due_ns) // 1000)
            else:
                self._counts.failed += 1
        finally:
            self._dials.release()

    async def _come_back(self, connection: LoadConnection) -> None:
        await connection.leave()
        delay = random.uniform(*_RETRY_SECONDS)  # noqa: S311 - spreads load
        while self._scenario.reconnect:
            await self._clock.sleep(delay)
            async with self._dials:
                if await self._dialed(connection.index):
                    self._counts.reconnects += 1
                    return
            delay = min(2 * delay, _LONGEST_RETRY_SECONDS)

    async def _dialed(self, index: int) -> bool:
        """Whether the connection came about, and is in its group."""
        scenario = self._scenario
        connection = LoadConnection(index, self, self._clock)
        opening = self._opened(connection)
        try:
            await within(self._clock, scenario.connect_timeout, opening)
        except asyncio.CancelledError:
            await connection.leave()
            raise
        except (ClientError, TimeoutError, OSError) as error:
            await connection.leave()
            what = "join" if isinstance(error, InvocationError) else "connect"
            self._fail(f"{what}: {_kind(error)}", str(error) or type(error).__name__)
            return False
        return True

    async def _opened(self, connection: LoadConnection) -> None:
        scenario = self._scenario
        await connection.open(self._settings(connection.index))
        if scenario.load is Load.GROUP:
            await connection.invoke(
                scenario.join_method, template.filled(scenario.join_arguments, self._values(connection.index))
            )
        if not connection.is_open:
            raise ConnectFailed("The connection was lost as soon as it was there.")
        self._open[connection.index] = connection

    def _settings(self, index: int) -> Settings:
        scenario = self._scenario
        transport, protocol = scenario.ways[index % len(scenario.ways)]
        values = {"user": scenario.user_of(index), "number": index + 1}
        headers = {
            name.strip(): str(template.filled([value.strip()], values)[0])
            for name, _, value in (header.partition(":") for header in scenario.headers)
        }
        return Settings(
            url=base_url(scenario.url),
            access_token=self._tokens.of(index),
            headers=headers,
            transports=(transport,),
            protocol=protocol,
            skip_negotiation=scenario.skip_negotiation,
            stateful_reconnect=False,
            reconnect=None,
            keep_alive_seconds=15.0,
            server_timeout_seconds=30.0,
            handshake_timeout_seconds=scenario.connect_timeout,
            http_timeout_seconds=max(scenario.connect_timeout, 100.0),  # also of a body that waits for its next part
            maximum_receive_message_bytes=16 * 1024 * 1024,
            receive_pause_bytes=1024 * 1024,
            receive_limit_bytes=64 * 1024 * 1024,
            stateful_reconnect_buffer_bytes=100_000,
            property_names=PropertyNames.AS_DECLARED,
            ssl=self._ssl,
            clock=self._clock,
        )

    # Sending

    async def _send_all(self, go: Go) -> None:
        scenario = self._scenario
        call = scenario.call
        senders = range(self._process, scenario.sender_count, scenario.processes)
        period_ns = _NS / scenario.rate
        # Senders are spread over the period; each keeps its own beat.
        first = {index: go.warmup_ns + int(index / scenario.sender_count * period_ns) for index in senders}
        schedule = [(due_ns, index, 0) for index, due_ns in first.items()]
        heapq.heapify(schedule)
        shortest_sleep = 0.0 if len(senders) * scenario.rate <= FINE_RATE else _COARSE_SECONDS
        in_a_row = 0
        while call is not None and schedule and schedule[0][0] < go.end_ns:
            due_ns, index, beat = schedule[0]
            now_ns = self._now_ns()
            if due_ns > now_ns:
                in_a_row = 0
                await self._clock.sleep(max((due_ns - now_ns) / _NS, shortest_sleep))
                continue
            if now_ns > go.end_ns + scenario.drain * _NS:
                self._count_unsent(schedule, go, first, period_ns)
                return
            heapq.heapreplace(schedule, (first[index] + int((beat + 1) * period_ns), index, beat + 1))
            self._send(index, beat, due_ns, now_ns, due_ns >= go.start_ns)
            in_a_row += 1
            if in_a_row % _SLICE == 0:
                await self._clock.sleep(0)
        if (left := (go.end_ns - self._now_ns()) / _NS) > 0:
            await self._clock.sleep(left)

    def _send(self, index: int, beat: int, due_ns: int, now_ns: int, is_measured: bool) -> None:
        scenario = self._scenario
        call = scenario.call
        if call is None:
            return
        audience = (
            (index + beat) % scenario.audience_count if scenario.load is Load.USER else scenario.audience_of(index)
        )
        values = self._values(index, audience)
        values["text"] = self._stamps.text(due_ns)
        connection = self._open.get(index)
        if connection is None:
            refused: str | None = "the connection is away"
        else:
            arguments = template.filled(call.arguments, values)
            refused = connection.call(call.method, arguments, due_ns, is_stream=scenario.load is Load.STREAM)
        if is_measured:
            self._note_lag((now_ns - due_ns) // 1000)
        if refused is not None:
            self._fail(f"unsent: {refused}", f"connection {index + 1}")
            self._counts.unsent += is_measured
            return
        self._counts.sent += 1
        if is_measured:
            self._counts.measured_sent += 1
            if self._go is not None and now_ns < self._go.end_ns:
                self._counts.sent_in_time += 1
            self._sent_to[audience] += 1

    def _values(self, index: int, audience: int | None = None) -> dict[str, object]:
        scenario = self._scenario
        group = scenario.audience_of(index) if audience is None else audience
        user = index if scenario.load is not Load.USER or audience is None else audience
        return {
            "text": "",
            "group": f"group-{group + 1}",
            "user": scenario.user_of(user),
            "number": index + 1,
            "items": scenario.items,
        }

    def _count_unsent(
        self, schedule: list[tuple[int, int, int]], go: Go, first: dict[int, int], period_ns: float
    ) -> None:
        """What was due in time and is not sent by now never will be."""
        for _, index, beat in schedule:
            last = int((go.end_ns - 1 - first[index]) / period_ns)
            left = max(last - beat + 1, 0)
            self._counts.unsent += left
            if left:
                self._fail("unsent: this process could not keep up", "give more --processes or less --rate", left)

    # Time

    def _now_ns(self) -> int:
        return int(self._clock.monotonic() * _NS)

    async def _tick(self) -> None:
        """Look at the lag ten times a second, and at everything else once."""
        due = self._clock.monotonic()
        while True:
            due += _TICK_SECONDS
            await self._clock.sleep(due - self._clock.monotonic())
            now = self._clock.monotonic()
            late = now - due
            self._note_lag(int(late * 1e6))
            if late > _TICK_SECONDS:
                due = now
            go, now_ns = self._go, self._now_ns()
            if go is not None:
                if now_ns >= go.start_ns:
                    self._note_cpu(1)
                if now_ns >= go.end_ns:
                    self._note_cpu(2)
            second = self._second()
            if second > self._reported:
                self._report(self._progress(second - 1))
                self._reported = second
                await self._keep_time(now)
            elif self._has_sent:  # the parent waits for the last arrivals
                self._report(self._progress(second))

    async def _keep_time(self, now: float) -> None:
        for number, connection in enumerate(list(self._open.values())):
            connection.keep_time(now)
            if number % _SLICE == _SLICE - 1:
                await self._clock.sleep(0)

    def _note_lag(self, lag_us: int) -> None:
        self._longest_lag_us = max(self._longest_lag_us, lag_us)
        if self._go is not None and len(self._cpu) == 1:  # while it is measured
            self._lag.add(lag_us)

    def _note_cpu(self, number: int) -> None:
        if len(self._cpu) == number - 1:
            self._cpu.append((time.process_time(), self._clock.monotonic()))

    def _second(self) -> int:
        return (self._now_ns() - self._begin_ns) // _NS

    def _progress(self, second: int) -> Progress:
        lag_us, self._longest_lag_us = self._longest_lag_us, 0
        self._counts.errors = self._errors.total
        is_final = self._has_sent or self._finish.is_set()
        return Progress(
            self._process,
            second,
            len(self._open),
            Counts().plus(self._counts),
            self._latency.taken(),
            lag_us,
            self._has_sent,
            dict(self._sent_to) if is_final else {},
            self._spread() if is_final else {},
        )

    def _spread(self) -> Mapping[tuple[int, int], int]:
        """How many members of each set of receivers got how much; as few entries as there are different numbers."""
        if self._is_answered:
            return {}
        audience_of = self._scenario.audience_of
        return Counter((audience_of(index), self._arrivals[index]) for index in self._members)

    def _generator(self) -> Generator:
        cpu_percent = 0.0
        if len(self._cpu) == 2:
            (cpu_begin, begin), (cpu_end, end) = self._cpu
            cpu_percent = 100 * (cpu_end - cpu_begin) / max(end - begin, 1e-9)
        return Generator(self._process, cpu_percent, _memory_bytes(), self._lag)

    # Ending

    async def _leave(self) -> None:
        connections, self._open = list(self._open.values()), {}
        with suppress(TimeoutError):
            await within(self._clock, _LEAVING_SECONDS, _all_leave(connections))

    def _fail(self, kind: str, example: str, count: int = 1) -> None:
        self._errors.add(kind[:200], example, count)


async def _all_leave(connections: list[LoadConnection]) -> None:
    await asyncio.gather(*(connection.leave() for connection in connections))


def _kind(error: BaseException | None) -> str:
    """What errors of a sort have in common: their texts may differ for each connection."""
    if error is None:
        return "closed by the server"
    if isinstance(error, NoTransport) and error.reasons and isinstance(error.reasons[0], BaseException):
        return _kind(error.reasons[0])
    status = getattr(error, "status", None)
    if status is not None:
        what = "negotiate" if isinstance(error, NegotiationFailed) else "request"
        return f"{what} answered with status {status}"
    if isinstance(error, InvocationError | TransportFailed):
        return str(error)
    return type(error).__name__


def _memory_bytes() -> int:
    """What this process has used at most; 0 where that cannot be told."""
    if sys.platform == "win32":
        return 0
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
