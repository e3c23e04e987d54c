"""Hubs that are made when they are named for the first time: how many, and when one is forgotten. Knows no handler.

Whoever names one has shown a token for it before, so strangers make none. A hub without connections holds nothing that
could not be made again: groups end with their connections. So when all places are taken, those of such hubs are given
up, all in one go, because looking for them takes a look at every connection.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from hubwire.azure.client_url import checked_hub_name
from hubwire.clock import Clock
from hubwire.errors import TooManyHubs
from hubwire.ports import DataPlane, Transport
from hubwire.server import answers
from hubwire.server.answers import Refused
from hubwire.server.hosted import Hosted, Opening, Served

_SEARCH_SECONDS = 1.0
"""How long a search for unused hubs that found none counts. 1 s: each takes a millisecond for 20,000 connections."""


@dataclass(frozen=True, slots=True, eq=False)
class MadeHub:
    """One hub, as long as it has its place."""

    hosted: Hosted
    plane: DataPlane
    is_idle: Callable[[], bool]
    """Whether its data plane waits for nothing."""
    forget: Callable[[], None]
    """Called when it loses its place."""


class HubsOfAnyName:
    """Those of one server, by their names in lower case."""

    def __init__(
        self,
        prototype: Hosted,
        make: Callable[[str], MadeHub],
        connections: Mapping[str, Served],
        clock: Clock,
        maximum: int,
    ) -> None:
        """Begin with none.

        Args:
            prototype: what all of them have in common.
            connections: all of the server.
        """
        self.prototype = prototype
        self._make = make
        self._connections = connections
        self._clock = clock
        self._maximum = maximum
        self._made: dict[str, MadeHub] = {}
        self._searched_at: float | None = None

    def __len__(self) -> int:
        """How many have a place."""
        return len(self._made)

    @property
    def names(self) -> Iterable[str]:
        """Of those that have a place."""
        return tuple(self._made)

    def find(self, name: str) -> Hosted:
        """Return what a request for a hub is admitted by; nothing is made yet. Raises: Refused for a malformed name."""
        name = name.lower()
        made = self._made.get(name)
        if made is not None:
            return made.hosted
        try:
            checked_hub_name(name)
        except ValueError:
            raise Refused(400, "The hub's name is malformed") from None
        common = self.prototype
        return Hosted(
            name=name,
            options=common.options,
            verifier=common.verifier,
            open=functools.partial(self._open, name),
            frame_limit_bytes=common.frame_limit_bytes,
            allows_stateful_reconnect=common.allows_stateful_reconnect,
            prepare=functools.partial(self._prepare, name),
        )

    def plane(self, name: str) -> DataPlane:
        """Return the data plane of a hub, which is made if need be.

        Raises: TooManyHubs; ValueError for a malformed name.
        """
        return self._find_or_make(checked_hub_name(name)).plane

    def _prepare(self, name: str) -> None:
        try:
            self._find_or_make(name)
        except TooManyHubs:
            raise answers.too_many_hubs() from None

    def _open(self, name: str, opening: Opening, transport: Transport, on_gone: Callable[[Served], None]) -> Served:
        made = self._made.get(name)
        if made is None:  # forgotten since it was prepared, which was a moment ago
            made = self._made[name] = self._make(name)
        return made.hosted.open(opening, transport, on_gone)

    def _find_or_make(self, name: str) -> MadeHub:
        made = self._made.get(name)
        if made is None:
            if len(self._made) >= self._maximum and not self._forget_unused():
                raise TooManyHubs(name, self._maximum)
            made = self._made[name] = self._make(name)
        return made

    def _forget_unused(self) -> bool:
        """Give up the places of hubs that nobody is connected to. Returns whether there is room now."""
        now = self._clock.monotonic()
        if self._searched_at is not None and now - self._searched_at < _SEARCH_SECONDS:
            return False
        used = {connection.caller.hub for connection in self._connections.values()}
        for name, made in list(self._made.items()):
            if name not in used and made.is_idle():
                del self._made[name]
                made.forget()
        has_room = len(self._made) < self._maximum
        self._searched_at = None if has_room else now
        return has_room
