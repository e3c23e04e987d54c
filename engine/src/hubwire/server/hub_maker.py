"""Makes what a server hosts a hub with: its data plane, alone or in a cluster, and what its connections share.

The one place that knows whether there are several processes. Knows no hub class and no path.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hubwire.clock import Clock
from hubwire.errors import LocalProtocolError
from hubwire.observe import Observer
from hubwire.options import HubOptions
from hubwire.plane.local import LocalDataPlane
from hubwire.ports import DataPlane, HubHandler, LineRegistry, TokenVerifier, Transport
from hubwire.server.cluster import ClusterNode
from hubwire.server.hosted import Hosted, HostedHub, Opening, Served
from hubwire.server.outboxes import Outboxes
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel
from hubwire.session.message_rates import MessageRates
from hubwire.wire.codec import Codec

Open = Callable[[Opening, Transport, Callable[[Served], None]], Served]
"""As `Hosted.open`."""


@dataclass(frozen=True, slots=True, eq=False)
class MadePlane:
    """A data plane with the registry of its lines, and how it comes and goes."""

    plane: DataPlane
    registry: LineRegistry
    join: Callable[[], None]
    """Called once its hub is added."""
    is_idle: Callable[[], bool]
    """Whether it waits for nothing, and nobody for it."""
    forget: Callable[[], None]
    """Called when its hub is gone."""


@dataclass(frozen=True, slots=True, eq=False)
class HubMaker:
    """That of one server."""

    clock: Clock
    observer: Observer
    wheel: TimerWheel
    tasks: Tasks
    outboxes: Outboxes
    node: ClusterNode | None
    """None: there are no other processes."""

    def plane(self, hub: str, options: HubOptions, codecs: Mapping[str, Codec]) -> MadePlane:
        """Make the data plane of a hub."""
        if self.node is None:
            local = LocalDataPlane()
            return MadePlane(local, local.registry, _nothing, _yes, _nothing)
        plane = self.node.make_plane(hub, options, codecs)
        join, forget = functools.partial(self.node.add, plane), functools.partial(self.node.remove, plane)
        return MadePlane(plane, plane, join, lambda: plane.is_idle, forget)

    def hub(
        self,
        name: str,
        registry: LineRegistry,
        handler: HubHandler,
        method_name: Callable[[str], str | None],
        options: HubOptions,
        codecs: Mapping[str, Codec],
    ) -> HostedHub:
        """Make what the connections of a hub share."""
        return HostedHub(
            name=name,
            options=options,
            codecs=codecs,
            handler=handler,
            method_name=method_name,
            registry=registry,
            clock=self.clock,
            observer=self.observer,
            wheel=self.wheel,
            tasks=self.tasks,
            outboxes=self.outboxes,
            rates=MessageRates(options),
            is_one_of_several=self.node is not None,
        )


def hosted_as(name: str, options: HubOptions, verifier: TokenVerifier | None, opening: Open) -> Hosted:
    """Make what a path leads to."""
    limit = options.maximum_receive_message_bytes
    return Hosted(
        name=name,
        options=options,
        verifier=verifier,
        open=opening,
        # A frame must at least hold the largest hub message.
        frame_limit_bytes=None if limit is None else max(limit, options.maximum_receive_frame_bytes),
        allows_stateful_reconnect=options.stateful_reconnect,
    )


def cannot_open(opening: Opening, transport: Transport, on_gone: Callable[[Served], None]) -> Served:
    """For what only stands for hubs that are not made yet. Raises: LocalProtocolError."""
    raise LocalProtocolError("This stands for hubs that are not made yet; open the one that is.")


def unnamed(target: str) -> None:
    """The registered spelling of a target where none is registered: what clients call may be anything there."""


def _nothing() -> None:
    """There is nothing to join or to forget."""


def _yes() -> bool:
    return True
