"""The live trace of several processes: who watches at one of them sees what happens in all.

A node at which somebody watches says so now and then; the others send it what happens there until it says otherwise or
falls silent. While nobody watches, nothing is sent. Of what a node has to tell, a bounded part goes out, and how much
does not.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable

import msgspec

from hubwire.plane import subjects
from hubwire.plane.bus import Bus
from hubwire.plane.envelope import Envelope, Traced, Watched
from hubwire.server.live_trace import LiveTrace, TraceEvent, TraceWatch, printable

_AT_ONCE = 200
"""Events in one message between nodes: some 60 KiB."""
_GATHER_SECONDS = 0.05
"""How long events are gathered: 4,000 of a node in a second at most, which nobody reads anyway."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[TraceEvent]] = msgspec.msgpack.Decoder(list[TraceEvent])

_log = logging.getLogger("hubwire.cluster")


class TraceRelay:
    """That of one node. Implements `BusMember`."""

    def __init__(self, bus: Bus, trace: LiveTrace) -> None:
        """Join the bus; do so before it starts."""
        self._bus = bus
        self._trace = trace
        self._watched = subjects.watched(bus.options.namespace)
        self._subject = subjects.trace(bus.options.namespace)
        self._wanted_at: dict[str, float] = {}  # by nodes at which somebody watches: when they said so last
        self._is_relaying = False
        self._watch: TraceWatch | None = None
        bus.add(subjects.TRACE_HUB, self)

    async def run(self) -> None:
        """Say now and then that somebody watches here, and forget nodes that fell silent, until cancelled."""
        options, clock = self._bus.options, self._bus.clock
        self._trace.on_watched = self._note_watched
        if self._trace.is_watched_here:
            self._note_watched(True)
        while True:
            await clock.sleep(options.announce_seconds)
            if self._trace.is_watched_here:
                self._bus.tell([self._watched], Watched(self._bus.node_id, True))
            for node, said_at in list(self._wanted_at.items()):
                if clock.monotonic() - said_at >= options.node_timeout_seconds:
                    self._forget(node)

    # BusMember

    def joined(self) -> None:
        self._bus.broker.subscribe(self._watched)

    def received(self, kind: bytes, name: bytes, envelope: Envelope) -> Awaitable[None] | None:
        match envelope:
            case Watched() if envelope.node != self._bus.node_id:
                if envelope.is_watched:
                    self._wanted_at[envelope.node] = self._bus.clock.monotonic()
                    if not self._is_relaying:
                        self._is_relaying = True
                        self._bus.run(self._relay())
                else:
                    self._forget(envelope.node)
            case Traced() if envelope.origin != self._bus.node_id:
                try:
                    events = _decoder.decode(envelope.events)
                except msgspec.DecodeError as error:
                    _log.warning("Another node traces in another way: %s. Run the same release on all nodes", error)
                else:
                    self._trace.relay(events, envelope.lost)
            case _:
                pass
        return None

    def lost(self) -> None:
        return

    def restored(self, seconds: float) -> None:
        if self._trace.is_watched_here:
            self._bus.tell([self._watched], Watched(self._bus.node_id, True))

    def node_gone(self, node_id: str) -> None:
        self._forget(node_id)

    def _note_watched(self, is_watched: bool) -> None:
        if is_watched:
            self._bus.broker.subscribe(self._subject)
        else:
            self._bus.broker.unsubscribe(self._subject)
        self._bus.tell([self._watched], Watched(self._bus.node_id, is_watched))

    def _forget(self, node: str) -> None:
        self._wanted_at.pop(node, None)
        if not self._wanted_at and self._watch is not None:
            self._watch.end()

    async def _relay(self) -> None:
        """Send what happens here, until nobody elsewhere watches."""
        try:
            with self._trace.watch_for_others(_AT_ONCE) as self._watch:
                while self._wanted_at and (taken := await self._watch.take()) is not None:
                    events, lost = taken
                    named = [msgspec.structs.replace(event, node=self._bus.node_id) for event in events]
                    self._bus.tell([self._subject], Traced(self._bus.node_id, _packed(named), lost))
                    await self._bus.clock.sleep(_GATHER_SECONDS)
        finally:
            self._watch = None
            self._is_relaying = False


def _packed(events: list[TraceEvent]) -> bytes:
    try:
        return _encoder.encode(events)
    except UnicodeEncodeError:
        return _encoder.encode([printable(event) for event in events])
