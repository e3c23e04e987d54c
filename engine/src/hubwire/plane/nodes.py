"""The directory of nodes: who lives, where, with which figures. Knows no hub.

Each node announces itself now and then on one subject; a new one asks the others to do so at once; one that ends says
so, and one that fell silent counts as gone. While the broker is away nobody is heard, so nobody counts as gone.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from hubwire.plane import subjects
from hubwire.plane.bus import Bus
from hubwire.plane.envelope import Alive, Envelope, Leaving

Figures = Callable[[], Mapping[str, float]]
"""Gives the figures of this node; called every `ClusterOptions.announce_seconds`, so it returns at once."""

_log = logging.getLogger("hubwire.cluster")


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One process of a cluster, as it said last."""

    id: str
    address: str | None = None
    """Base address on which its peers reach it; None: they do not."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What its application tells of itself."""
    is_self: bool = False
    """Whether it is the process that is asked."""


class NodeDirectory:
    """Those of one cluster, as one node sees them."""

    def __init__(self, bus: Bus, address: str | None = None, figures: Figures = dict) -> None:
        """Join the bus; do so before it starts."""
        self._bus = bus
        self._address = address
        self._figures = figures
        self._subject = subjects.directory(bus.options.namespace)
        self._nodes: dict[str, NodeInfo] = {}
        self._heard_at: dict[str, float] = {}
        bus.add(b"", self)

    @property
    def nodes(self) -> list[NodeInfo]:
        """This one first, the others in the order of their ids."""
        own = NodeInfo(self._bus.node_id, self._address, self._own_figures(), is_self=True)
        return [own, *(self._nodes[each] for each in sorted(self._nodes))]

    def find(self, node_id: str) -> NodeInfo | None:
        """Return a live node; None: there is none of that id."""
        if node_id == self._bus.node_id:
            return self.nodes[0]
        return self._nodes.get(node_id)

    def address(self, node_id: str) -> str | None:
        """Return where a live node is reached by its peers; None: nowhere, or there is none of that id."""
        node = self.find(node_id)
        return None if node is None else node.address

    async def run(self) -> None:
        """Announce this node and forget those that fell silent, until cancelled."""
        options, clock = self._bus.options, self._bus.clock
        self._announce(asks=True)
        looked_at = clock.monotonic()
        while True:
            await clock.sleep(options.announce_seconds)
            self._announce()
            now = clock.monotonic()
            if now - looked_at > options.node_timeout_seconds:
                self._trust_all()  # we are the one who stood still, and have not read what the others said
            looked_at = now
            if self._bus.broker.is_available:
                for node_id, heard_at in list(self._heard_at.items()):
                    if now - heard_at >= options.node_timeout_seconds:
                        _log.warning("Node %s fell silent; its connections count as gone", node_id)
                        self._remove(node_id)

    def leave(self) -> None:
        """Tell the others that this node ends."""
        self._bus.tell([self._subject], Leaving(self._bus.node_id))

    # BusMember

    def joined(self) -> None:
        self._nodes.clear()
        self._heard_at.clear()
        self._bus.broker.subscribe(self._subject)

    def received(self, kind: bytes, name: bytes, envelope: Envelope) -> Awaitable[None] | None:
        match envelope:
            case Alive() if envelope.node != self._bus.node_id:
                if envelope.node not in self._nodes:
                    _log.info("Node %s is there", envelope.node)
                self._nodes[envelope.node] = NodeInfo(envelope.node, envelope.address, envelope.figures)
                self._heard_at[envelope.node] = self._bus.clock.monotonic()
                if envelope.asks:
                    self._announce()
            case Leaving() if envelope.node in self._nodes:
                _log.info("Node %s has ended", envelope.node)
                self._remove(envelope.node)
            case _:
                pass
        return None

    def lost(self) -> None:
        return

    def restored(self, seconds: float) -> None:
        self._trust_all()
        self._announce(asks=True)

    def node_gone(self, node_id: str) -> None:
        return  # said by this directory itself

    def _announce(self, *, asks: bool = False) -> None:
        self._bus.tell([self._subject], Alive(self._bus.node_id, self._address, asks, self._own_figures()))

    def _own_figures(self) -> dict[str, float]:
        try:
            return {str(name): float(value) for name, value in self._figures().items()}
        except Exception:  # noqa: BLE001 - the boundary to the application: a node without figures lives all the same
            _log.exception("The figures of this node failed; it announces none")
            return {}

    def _trust_all(self) -> None:
        now = self._bus.clock.monotonic()
        for node_id in self._heard_at:
            self._heard_at[node_id] = now

    def _remove(self, node_id: str) -> None:
        del self._nodes[node_id], self._heard_at[node_id]
        self._bus.node_gone(node_id)
