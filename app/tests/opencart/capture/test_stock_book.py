"""The stock that was told last."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as some

from meschain.opencart.capture.rows import OPTION, PRODUCT, StockKind, StockRow
from meschain.opencart.capture.stock_book import CHUNK, StockBook


def product(key: int, quantity: int | None) -> StockRow:
    return StockRow(PRODUCT, key, key, quantity)


def read(cursors: Mapping[str, str]) -> StockBook:
    return StockBook.read("s", cursors["s"], [cursors[f"s:{chunk}"] for chunk in StockBook.chunks(cursors["s"])])


def test_only_what_differs_is_a_change_and_each_has_its_number() -> None:
    book = StockBook("s", 10)
    book.begin(product(1, 5))
    assert book.take(product(1, 5)) is None
    first, second = book.take(product(1, 4)), book.take(StockRow(OPTION, 1, 1, 4))
    assert first is not None
    assert second is not None
    assert (first.quantity, first.number, second.number) == (4, 11, 12)
    assert book.take(product(1, None)) is None
    again = book.take(product(1, 4))
    assert again is not None
    assert again.number == 13


def test_an_empty_book_is_stored_too() -> None:
    book = StockBook("s", 10)
    assert list(book.cursors()) == ["s"]
    book.stored()
    assert book.cursors() == {}


def test_a_change_writes_its_chunk_alone() -> None:
    book = StockBook("s", 10)
    for key in range(1, CHUNK * 3):
        book.begin(product(key, 1))
    assert set(book.cursors()) == {"s", "s:p0", "s:p1", "s:p2"}
    book.stored()
    book.take(product(CHUNK + 1, 7))
    assert set(book.cursors()) == {"s", "s:p1"}
    assert all(len(text) < 1_000 for text in book.cursors().values())


KINDS: tuple[StockKind, ...] = (PRODUCT, OPTION)
ROWS = some.builds(
    lambda kind, key, quantity: StockRow(kind, key, key, quantity),
    some.sampled_from(KINDS),
    some.integers(1, 200),
    some.none() | some.integers(-3, 3),
)


@given(some.lists(ROWS, max_size=60), some.lists(ROWS, max_size=60))
def test_what_is_stored_is_read_again(before: list[StockRow], after: list[StockRow]) -> None:
    stored: dict[str, str] = {}
    book = StockBook("s", 0)
    for rows in (before, after):
        for row in rows:
            book.take(row)
        stored |= book.cursors()
        book.stored()
    following = read(stored)
    for kind in KINDS:
        assert following.quantities(kind) == book.quantities(kind)
    change = following.take(product(500, 1))
    expected = book.take(product(500, 1))
    assert change == expected
    assert following.cursors()["s:p7"] == book.cursors()["s:p7"]
