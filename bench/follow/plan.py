"""Which change comes when, and who hears of it. Pure: the same for whoever writes, listens and judges."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

LANES: Final = 5
"""Connections that write, each every fifth change; the last one those of orders, whose ids so stay in order."""
STOCK: Final = '"quantity":'
ORDER: Final = "order_history:"
"""What stands before the number that says which change an event tells of; as text, so that a program in C finds it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Clients that watch one marketplace."""

    marketplace: str
    members: int
    changes: bool = True
    """Whether products and orders of it change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes numbered from 0, due by the clock."""

    groups: tuple[Group, ...]
    rate: float
    """Commits a second."""
    warm_seconds: float
    seconds: float
    products: int = 10_000
    orders: int = 1_000

    @property
    def warm(self) -> int:
        """Changes that are not measured."""
        return int(self.rate * self.warm_seconds)

    @property
    def count(self) -> int:
        return self.warm + int(self.rate * self.seconds)

    def is_order(self, number: int) -> bool:
        return number % LANES == LANES - 1

    def product(self, number: int) -> int:
        """Its id; all products have their turn before one comes again."""
        return 1 + (number - number // LANES) % self.products

    def order(self, number: int) -> int:
        return 1 + number // LANES % self.orders

    def status(self, number: int) -> int:
        """Of the order; another one each time."""
        return (2, 3)[number // LANES // self.orders % 2]

    def homes(self) -> tuple[list[str], list[str]]:
        """The marketplace of each product and of each order, by id from 1."""
        chance = random.Random(1)  # noqa: S311 - the same for all who ask
        codes = [group.marketplace for group in self.groups if group.changes]
        return (
            ["", *(chance.choice(codes) for _ in range(self.products))],
            ["", *(chance.choice(codes) for _ in range(self.orders))],
        )

    def expected(self) -> dict[str, int]:
        """How many changes each marketplace hears of."""
        products, orders = self.homes()
        told = dict.fromkeys((group.marketplace for group in self.groups), 0)
        for number in range(self.count):
            home = orders[self.order(number)] if self.is_order(number) else products[self.product(number)]
            told[home] += 1
        return told
