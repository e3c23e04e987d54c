"""What a `HubConnection` is doing, in the words of the official clients."""

from __future__ import annotations

import enum


class ConnectionState(enum.Enum):
    """Where a `HubConnection` is."""

    DISCONNECTED = "Disconnected"
    CONNECTING = "Connecting"
    """`start` runs."""
    CONNECTED = "Connected"
    """Calls may be made; also while stateful reconnect is looking for another socket."""
    RECONNECTING = "Reconnecting"
    """The connection was lost and another is being made."""
    DISCONNECTING = "Disconnecting"
    """`stop` runs."""
