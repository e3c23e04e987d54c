"""One hub as this server hosts it: everything its connections share. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubwire.clock import Clock
from hubwire.observe import Observer
from hubwire.options import HubOptions
from hubwire.ports import HubHandler, LineRegistry, TokenVerifier
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel


@dataclass(frozen=True, slots=True, eq=False)
class HostedHub:
    """A registered hub."""

    name: str
    options: HubOptions
    handler: HubHandler
    method_name: Callable[[str], str | None]
    """The registered spelling of a target, None: unknown."""
    registry: LineRegistry
    verifier: TokenVerifier | None
    """None: everybody may connect, and nobody has a user id."""
    clock: Clock
    observer: Observer
    wheel: TimerWheel
    tasks: Tasks

    @property
    def frame_limit_bytes(self) -> int | None:
        """Largest WebSocket frame taken in, None: any. It must at least hold the largest hub message."""
        limit = self.options.maximum_receive_message_bytes
        return None if limit is None else max(limit, self.options.maximum_receive_frame_bytes)
