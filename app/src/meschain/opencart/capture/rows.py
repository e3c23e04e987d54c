"""Rows of the shop as change capture sees them, whichever way they were read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

StockKind = Literal["product", "option"]
PRODUCT: Final = "product"
OPTION: Final = "option"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A row of `order_history`."""

    history_id: int
    order_id: int
    status_id: int
    date: str | None
    """In the store's time; None for a zero date."""


@dataclass(frozen=True, slots=True)
class LoginRow:
    """A row of `user_login`."""

    login_id: int
    user_id: int
    date: str | None
    """In the store's time."""


@dataclass(frozen=True, slots=True)
class StockRow:
    """What a row of `product` or of `product_option_value` says of its stock."""

    kind: StockKind
    row_id: int
    """The table's own key: `product_id`, or `product_option_value_id`."""
    product_id: int
    quantity: int | None
    """None: the row is gone, or the shop does not count its stock."""


@dataclass(frozen=True, slots=True)
class ShopRows:
    """What was read at once; of each table in the order in which it happened."""

    history: tuple[HistoryRow, ...] = ()
    logins: tuple[LoginRow, ...] = ()
    stock: tuple[StockRow, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.history or self.logins or self.stock)
