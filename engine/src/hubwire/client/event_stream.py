"""Reads a stream of server-sent events: the data of each, in order (WHATWG HTML, 9.2). Knows no HTTP, no messages."""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLarge(Exception):
    """An event is larger than the limit."""


class EventStreamReader:
    """Collects the bytes of one stream."""

    __slots__ = ("_data", "_held_bytes", "_is_after_return", "_is_first_line", "_limit_bytes", "_line")

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit_bytes = limit_bytes
        self._line = bytearray()
        self._data: list[bytes] = []
        self._held_bytes = 0
        self._is_first_line = True
        self._is_after_return = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take input, cut anywhere, and return the data of the events that it completes.

        Raises: EventTooLarge.
        """
        if not chunk:
            return []
        # A carriage return ends its line at once, so a line feed behind it is its other half, not another end.
        position = 1 if self._is_after_return and chunk.startswith(b"\n") else 0
        self._is_after_return = chunk.endswith(b"\r")
        events: list[bytes] = []
        for end in _LINE_END.finditer(chunk, position):
            self._line += chunk[position : end.start()]
            self._end_line(events)
            position = end.end()
        self._line += chunk[position:]
        self._check_limit()
        return events

    def _end_line(self, events: list[bytes]) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
                self._data = []
                self._held_bytes = 0
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._held_bytes += len(value) + 1
            self._check_limit()

    def _check_limit(self) -> None:
        if self._limit_bytes is not None and self._held_bytes + len(self._line) > self._limit_bytes:
            raise EventTooLarge
