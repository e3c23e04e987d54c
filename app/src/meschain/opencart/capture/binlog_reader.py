"""Follows a server's binary log in a thread of its own, and hands over what it says. Knows no events of ours.

The library behind it reads from a blocking socket. It connects anew by itself when a connection breaks, at the place
where it once began; that is prevented here, for whoever reads knows better where to go on. What comes with every
transaction goes past it (`_take`): a thousand a second would be more than it reads.
"""

from __future__ import annotations

import asyncio
import queue
import struct
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import pymysql
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.constants import BINLOG
from pymysqlreplication.event import HeartbeatLogEvent, MariadbGtidEvent, QueryEvent, XidEvent
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

from meschain.opencart.capture.binlog_connection import LogConnection
from meschain.opencart.capture.binlog_layout import RowLayout
from meschain.opencart.capture.binlog_position import BinlogPosition
from meschain.opencart.capture.binlog_rows import RowCollector, UnreadableRow
from meschain.opencart.capture.rows import ShopRows

POSITION_SECONDS: Final = 1.0
"""How often others' transactions move the position that is stored."""
SILENCE_SECONDS: Final = 10
"""Without a word for so long the connection counts as broken."""
WAITING: Final = 1_000
"""Pieces that wait to be taken; above it the server is not read, and keeps the rest in its log."""
LARGEST_PIECE: Final = 1_000
"""Rows handed over at once; a longer transaction comes in several pieces."""

_GONE: Final = 1236
"""The server's error for a position that its log does not reach back to, or that it does not know."""
_REFUSED: Final = frozenset({1044, 1045, 1227, 1698})
_LOST: Final = 2013
_OWN_CONNECTIONS: Final = 2
"""The log's, and the library's for questions; what comes after these is a second attempt."""
_NO_ENDS: Final = ("BEGIN", "SAVEPOINT", "ROLLBACK TO", "RELEASE SAVEPOINT")
"""Statements in the log that do not end a transaction."""

_INSERTS: Final = frozenset({BINLOG.WRITE_ROWS_EVENT_V1, BINLOG.WRITE_ROWS_EVENT_V2})
_UPDATES: Final = frozenset({BINLOG.UPDATE_ROWS_EVENT_V1, BINLOG.UPDATE_ROWS_EVENT_V2})
_DELETIONS: Final = frozenset({BINLOG.DELETE_ROWS_EVENT_V1, BINLOG.DELETE_ROWS_EVENT_V2})
_ROWS: Final = _INSERTS | _UPDATES | _DELETIONS
_SECOND_FORM: Final = frozenset({BINLOG.WRITE_ROWS_EVENT_V2, BINLOG.UPDATE_ROWS_EVENT_V2, BINLOG.DELETE_ROWS_EVENT_V2})
"""Rows with more of a head."""
_CHECKSUM_BYTES: Final = 4
_SERVER_AT: Final = 6
_BODY_AT: Final = 20
"""Behind the byte that says that it is no error, and the header of nineteen."""
_TABLE_BYTES: Final = 6


class BinlogGone(Exception):
    """The log does not reach back to the position, or holds rows that say too little: look at the shop itself."""


class BinlogRefused(Exception):
    """The account may not follow the log."""


class BinlogLost(Exception):
    """The connection broke, or could not be made."""


@dataclass(frozen=True, slots=True)
class BinlogAddress:
    """How to reach the log. The password is not shown."""

    connection: dict[str, Any]
    """As the library takes it."""
    server_id: int
    """Ours, among the replicas of that server."""
    schema: str
    is_mariadb: bool
    heartbeat_seconds: float
    """How often a server with nothing to say says so; a stop waits for that at most."""

    def __repr__(self) -> str:
        return f"BinlogAddress({self.connection.get('host')}:{self.connection.get('port')}/{self.schema})"


@dataclass(frozen=True, slots=True)
class BinlogPiece:
    """What the log said next."""

    rows: ShopRows
    position: BinlogPosition | None
    """Behind it; None: in the middle of a transaction."""
    is_end: bool = False
    """There is nothing more for now."""


class _Stopped(Exception):
    """Nobody reads any more."""


class BinlogReader:
    """The log from a position on, as an asynchronous context."""

    def __init__(self, address: BinlogAddress, prefix: str, position: BinlogPosition) -> None:
        self._address = address
        self._rows = RowCollector(prefix)
        self._position = position
        self._told_at = 0.0
        self._gtid = ""
        self._pieces: queue.Queue[BinlogPiece | Exception] = queue.Queue(WAITING)
        self._stopping = threading.Event()
        self._dials = 0
        self._checksum = 0
        self._maps: dict[bytes, bytes] = {}
        self._layouts: dict[bytes, tuple[str, RowLayout | None]] = {}
        self._stream: BinLogStreamReader | None = None
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="binlog", daemon=True)

    async def __aenter__(self) -> BinlogReader:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await self._ended.wait()
        self._thread.join()  # that was its last word

    @property
    def waiting(self) -> int:
        """Pieces that came and were not taken."""
        return self._pieces.qsize()

    async def take(self) -> list[BinlogPiece]:
        """What came, in its order; waits for the first. Raises: BinlogGone, BinlogRefused, BinlogLost."""
        await self._arrived.wait()
        self._arrived.clear()
        found: list[BinlogPiece] = []
        while True:
            try:
                piece = self._pieces.get_nowait()
            except queue.Empty:
                return found
            if isinstance(piece, Exception):
                raise piece
            found.append(piece)

    # --- in the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._follow()
        except _Stopped:
            pass
        except UnreadableRow as error:
            self._put(BinlogGone(str(error)))
        except pymysql.MySQLError as error:
            self._put(_explained(error))
        except Exception as error:  # noqa: BLE001 - the thread's boundary: whatever the library raises ends the reading
            self._put(BinlogLost(f"{type(error).__name__}: {error}"))
        finally:
            self._tell_loop(self._ended)

    def _follow(self) -> None:
        stream = self._stream = self._open()
        try:
            while not self._stopping.is_set():
                event = stream.fetchone()
                if event is None:
                    raise BinlogLost("the server ended the log's transfer")
                self._see(event)
        finally:
            stream.close()

    def _open(self) -> BinLogStreamReader:
        address, position = self._address, self._position
        place = (
            {"auto_position": position.gtids, "is_mariadb": True}
            if address.is_mariadb
            else {"log_file": position.file, "log_pos": position.offset, "resume_stream": True}
        )
        return BinLogStreamReader(
            connection_settings={**address.connection, "read_timeout": SILENCE_SECONDS},
            server_id=address.server_id,
            blocking=True,
            only_events=[
                WriteRowsEvent,
                UpdateRowsEvent,
                DeleteRowsEvent,
                QueryEvent,
                XidEvent,
                MariadbGtidEvent,
                HeartbeatLogEvent,
            ],
            only_tables=self._rows.tables,
            only_schemas=[address.schema],
            slave_heartbeat=address.heartbeat_seconds,
            ignore_decode_errors=True,  # of columns that nobody looks at
            enable_logging=False,
            pymysql_wrapper=self._dial,
            **place,
        )

    def _dial(self, **settings: Any) -> Any:
        self._dials += 1
        if self._dials > _OWN_CONNECTIONS:
            raise pymysql.OperationalError(_LOST, "the connection to the binary log broke")
        if "db" in settings:
            settings["database"] = settings.pop("db")  # the library's old word, which the driver warns of
        connection = LogConnection(**settings)
        connection.take = self._take
        return connection

    def _take(self, kind: int, packet: bytes) -> bool:
        """Take an event in before the library does; False: it is the library's."""
        if self._stopping.is_set():
            raise _Stopped
        end = len(packet) - self._checksum
        if kind in _ROWS:
            return self._take_rows(kind, packet, end)
        if kind == BINLOG.TABLE_MAP_EVENT:
            table = packet[_BODY_AT : _BODY_AT + _TABLE_BYTES]
            content = packet[_BODY_AT + _TABLE_BYTES : end]
            is_known = self._maps.get(table) == content
            if not is_known:
                self._maps[table] = content
                self._layouts.pop(table, None)
            return is_known
        if self._address.is_mariadb and kind == BINLOG.MARIADB_GTID_EVENT:
            sequence, domain = struct.unpack_from("<QI", packet, _BODY_AT)
            (server,) = struct.unpack_from("<I", packet, _SERVER_AT)
            self._begin_transaction(f"{domain}-{server}-{sequence}")
            return True
        if self._address.is_mariadb and kind == BINLOG.XID_EVENT:
            self._end_transaction()
            return True
        if kind == BINLOG.FORMAT_DESCRIPTION_EVENT:
            # Its last byte before a checksum, which this event always has, says whether the others have one.
            self._checksum = _CHECKSUM_BYTES if packet[-1 - _CHECKSUM_BYTES] else 0
        elif kind == BINLOG.ROTATE_EVENT:
            self._maps.clear()
            self._layouts.clear()
        return bool(kind == BINLOG.MARIADB_ANNOTATE_ROWS_EVENT)

    def _take_rows(self, kind: int, packet: bytes, end: int) -> bool:
        table = packet[_BODY_AT : _BODY_AT + _TABLE_BYTES]
        if table not in self._layouts:
            if table not in self._maps or self._stream is None:
                return False
            found = self._stream.table_map.get(int.from_bytes(table, "little"))
            self._layouts[table] = (
                ("", None) if found is None else (found.table, RowLayout.of(found.columns, RowCollector.COLUMNS))
            )
        name, layout = self._layouts[table]
        if not name:
            return True  # a table that nobody asks for
        at = _BODY_AT + _TABLE_BYTES + 2
        if kind in _SECOND_FORM:
            at += int.from_bytes(packet[at : at + 2], "little")
        columns = packet[at]
        if layout is None or columns != layout.columns:
            return False
        at += 1
        for _ in range(2 if kind in _UPDATES else 1):
            if not layout.holds(packet[at : at + layout.bitmap_bytes]):
                return False
            at += layout.bitmap_bytes
        rows = layout.rows(packet[:end], at)
        if kind in _INSERTS:
            self._rows.add(name, ({"values": values} for values in rows))
        elif kind in _UPDATES:
            pairs = zip(rows, rows, strict=True)
            self._rows.add(name, ({"before_values": before, "after_values": after} for before, after in pairs))
        else:
            self._rows.add(name, ({"values": values, "deleted": {}} for values in rows))
        self._put_part()
        return True

    def _see(self, event: Any) -> None:
        if isinstance(event, WriteRowsEvent | UpdateRowsEvent):
            self._rows.add(event.table, event.rows)
        elif isinstance(event, DeleteRowsEvent):
            self._rows.add(event.table, ({**row, "deleted": {}} for row in event.rows))
        elif isinstance(event, MariadbGtidEvent):
            self._begin_transaction(event.gtid)
        elif isinstance(event, XidEvent) or (isinstance(event, QueryEvent) and _ends(event)):
            self._end_transaction()
            return
        elif isinstance(event, HeartbeatLogEvent):
            self._put(BinlogPiece(ShopRows(), self._position, is_end=True))
            return
        self._put_part()

    def _put_part(self) -> None:
        if len(self._rows) >= LARGEST_PIECE:
            self._put(BinlogPiece(self._rows.take(), None))

    def _begin_transaction(self, gtid: str) -> None:
        self._gtid = gtid
        self._rows.clear()

    def _end_transaction(self) -> None:
        if not self._address.is_mariadb and self._stream is not None:
            self._position = BinlogPosition(file=self._stream.log_file, offset=self._stream.log_pos)
        elif self._gtid:
            self._position = self._position.after(self._gtid)
        now = time.monotonic()
        # Others' transactions move the position too; a shop that is used has hundreds a second.
        if len(self._rows) or now - self._told_at >= POSITION_SECONDS:
            self._told_at = now
            self._put(BinlogPiece(self._rows.take(), self._position))

    def _put(self, piece: BinlogPiece | Exception) -> None:
        while not self._stopping.is_set():
            try:
                self._pieces.put(piece, timeout=self._address.heartbeat_seconds)
            except queue.Full:
                continue
            self._tell_loop(self._arrived)
            return

    def _tell_loop(self, event: asyncio.Event) -> None:
        try:
            self._loop.call_soon_threadsafe(event.set)
        except RuntimeError:
            self._stopping.set()  # the loop is closed: nobody reads any more


def _ends(event: QueryEvent) -> bool:
    query = event.query if isinstance(event.query, str) else event.query.decode(errors="replace")
    return not query.upper().startswith(_NO_ENDS)


def _explained(error: pymysql.MySQLError) -> Exception:
    code = error.args[0] if error.args else 0
    if code == _GONE:
        return BinlogGone("the server's binary log does not reach back to where it was read to")
    if code in _REFUSED:
        return BinlogRefused("the server refuses the account to follow its binary log")
    return BinlogLost(f"{type(error).__name__} {code}")
