"""The stock that was told last, of every product and option: what the next look is compared with. Pure.

OpenCart keeps no log of its stock, and a sale does not touch `date_modified`, so a change shows only against what was
there before. The book is kept as cursors, written in the transaction of the events that it led to; in chunks, so that a
sale writes a few hundred bytes and not the stock of the whole shop.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from meschain.opencart.capture.rows import OPTION, PRODUCT, StockKind, StockRow

CHUNK: Final = 64
"""Rows by key per chunk; some 700 bytes."""

_KINDS: Final[Mapping[StockKind, str]] = {PRODUCT: "p", OPTION: "o"}


@dataclass(frozen=True, slots=True)
class StockChange:
    """A quantity that differs from the one told before."""

    row: StockRow
    quantity: int
    number: int
    """Counts all changes of this shop; never used twice."""


class StockBook:
    """Quantities by kind and key.

    Args:
        name: of its cursors; further ones begin with it.
        number: the last change that was numbered.
    """

    def __init__(self, name: str, number: int, quantities: Mapping[StockKind, Mapping[int, int]] | None = None) -> None:
        self._name = name
        self._number = number
        given = quantities or {}
        self._quantities: dict[StockKind, dict[int, int]] = {kind: dict(given.get(kind, {})) for kind in _KINDS}
        self._chunks = {_chunk(kind, key) for kind in _KINDS for key in self._quantities[kind]}
        self._dirty: set[tuple[StockKind, int]] = set()
        self._is_stored = False

    @staticmethod
    def chunks(cursor: str) -> list[str]:
        """Endings of the names of the cursors that hold it, as the main one lists them."""
        found: list[str] = json.loads(cursor)["chunks"]
        return found

    @classmethod
    def read(cls, name: str, cursor: str, chunks: Iterable[str]) -> StockBook:
        """The book that was stored.

        Args:
            cursor: the main one.
            chunks: of the names that `chunks` gave.
        """
        quantities: dict[StockKind, dict[int, int]] = {kind: {} for kind in _KINDS}
        kinds = {letter: kind for kind, letter in _KINDS.items()}
        for chunk in chunks:
            held = json.loads(chunk)
            quantities[kinds[held["kind"]]].update((int(key), quantity) for key, quantity in held["stock"].items())
        book = cls(name, json.loads(cursor)["number"], quantities)
        book._is_stored = True
        return book

    def quantities(self, kind: StockKind) -> Mapping[int, int]:
        """By key, as they were told last."""
        return self._quantities[kind]

    def keys(self, kind: StockKind, above: int, up_to: int | None) -> Iterable[int]:
        """Keys that are in the book, above the one and up to the other; None: to the end."""
        return [key for key in self._quantities[kind] if key > above and (up_to is None or key <= up_to)]

    def take(self, row: StockRow) -> StockChange | None:
        """Write it down; None: it is what the book says, or its stock does not count any more."""
        stock = self._quantities[row.kind]
        if stock.get(row.row_id) == row.quantity:
            return None
        self._dirty.add(_place(row.kind, row.row_id))
        if row.quantity is None:
            del stock[row.row_id]
            return None
        stock[row.row_id] = row.quantity
        self._chunks.add(_chunk(row.kind, row.row_id))
        self._number += 1
        return StockChange(row, row.quantity, self._number)

    def begin(self, row: StockRow) -> None:
        """Write down what was there before anybody looked: no change."""
        if row.quantity is not None:
            self._quantities[row.kind][row.row_id] = row.quantity
            self._chunks.add(_chunk(row.kind, row.row_id))
            self._dirty.add(_place(row.kind, row.row_id))

    def cursors(self) -> dict[str, str]:
        """What is to be stored of it by now; `stored` once that is done."""
        if not self._dirty and self._is_stored:
            return {}
        main = json.dumps({"number": self._number, "chunks": sorted(self._chunks)}, separators=(",", ":"))
        chunks = {f"{self._name}:{_KINDS[kind]}{part}": self._text(kind, part) for kind, part in self._dirty}
        return {self._name: main, **chunks}

    def stored(self) -> None:
        """What `cursors` said is stored."""
        self._dirty.clear()
        self._is_stored = True

    def _text(self, kind: StockKind, part: int) -> str:
        stock = self._quantities[kind]
        held = {str(key): stock[key] for key in range(part * CHUNK, (part + 1) * CHUNK) if key in stock}
        return json.dumps({"kind": _KINDS[kind], "stock": held}, separators=(",", ":"))


def _place(kind: StockKind, key: int) -> tuple[StockKind, int]:
    return kind, key // CHUNK


def _chunk(kind: StockKind, key: int) -> str:
    return f"{_KINDS[kind]}{key // CHUNK}"
