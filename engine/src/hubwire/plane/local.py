"""The data plane of a single process: posts to lines that this process holds. Knows no socket, codec or task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from hubwire.errors import ConnectionGone
from hubwire.model import Audience, Connected, Features, Member
from hubwire.plane.listing import check_limit, listed
from hubwire.plane.registry import Registry
from hubwire.ports import Line
from hubwire.wire.encoded import EncodedMessage

_log = logging.getLogger("hubwire.plane")

SLICE_SIZE = 500
"""Posts, or closes, between two yields: 500 system calls are 3 to 4 ms, about what pings and replies may wait."""


class LocalDataPlane:
    """Implements `DataPlane` over a registry of lines.

    Fan-outs to more than one slice run one after the other, in the order of their calls, so that every line sees all
    sends in one order; a send that meets one under way waits for it. Cancelling such a send cuts it off at a slice.
    """

    __slots__ = ("_slice_size", "_turn", "_under_way", "features", "registry")

    def __init__(self, registry: Registry | None = None, *, slice_size: int = SLICE_SIZE) -> None:
        self.registry = registry if registry is not None else Registry()
        """Where the server attaches and detaches its lines."""
        self.features = Features.ABORT_CALLER | Features.STREAMING | Features.CLIENT_RESULTS
        self._slice_size = slice_size
        self._turn = asyncio.Lock()  # wakes its waiters in the order of their calls
        self._under_way = 0  # sends that hold the turn or wait for it; the lock looks free while it changes hands

    def send_at_once(self, audience: Audience, message: EncodedMessage) -> int | None:
        """Send and return the number of receivers; None: that takes more than one slice, or a turn, so use `send`."""
        if self._under_way:
            return None
        lines = self.registry.lines(audience)
        if len(lines) > self._slice_size:
            return None
        _post(lines, message)
        return len(lines)

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        # The common case: no await between the call and the last post, so nothing can come in between.
        if self.send_at_once(audience, message) is not None:
            return
        self._under_way += 1
        try:
            async with self._turn:
                lines = self.registry.lines(audience)
                for start in range(0, len(lines), self._slice_size):
                    if start:
                        await asyncio.sleep(0)
                    _post(lines[start : start + self._slice_size], message)
        finally:
            self._under_way -= 1

    async def add_to_group(self, group: str, member: Member) -> None:
        self.registry.join(group, member)

    async def remove_from_group(self, group: str, member: Member) -> None:
        self.registry.leave(group, member)

    async def remove_from_all_groups(self, member: Member) -> None:
        self.registry.leave_all(member)

    async def close(self, audience: Audience, reason: str | None = None, *, allow_reconnect: bool = False) -> None:
        for number, line in enumerate(self.registry.lines(audience)):
            if number and number % self._slice_size == 0:
                await asyncio.sleep(0)
            try:
                line.close(reason, allow_reconnect)
            except Exception:  # noqa: BLE001 - the boundary between connections: one must not keep the others open
                _log.exception("Connection %s failed to close; the others are closed", line.caller.connection_id)

    async def exists(self, audience: Audience) -> bool:
        return self.registry.has_any(audience)

    async def members(self, audience: Audience, *, after: str = "", limit: int | None = None) -> list[Connected]:
        check_limit(limit)
        return await listed(self.registry.lines(audience), after, limit)

    async def invoke(
        self, connection_id: str, target: str, arguments: Sequence[object], timeout_seconds: float | None = None
    ) -> object:
        for line in self.registry.lines(Audience.connection(connection_id)):
            return await line.ask(target, arguments, timeout_seconds)
        raise ConnectionGone(connection_id, had_been_asked=False)


def _post(lines: list[Line], message: EncodedMessage) -> None:
    """Post to each line. A line must not raise; one that does anyway costs its own message only."""
    for line in lines:
        try:
            line.post(message)
        except Exception:  # noqa: BLE001 - the boundary between connections, see above
            _log.exception("Connection %s refused a message; the others get it", line.caller.connection_id)
