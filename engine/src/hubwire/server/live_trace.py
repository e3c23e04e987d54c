"""What happens in a service at this moment, for operators who watch: a bounded stream that may lose and then says so.

Whoever has something to tell asks `is_watched` first, so that nothing is made while nobody watches. Holds no message's
arguments, no token and no query. Knows no HTTP: `live_trace_endpoint` does; what tells stands in `traced`.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from hubwire.clock import Clock, SystemClock
from hubwire.errors import TooManyWatchers
from hubwire.model import Audience, AudienceKind, Caller
from hubwire.options import LiveTraceOptions

_Name = TypeVar("_Name")


class TraceCategory(enum.Enum):
    """Which part of the service tells, as in the service's resource logs."""

    CONNECTIVITY = "connectivity"
    """Connections begin and end."""
    MESSAGING = "messaging"
    """Messages come in and go out, groups change."""
    HTTP = "http"
    """Requests to the REST data plane."""


class TraceLevel(enum.Enum):
    """How much an event deserves to be looked at."""

    INFORMATION = "information"
    WARNING = "warning"
    """Something ended or failed that need not have."""


class TraceEvent(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """One thing that happened. On the wire a JSON object, with what is known of it."""

    time: datetime
    level: TraceLevel = TraceLevel.INFORMATION
    category: TraceCategory
    event: str
    """What it was, in one word: `ConnectionAborted`."""
    message: str
    """The same for a reader."""
    exception: str | None = None
    """Its kind, where one is behind it."""
    hub: str | None = None
    connection_id: str | None = None
    user_id: str | None = None
    address: str | None = None
    """Of the client."""
    transport: str | None = None
    tracing_id: str | None = None
    """`X-ASRS-Message-Tracing-Id` of the request behind it."""
    is_diagnostic: bool = msgspec.field(default=False, name="diagnostic")
    """Whether it concerns a client whose token says that it is to be traced (`asrs.s.dc`)."""
    node: str | None = None
    """Which process tells, where there are several; None: the one that is asked."""


def printable(event: TraceEvent) -> TraceEvent:
    """Return it without what UTF-8 has no place for: names may hold halves of surrogate pairs."""
    texts = {name: value for name, value in msgspec.structs.asdict(event).items() if isinstance(value, str)}
    shown = {name: value.encode("utf-8", "replace").decode() for name, value in texts.items()}
    return msgspec.structs.replace(event, **shown)


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """What one watcher wants to see; None and empty: whatever there is."""

    categories: frozenset[TraceCategory] = frozenset(TraceCategory)
    hub: str | None = None
    """In lower case."""
    user_id: str | None = None
    connection_id: str | None = None
    is_diagnostic_only: bool = False
    """Only what concerns clients whose token says that they are to be traced."""

    def passes(self, event: TraceEvent) -> bool:
        """Whether the watcher sees it."""
        return (
            event.category in self.categories
            and (self.hub is None or self.hub == event.hub)
            and (self.user_id is None or self.user_id == event.user_id)
            and (self.connection_id is None or self.connection_id == event.connection_id)
            and (event.is_diagnostic or not self.is_diagnostic_only)
        )


class TraceWatch:
    """One who watches: what waits for it, and how much it has lost."""

    def __init__(self, wanted: TraceFilter, limit: int) -> None:
        self._wanted = wanted
        self._limit = limit
        self._waiting: deque[TraceEvent] = deque()
        self._lost = 0
        self._changed = asyncio.Event()
        self._is_over = False

    def tell(self, event: TraceEvent) -> None:
        """Let it wait for the watcher; returns at once."""
        if self._is_over or not self._wanted.passes(event):
            return
        if len(self._waiting) >= self._limit:
            self._lost += 1
            return
        self._waiting.append(event)
        self._changed.set()

    def lose(self, count: int) -> None:
        """Some events will not come."""
        self._lost += count

    def end(self) -> None:
        """Let the watcher go, once it has what waits."""
        self._is_over = True
        self._changed.set()

    async def take(self) -> tuple[list[TraceEvent], int] | None:
        """Return what happened since the last time, and how many events behind it were lost; None: it is over."""
        while not self._waiting:
            if self._is_over:
                return None
            self._changed.clear()
            await self._changed.wait()
        events, lost = list(self._waiting), self._lost
        self._waiting.clear()
        self._lost = 0
        return events, lost


class LiveTrace:
    """That of one service, in one process. All its calls come from the event loop's thread."""

    def __init__(
        self,
        options: LiveTraceOptions | None = None,
        *,
        clock: Clock | None = None,
        is_diagnostic: Callable[[Caller], bool] = lambda caller: False,
    ) -> None:
        """Args:
        is_diagnostic: whether a client's token says that it is to be traced.
        """
        self.options = options or LiveTraceOptions()
        self.is_watched = False
        """Whether anybody would see an event; ask before making one."""
        self._clock: Clock = clock or SystemClock()
        self._is_diagnostic = is_diagnostic
        self.on_watched: Callable[[bool], None] | None = None
        """Told when the first begins to watch here, and when the last has ended."""
        self._watches: list[TraceWatch] = []
        self._relays: list[TraceWatch] = []
        self._is_stopped = False
        # Of the diagnostic clients connected here: who they are, and how many of each user and hub.
        self._connections: set[str] = set()
        self._users: Counter[tuple[str, str]] = Counter()
        self._hubs: Counter[str] = Counter()

    @contextmanager
    def watch(self, wanted: TraceFilter) -> Iterator[TraceWatch]:
        """Watch while inside. Raises: TooManyWatchers."""
        if len(self._watches) >= self.options.maximum_watchers:
            raise TooManyWatchers(self.options.maximum_watchers)
        watch = TraceWatch(wanted, self.options.buffer_events)
        if self._is_stopped:
            watch.end()
        self._watches.append(watch)
        if len(self._watches) == 1:
            self._note_watched()
        try:
            yield watch
        finally:
            self._watches.remove(watch)
            if not self._watches:
                self._note_watched()

    @contextmanager
    def watch_for_others(self, limit: int) -> Iterator[TraceWatch]:
        """Watch on behalf of other processes while inside: what happens here, at most so much at once."""
        watch = TraceWatch(TraceFilter(), limit)
        self._relays.append(watch)
        self.is_watched = True
        try:
            yield watch
        finally:
            self._relays.remove(watch)
            self.is_watched = bool(self._watches or self._relays)

    @property
    def is_watched_here(self) -> bool:
        """Whether anybody watches in this process."""
        return bool(self._watches)

    def relay(self, events: Sequence[TraceEvent], lost: int) -> None:
        """Take what happened in another process, for those who watch here."""
        for watch in self._watches:
            for event in events:
                watch.tell(event)
            watch.lose(lost)

    def stop(self) -> None:
        """Let all watchers go, so that a graceful stop of the service need not wait for them."""
        self._is_stopped = True
        for watch in self._watches:
            watch.end()

    def tell_of_caller(
        self,
        caller: Caller,
        category: TraceCategory,
        event: str,
        message: str,
        *,
        error: BaseException | None = None,
    ) -> None:
        """Tell what happened to a client. With an error it is a warning."""
        self._tell(
            TraceEvent(
                time=self._now(),
                level=TraceLevel.INFORMATION if error is None else TraceLevel.WARNING,
                category=category,
                event=event,
                message=message,
                exception=None if error is None else type(error).__name__,
                hub=caller.hub.lower(),
                connection_id=caller.connection_id,
                user_id=caller.user_id,
                address=caller.request.remote_address,
                transport=caller.transport,
                is_diagnostic=caller.connection_id in self._connections or self._is_diagnostic(caller),
            )
        )

    def tell_of_audience(
        self,
        hub: str,
        audience: Audience,
        category: TraceCategory,
        event: str,
        message: str,
        *,
        tracing_id: str | None = None,
    ) -> None:
        """Tell what is done for, or to, whoever is addressed.

        A group counts as one of diagnostic clients while any of them is connected to the hub.
        """
        only = audience.names[0] if len(audience.names) == 1 else None
        self._tell(
            TraceEvent(
                time=self._now(),
                category=category,
                event=event,
                message=message,
                hub=hub,
                connection_id=only if audience.kind is AudienceKind.CONNECTIONS else None,
                user_id=only if audience.kind is AudienceKind.USERS else None,
                tracing_id=tracing_id,
                is_diagnostic=self._concerns_diagnostic(hub, audience),
            )
        )

    def tell_of_request(
        self, method: str, path: str, status: int | None, seconds: float, address: str | None, tracing_id: str | None
    ) -> None:
        """Tell of an HTTP request; `status` None: its client left before the answer."""
        # Who asks whether somebody is there has its answer with 404, and an application asks every few seconds.
        is_no = status == 404 and method == "HEAD"
        has_failed = status is None or (status >= 400 and not is_no)
        outcome = "was left" if status is None else f"{status}"
        self._tell(
            TraceEvent(
                time=self._now(),
                level=TraceLevel.WARNING if has_failed else TraceLevel.INFORMATION,
                category=TraceCategory.HTTP,
                event="RequestFailed" if has_failed else "RequestAnswered",
                message=f"{method} {path}: {outcome} after {seconds * 1000:.1f} ms",
                address=address,
                tracing_id=tracing_id,
            )
        )

    def tell_of_service(self, category: TraceCategory, event: str, message: str, *, hub: str | None = None) -> None:
        """Tell what no client and no request stands for, as a warning."""
        now = self._now()
        level = TraceLevel.WARNING
        self._tell(TraceEvent(time=now, level=level, category=category, event=event, message=message, hub=hub))

    def opened(self, caller: Caller) -> None:
        """A client is there, watched or not: remembers it if it is a diagnostic one."""
        if self._is_diagnostic(caller):
            hub = caller.hub.lower()
            self._connections.add(caller.connection_id)
            self._hubs[hub] += 1
            if caller.user_id is not None:
                self._users[hub, caller.user_id] += 1

    def closed(self, caller: Caller) -> None:
        """It is gone."""
        if caller.connection_id in self._connections:
            hub = caller.hub.lower()
            self._connections.remove(caller.connection_id)
            _count_down(self._hubs, hub)
            if caller.user_id is not None:
                _count_down(self._users, (hub, caller.user_id))

    def _concerns_diagnostic(self, hub: str, audience: Audience) -> bool:
        match audience.kind:
            case AudienceKind.CONNECTIONS:
                return any(name in self._connections for name in audience.names)
            case AudienceKind.USERS:
                return any((hub, name) in self._users for name in audience.names)
            case _:
                return hub in self._hubs

    def _tell(self, event: TraceEvent) -> None:
        for watch in (*self._watches, *self._relays):
            watch.tell(event)

    def _note_watched(self) -> None:
        self.is_watched = bool(self._watches or self._relays)
        if self.on_watched is not None:
            self.on_watched(bool(self._watches))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)


def _count_down(counter: Counter[_Name], name: _Name) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
