"""What rows of the order history say about orders: confirmed, changed, edited, or nothing. Pure: time is an argument.

An order is confirmed by its first row with a status above 0 that is not the void status. Core suspends an order before
an administrator's edit: 4.1 by a row with the void status, 4.0 by one with status 0; the new status follows within a
second, and both together are one change. So a suspension is held back for a moment, and told only if it stands.
Rows may come again, and out of order between orders; one that was handled is passed by.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meschain.opencart.capture.rows import HistoryRow
from meschain.opencart.store_time import FORMAT

HOLD_SECONDS: Final = 3.0
"""How long a suspension waits for the status that ends an edit; core writes it within a second."""
MOST_HELD: Final = 1_000
"""Suspensions that wait at once; with more of them the oldest is told at once."""
MOST_KNOWN: Final = 20_000
"""Orders whose last status is remembered, some 4 MB; of others the history is asked."""


@dataclass(frozen=True, slots=True)
class OrderChange:
    """One thing to tell of an order."""

    row: HistoryRow
    is_first: bool
    """It became an order just now."""
    is_suspension: bool
    """It does not count as an order any more."""


class OrderChanges:
    """The orders of one shop, as far as the history was read."""

    def __init__(self, most_known: int = MOST_KNOWN) -> None:
        self._most_known = most_known
        self._known: OrderedDict[int, HistoryRow | None] = OrderedDict()
        self._held: OrderedDict[int, tuple[HistoryRow, float]] = OrderedDict()

    @property
    def oldest_held(self) -> int | None:
        """The lowest number of a row that was read and is not decided."""
        return min((row.history_id for row, _ in self._held.values()), default=None)

    def unknown(self, rows: Iterable[HistoryRow]) -> dict[int, int]:
        """Orders whose past has to be given to `remember` before `take`, and before which row."""
        wanted: dict[int, int] = {}
        for row in rows:
            if row.order_id not in self._known:
                wanted[row.order_id] = min(row.history_id, wanted.get(row.order_id, row.history_id))
        return wanted

    def remember(self, order_id: int, past: Sequence[HistoryRow], void_status: int) -> None:
        """What the history says of an order up to where it is taken over, in its order."""
        last: HistoryRow | None = None
        for row in past:
            if last is not None or _counts(row, void_status):
                last = row
        self._known[order_id] = last

    def take(self, rows: Sequence[HistoryRow], void_status: int, now: float) -> list[OrderChange]:
        """What these rows tell; suspensions come later, by `due`.

        Args:
            now: monotonic, in seconds.
        """
        changes: list[OrderChange] = []
        for row in rows:
            changes += self._take(row, void_status, now)
        while len(self._held) > MOST_HELD:
            changes.append(self._suspend(next(iter(self._held))))
        self._forget()
        return changes

    def due(self, now: float) -> list[OrderChange]:
        """Suspensions that stand."""
        over = [order_id for order_id, (_, until) in self._held.items() if until <= now]
        return [self._suspend(order_id) for order_id in over]

    def _take(self, row: HistoryRow, void_status: int, now: float) -> Iterable[OrderChange]:
        known = self._known.get(row.order_id)
        held = self._held[row.order_id][0] if row.order_id in self._held else None
        newest = max(each.history_id for each in (known, held, _NO_ROW) if each is not None)
        if row.history_id <= newest:
            return
        if not _counts(row, void_status):
            # Without a known row it was never an order: somebody came back to a checkout that is not finished.
            if known is not None and _counts(known, void_status) and held is None:
                self._held[row.order_id] = (row, now + HOLD_SECONDS)
            return
        if held is not None:
            if _apart(held, row) > HOLD_SECONDS:
                yield self._suspend(row.order_id)
            else:
                del self._held[row.order_id]
        is_news = known is None or held is not None or known.status_id != row.status_id
        self._known[row.order_id] = row
        self._known.move_to_end(row.order_id)
        if is_news:
            yield OrderChange(row, is_first=known is None, is_suspension=False)

    def _suspend(self, order_id: int) -> OrderChange:
        row, _ = self._held.pop(order_id)
        self._known[order_id] = row
        return OrderChange(row, is_first=False, is_suspension=True)

    def _forget(self) -> None:
        while len(self._known) > self._most_known:
            order_id, row = self._known.popitem(last=False)
            if order_id in self._held:
                self._known[order_id] = row
                return  # it is decided within seconds, and so are the others behind it


_NO_ROW: Final = HistoryRow(0, 0, 0, None)


def _counts(row: HistoryRow, void_status: int) -> bool:
    return row.status_id > 0 and row.status_id != void_status


def _apart(first: HistoryRow, second: HistoryRow) -> float:
    """Seconds between two rows by their own dates; 0 when they do not say."""
    try:
        return (_moment(second) - _moment(first)).total_seconds()
    except ValueError:
        return 0.0


def _moment(row: HistoryRow) -> datetime:
    return datetime.strptime(row.date or "", FORMAT)  # noqa: DTZ007 - two dates of one store, for their distance
