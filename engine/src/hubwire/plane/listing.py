"""Who is there: lists of connections in the order of their ids, and how pages of them travel between nodes.

An answer of a node is bounded by `PAGE_SIZE`, however many connections it holds. Knows no broker.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence

import msgspec

from hubwire.model import Connected
from hubwire.ports import Line

PAGE_SIZE = 5_000
"""Connections in one answer of a node: some 250 KiB with ids and users as they are, 5 ms to write and to read. A page
takes a look at every connection of the node, so that many small ones cost more than few large ones."""

_SLICE = 5_000
"""Lines looked at between two yields: about 1 ms."""

_FEW = 8
"""Up to what part of all to pick out is quicker than to sort: for 75,000 ids 200 take 3 ms, and sorting 45."""

_Rows = list[tuple[bytes, bytes | None]]

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[_Rows] = msgspec.msgpack.Decoder(_Rows)


def check_limit(limit: int | None) -> None:
    """Raises: ValueError for a page without room, behind which nobody could go on."""
    if limit is not None and limit < 1:
        raise ValueError(f"A page of {limit} connections cannot be listed: give a limit from 1 on, or None for all.")


async def listed(lines: Sequence[Line], after: str, limit: int | None) -> list[Connected]:
    """Return these lines as `DataPlane.members` does. Yields, so that whatever else runs need not wait for it."""
    users: dict[str, str | None] = {}  # a line in two of the groups stands there once
    for start in range(0, len(lines), _SLICE):
        if start:
            await asyncio.sleep(0)
        for line in lines[start : start + _SLICE]:
            caller = line.caller
            if caller.connection_id > after:
                users[caller.connection_id] = caller.principal.user_id
    are_few = limit is not None and limit * _FEW < len(users)
    ids = heapq.nsmallest(limit or 0, users) if are_few else sorted(users)[:limit]
    return [Connected(each, users[each]) for each in ids]


def pack_page(page: Sequence[Connected]) -> bytes:
    """Return the bytes of a node's answer."""
    return _encoder.encode([(_bytes(each.connection_id), _bytes_or_none(each.user_id)) for each in page])


def unpack_page(data: bytes) -> list[Connected]:
    """Read them. Raises: msgspec.DecodeError, UnicodeDecodeError."""
    return [Connected(_text(connection_id), _text_or_none(user_id)) for connection_id, user_id in _decoder.decode(data)]


def joined(pages: Sequence[Sequence[Connected]], page_size: int) -> tuple[list[Connected], bool]:
    """Put the answers of several nodes together: what of it is complete, and whether there is more behind it.

    A node whose answer is full may hold more. Behind the last id of such an answer something may be missing, so that
    everything up to the first of these ids is complete. That is at least one full answer, so each round gets on.
    """
    edge = min((page[-1].connection_id for page in pages if len(page) >= page_size), default=None)
    found = {each.connection_id: each for page in pages for each in page}
    complete = [found[each] for each in sorted(found) if edge is None or each <= edge]
    return complete, edge is not None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _bytes_or_none(text: str | None) -> bytes | None:
    return None if text is None else _bytes(text)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _text_or_none(data: bytes | None) -> str | None:
    return None if data is None else _text(data)
