"""How many sockets this process may open; looked at before it listens. Knows no server,
and of sockets only what share of the descriptors may be clients'."""

from __future__ import annotations

import importlib
from typing import Any

from hubwire.errors import TooFewDescriptors
from hubwire.server.sockets import room_among

_ENOUGH = 1_048_576
"""What is asked for where there is no hard limit: the kernel's own for one process (`fs.nr_open`)."""


def raise_descriptor_limit() -> int | None:
    """Raise the soft limit to the hard one; returns how many this process may open, None: nobody says."""
    try:
        resource: Any = importlib.import_module("resource")
    except ImportError:  # Windows, which has no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY:
        return _ENOUGH
    if soft >= wanted:
        return int(soft)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS takes less than it says
        return int(soft)
    return int(wanted)


def check_descriptors(connections: int | None) -> int | None:
    """Raise the limit and see that so many connections of one process fit; returns for how many there is room.

    Args:
        connections: as `ServerOptions.maximum_connections`; None: as many as there is room for.

    Raises: TooFewDescriptors.
    """
    limit = raise_descriptor_limit()
    if limit is None:
        return None
    room = room_among(limit)
    if connections is not None and connections > room:
        raise TooFewDescriptors(connections, limit, room)
    return room
