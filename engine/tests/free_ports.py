"""Ports for programs that are started later. What listens in the test's own process asks for port 0."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack, suppress

_LOWEST_PORT = 10_000
_PORTS = 22_000


def free_port() -> int:
    """A port of loopback on which nobody listens now."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many free ports in a row.

    From below those that the system gives to outgoing connections: one of these is in use again before a program has
    started, on a machine on which many tests run.
    """
    while True:
        first = _LOWEST_PORT + secrets.randbelow(_PORTS - count)
        with suppress(OSError), ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
