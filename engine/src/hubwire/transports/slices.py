"""How much input of one client is worked off between two turns of the loop. Knows no transport.

The loop hands out up to 8 MiB at once, and an ASGI server a message of 16, which as pings would make every other client
wait for seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

SLICE_BYTES = 16 * 1024
"""16 KiB of pings take 2 ms."""


def slices(data: bytes) -> Iterator[bytes]:
    """Cut input into slices; between two of them the others want their turn."""
    return (data[start : start + SLICE_BYTES] for start in range(0, len(data), SLICE_BYTES))
