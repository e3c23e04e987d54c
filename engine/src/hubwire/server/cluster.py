"""A server as one of several: what a user gives, and what runs for it. Knows brokers by their port only."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping

from hubwire.clock import Clock
from hubwire.observe import Observer
from hubwire.options import ClusterOptions, HubOptions
from hubwire.plane.bus import Bus
from hubwire.plane.cluster import ClusterDataPlane
from hubwire.plane.envelope import Envelope
from hubwire.plane.nodes import Figures, NodeDirectory
from hubwire.ports import Broker
from hubwire.server.live_trace import LiveTrace
from hubwire.server.peers import Peers
from hubwire.server.trace_relay import TraceRelay
from hubwire.wire.codec import Codec

OnRestored = Callable[[float], Awaitable[None]]
"""Called with the seconds that the broker was away: what others sent meanwhile was missed here, so refresh clients."""

_NO_HUB = b" "
"""What no subject begins with: the server itself hears states only."""

_SHORTEST_KEY_BYTES = 16

_log = logging.getLogger("hubwire.cluster")


class Cluster:
    """Makes a `HubServer` one of several that act as one: same hubs, same options, same broker."""

    def __init__(
        self,
        broker: Broker,
        options: ClusterOptions | None = None,
        *,
        node_id: str | None = None,
        address: str | None = None,
        key: bytes | None = None,
        figures: Figures = dict,
        on_restored: OnRestored | None = None,
    ) -> None:
        """Prepare a node; each server needs one of its own.

        Args:
            node_id: names this process; None: at random. Never use one again for another process.
            address: base address on which the other nodes reach this one, told to them. They pass requests on to it
                that clients send for connections held here; give its socket to `make_server` as `internal`.
            key: signs connection tokens and what is passed on, the same secret for all nodes, best 32 random bytes.
                None: other nodes cannot read this one's tokens, so whatever is in front of them has to send each
                client to one node alone.
            figures: gives a few numbers of this process, which all nodes see in `HubServer.nodes`.
            on_restored: called after each outage of the broker.

        Raises: ValueError for a key so short that it could be guessed.
        """
        if key is not None and len(key) < _SHORTEST_KEY_BYTES:
            raise ValueError(
                f"The cluster's key has {len(key)} bytes: give {_SHORTEST_KEY_BYTES} or more random ones, the same on "
                "all nodes."
            )
        self.broker = broker
        self.options = options or ClusterOptions()
        self.node_id = node_id or secrets.token_urlsafe(6)
        self.address = address
        self.key = key
        self.figures = figures
        self.on_restored = on_restored


class ClusterNode:
    """What runs for a `Cluster` in its server."""

    def __init__(self, cluster: Cluster, clock: Clock, observer: Observer) -> None:
        self._on_restored = cluster.on_restored
        self._planes: list[ClusterDataPlane] = []
        self._observer = observer
        self._bus = Bus(cluster.broker, cluster.node_id, cluster.options, clock)
        self.directory = NodeDirectory(self._bus, cluster.address, cluster.figures)
        """Who else lives."""
        self._bus.add(_NO_HUB, self)
        self._relay: TraceRelay | None = None
        self.peers = None if cluster.key is None else Peers(cluster.node_id, cluster.key, self.directory)
        """For requests that belong to others; None: they cannot be passed on."""

    def make_plane(self, hub: str, options: HubOptions, codecs: Mapping[str, Codec]) -> ClusterDataPlane:
        """Make the data plane of a hub."""
        return ClusterDataPlane(self._bus, hub, options, codecs)

    def add(self, plane: ClusterDataPlane) -> None:
        """Let it have what comes in for its hub."""
        self._bus.add(plane.subjects.hub, plane)
        self._planes.append(plane)

    def remove(self, plane: ClusterDataPlane) -> None:
        """Forget the hub of a plane that is idle."""
        self._bus.remove(plane.subjects.hub)
        self._planes.remove(plane)
        plane.leave()

    def share(self, trace: LiveTrace) -> None:
        """Let those who watch see what happens in all nodes, before the start."""
        self._relay = TraceRelay(self._bus, trace)

    async def until_arrived(self) -> None:
        """Return when everything published for connections held here until now has reached them."""
        await asyncio.gather(*(plane.until_arrived() for plane in self._planes))

    @property
    def is_available(self) -> bool:
        """Whether other nodes can be reached."""
        return self._bus.broker.is_available

    async def start(self) -> None:
        """Connect. Raises: BrokerUnavailable."""
        await self._bus.start()
        self._bus.run(self.directory.run())
        if self._relay is not None:
            self._bus.run(self._relay.run())

    async def stop(self) -> None:
        """Say good-bye and end."""
        self.directory.leave()
        await self._bus.stop()

    # BusMember

    def joined(self) -> None:
        return

    def received(self, kind: bytes, name: bytes, envelope: Envelope) -> None:
        return

    def lost(self) -> None:
        self._observer.broker_lost()

    def restored(self, seconds: float) -> None:
        self._observer.broker_restored(seconds)
        if self._on_restored is not None:
            self._bus.run(self._tell(self._on_restored, seconds))

    def node_gone(self, node_id: str) -> None:
        return

    async def _tell(self, on_restored: OnRestored, seconds: float) -> None:
        try:
            await on_restored(seconds)
        except Exception:  # noqa: BLE001 - the boundary to the application, whose hook must not end this node
            _log.exception("on_restored failed; clients may show what was true %.1f s ago", seconds)
