"""Ports for programs that are started later. What listens in the test's own process asks for port 0."""

from __future__ import annotations

import secrets
import socket
from collections import deque
from contextlib import ExitStack, suppress

_LOWEST_PORT = 10_000
_PORTS = 22_000

_reserved: deque[ExitStack] = deque()
_CALLS_RESERVED = 64
"""The last ones. Before that a program listens on what was asked for, or will not."""


def free_port() -> int:
    """A port of loopback on which nobody listens now."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many free ports in a row.

    From below those that the system gives to outgoing connections: one of these is in use again before a program has
    started, on a machine on which many tests run. Until then it is kept from other tests, in other processes too, by a
    UDP socket of the same number.
    """
    while True:
        first = _LOWEST_PORT + secrets.randbelow(_PORTS - count)
        with suppress(OSError), ExitStack() as reserving, ExitStack() as looking:
            for port in range(first, first + count):
                reservation = reserving.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                reservation.bind(("127.0.0.1", port))
                looking.enter_context(socket.create_server(("127.0.0.1", port)))
            _reserved.append(reserving.pop_all())
            if len(_reserved) > _CALLS_RESERVED:
                _reserved.popleft().close()
            return first
