"""Lets the kernel notice peers that vanished without a word; who only reads from them never would."""

from __future__ import annotations

import socket

_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""Seconds of silence before the kernel asks, seconds between, times. Two minutes; its own would be two hours."""


def keep_alive(each: socket.socket) -> None:
    """Set it on a TCP socket. Connections have it from their listener, so that it costs them nothing."""
    if each.family in (socket.AF_INET, socket.AF_INET6):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if hasattr(socket, name):  # macOS has other names
                each.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
