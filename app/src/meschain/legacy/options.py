"""Limits and intervals of the old dialects, each with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LegacyOptions:
    low_stock_threshold: int = 5
    """Pieces; the shop's own setting."""
    grace_seconds: float = 0.3
    """How long the greeting waits where the first frame may still tell the dialect: one round trip, and some more."""
    tick_seconds: float = 1.0
    """Between two looks at what is due. 1 s: the old servers' own loops."""
    poll_seconds: float = 0.5
    """Between two looks for new events, while anybody is connected: what the shop itself is asked at."""
    ratchet_flush_seconds: float = 5.0
    """Between two updates of the marketplace stream: what the old server meant to keep."""
    native_update_seconds: float = 10.0
    """Between two periodic updates of the dashboard stream, as in the old server."""
    panel_seconds: float = 30.0
    """Interval of the panel that names none: the old server's default."""
    panel_shortest_seconds: float = 5.0
    """A panel that asks for less gets this: figures are read no faster for the new pages either."""
    panel_longest_seconds: float = 3600.0
    waiting_events: int = 500
    """Events that wait for a flush, per channel; beyond it the oldest are left out."""
    fresh_seconds: float = 1.0
    """Figures read so recently serve whoever asks next."""
    read_seconds: float = 10.0
    """How long a read of the figures may take before the connection is shown none."""
    totals_seconds: float = 30.0
    """How long the sum over all orders is kept: reading it takes a look at each of them."""
    message_bytes: int = 64 * 1024
    """Largest frame of a client. Its largest own has some hundred bytes."""
    verbs: int = 60
    """Frames of one connection within `verbs_window_seconds`: a page that was offline sends what it has gathered."""
    verbs_window_seconds: float = 3.0
    """So 20 a second in the long run; twice what a page with doubled timers sends at its worst."""
    syncs_per_minute: int = 6
    """Syncs of one connection. A sync that runs already is joined, not started again."""
    outbox_messages: int = 256
    """What may wait for a slow reader; then it is dropped, and comes back by its own reconnect."""
    held_events: int = 100
    """What may wait until the start of a sync is told. All fit into the outbox: one becomes two messages at most."""
    away_seconds: float = 300.0
    """Who comes again within it is told what it missed. 5 min: the role client gives up after 225 s."""
    write_seconds: float = 20.0
    """How long one message may take to be written."""
    ping_seconds: float = 25.0
    """Between two pings of ours; whoever has not answered one by the next is gone. Below what proxies cut at (60 s)."""
    connections: int = 2000
    """Open ones per listener; above it the upgrade is answered by 503."""
    connections_per_address: int = 200
    """An office of old pages, each of which may hold several sockets by its doubled retries."""
    usage_seconds: float = 30.0
    """Between two writes of who is there."""
    recall_look_seconds: float = 1.0
    """Between two looks for recalls, which a person asks for."""
    drain_seconds: float = 5.0
    """How long a stop waits for closing handshakes."""
