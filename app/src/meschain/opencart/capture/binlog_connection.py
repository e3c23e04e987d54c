"""The connection over which a server sends its binary log, with a way past the library for what comes all the time.

The library makes some objects of every packet before it says what is in it. Here the log's packets are first offered to
`take`, as they are; only those that it does not take reach the library. Knows the frame of packets, not what they say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pymysql
from pymysql.constants import CR
from pymysql.protocol import MysqlPacket

Take = Callable[[int, bytes], bool]
"""Given an event's type and its whole packet, from the byte before the event's header on; True: it is done with."""

_DUMPS: Final = frozenset({0x12, 0x1E})
"""COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID: from then on the server sends its log and nothing else."""
_LARGEST: Final = 0xFFFFFF
"""A packet of this length goes on in the next one."""
_EVENT: Final = 0
_KIND_AT: Final = 5


class LogConnection(pymysql.Connection):  # type: ignore[misc] # the library is untyped
    """A connection as the library wants it."""

    take: Take | None = None
    """Set before the log is asked for."""
    _is_following = False
    _current_timeout: float | None

    def _write_bytes(self, data: bytes) -> None:
        self._is_following = len(data) > 4 and data[4] in _DUMPS
        super()._write_bytes(data)

    def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        if not self._is_following or self.take is None:
            return super()._read_packet(packet_type)
        if self._current_timeout != self._read_timeout:
            self._sock.settimeout(self._read_timeout)
            self._current_timeout = self._read_timeout
        while True:
            data = self._read_whole()
            if data[0] != _EVENT or len(data) <= _KIND_AT or not self.take(data[_KIND_AT], data):
                break
        packet = packet_type(data, self.encoding)
        if packet.is_error_packet():
            packet.raise_for_error()
        return packet

    def _read_whole(self) -> bytes:
        parts = []
        while True:
            length = int.from_bytes(self._read_exactly(4)[:3], "little")
            parts.append(self._read_exactly(length))
            if length < _LARGEST:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_exactly(self, length: int) -> bytes:
        try:
            data: bytes = self._rfile.read(length)
        except OSError as error:
            raise pymysql.OperationalError(CR.CR_SERVER_LOST, f"the log's transfer broke: {error}") from error
        if len(data) < length:
            raise pymysql.OperationalError(CR.CR_SERVER_LOST, "the server ended the log's transfer")
        return data
