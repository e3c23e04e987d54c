"""Changes by the server's binary log: each as it is committed, every quantity in between included.

What is read from tables and what the log says are joined at a place in the log: the end of the log is noted, the tables
are looked at, and what the log says of the stock up to where it ended after the look counts by its last value alone.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from meschain.domain.events import NewEvent
from meschain.domain.new_events import alert_event
from meschain.domain.payloads import SystemAlert
from meschain.opencart.capture.binlog_position import BinlogPosition
from meschain.opencart.capture.binlog_reader import (
    BinlogAddress,
    BinlogGone,
    BinlogLost,
    BinlogPiece,
    BinlogReader,
    BinlogRefused,
)
from meschain.opencart.capture.binlog_server import read_server
from meschain.opencart.capture.journal import Capture, Journal
from meschain.opencart.capture.polling import Look
from meschain.opencart.capture.rows import ShopRows, StockRow
from meschain.opencart.store_time import iso_utc
from meschain.services.ports import CaptureImpossible, Changes, ShopUnavailable

_log = logging.getLogger(__name__)

VISIBLE_SECONDS: Final = 1.0
"""A transaction stands in the log a moment before its rows can be read; after so long they can."""

GATHER_SECONDS: Final = 0.02
"""From the begin of one batch to the next: in a burst, what comes meanwhile is described and stored together, for each
batch costs some fifteen statements whatever its size. The first change of a burst waits for nothing."""


@dataclass(frozen=True, slots=True)
class BinlogOptions:
    """How the log is followed."""

    server_id: int
    """Ours among the server's replicas: no other may have it."""
    heartbeat_seconds: float = 1.0
    """How often a server with nothing to say says so. A stop waits for that, and so does the end of an edit."""


class BinlogSource:
    """`services.ports.ChangeSource` by the binary log of MariaDB or MySQL."""

    name = "binary log"

    def __init__(self, capture: Capture, options: BinlogOptions) -> None:
        self._capture = capture
        self._options = options

    async def changes(self) -> AsyncGenerator[Changes, None]:
        journal = await Journal.open(replace(self._capture, is_early=True))
        stored = await self._capture.cursors.load(self._capture.names.binlog)
        position = BinlogPosition.parse(stored) if stored else None  # empty: polled since
        announcement: list[NewEvent] = []
        while True:
            joining = Joining(self._capture, journal)
            address, position = await joining.begin(self._options, position)
            changes = journal.changes(announcement + await joining.look())
            yield changes
            journal.stored(changes)
            try:
                prefix = (await self._capture.database.schema()).tables.prefix
                async with BinlogReader(address, prefix, position) as reader:
                    while True:
                        rows, position = joining.join(await reader.take(), position)
                        begun = self._capture.clock.monotonic()
                        events = await journal.take(rows)
                        changes = journal.changes(events, binlog=None if joining.is_open else str(position))
                        yield changes
                        journal.stored(changes)
                        if events:
                            left = begun + GATHER_SECONDS - self._capture.clock.monotonic()
                            await self._capture.clock.sleep(max(0.0, left))
            except BinlogGone as error:
                _log.warning("%s: stock and orders are compared anew with %s", error, self._capture.database.place)
                announcement = [self._announce(position)]
                position = None
            except BinlogRefused as error:
                raise CaptureImpossible(
                    f"{error}; GRANT REPLICATION SLAVE ON *.* to it, or set capture to polling."
                ) from error
            except BinlogLost as error:
                place = self._capture.database.place
                raise ShopUnavailable(
                    f"The binary log of {place} cannot be read ({error}); check that the server runs."
                ) from error

    def _announce(self, position: BinlogPosition) -> NewEvent:
        return alert_event(
            SystemAlert(
                id=f"opencart:binlog:{position}"[:190],
                message="The shop's binary log does not reach back to where it was read to. Stock and orders were"
                " compared with the shop itself; what the stock was in between is not known.",
                level="warning",
                source="change capture",
                timestamp=iso_utc(self._capture.clock.now()),
            )
        )


class Joining:
    """Makes one story of what the tables hold and of what the log says."""

    def __init__(self, capture: Capture, journal: Journal) -> None:
        self._capture = capture
        self._journal = journal
        self._until: BinlogPosition | None = None
        self._stock: dict[tuple[str, int], StockRow] = {}
        self._is_new = False

    @property
    def is_open(self) -> bool:
        """The log has not come to where the look at the tables ended."""
        return self._until is not None

    async def begin(
        self, options: BinlogOptions, position: BinlogPosition | None
    ) -> tuple[BinlogAddress, BinlogPosition]:
        """How to reach the log, and where to begin.

        Args:
            position: where it was read to; None: the tables have to be looked at.
        Raises: CaptureImpossible, ShopUnavailable.
        """
        server = await read_server(self._capture.database)
        is_known = position is not None and not self._journal.is_first and bool(position.file) != server.is_mariadb
        self._is_new = not is_known
        database = self._capture.database
        address = BinlogAddress(
            connection=database.blocking_connection(),
            server_id=options.server_id,
            schema=database.name,
            is_mariadb=server.is_mariadb,
            heartbeat_seconds=options.heartbeat_seconds,
        )
        return address, position if position is not None and is_known else server.position

    async def look(self) -> list[NewEvent]:
        """What the tables say that is not told yet. Raises: ShopUnavailable, CaptureImpossible."""
        look = Look(self._capture, self._journal)
        if self._is_new:
            await self._capture.clock.sleep(VISIBLE_SECONDS)
        events: list[NewEvent] = []
        is_more = True
        while is_more:
            rows, is_more = await look.rows()
            events += await self._journal.take(rows)
        if self._is_new:
            async for found in look.stock():
                events += found
            self._until = (await read_server(self._capture.database)).position
        return events

    def join(self, pieces: Sequence[BinlogPiece], position: BinlogPosition) -> tuple[ShopRows, BinlogPosition]:
        """The rows to take from these pieces, and the place behind them."""
        stock: list[StockRow] = []
        for piece in pieces:
            position = piece.position or position
            if self._until is None:
                stock += piece.rows.stock
                continue
            for row in piece.rows.stock:
                self._stock[row.kind, row.row_id] = row
            if piece.position is not None and (piece.is_end or piece.position.covers(self._until)):
                stock += self._stock.values()
                self._stock.clear()
                self._until = None
        history = tuple(row for piece in pieces for row in piece.rows.history)
        logins = tuple(row for piece in pieces for row in piece.rows.logins)
        return ShopRows(history, logins, tuple(stock)), position
