"""A shop with OpenCart's tables on a MariaDB of its own, filled at once. Knows nothing of who follows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.tests.opencart.mariadb import MariaDB
from app.tests.opencart.raw import RawMariaDB
from app.tests.opencart.world import World

from follow.plan import Plan
from meschain.domain.marketplaces import MARKETPLACES
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.schema import Version, created_tables, shop_tables

NAME = "shop"
_ROWS = 1_000
_DATE = "2026-01-01 00:00:00"


async def fill(server: MariaDB, plan: Plan) -> World:
    """Products with names, each listed on one marketplace; orders with an article, a history and a marketplace."""
    root = await RawMariaDB.open(server)
    await root.run(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
    await root.close()
    tables = shop_tables("oc_", Version.V4_1)
    writer = ShopDatabase(server.url(NAME), version=Version.V4_1, read_only=False)
    async with writer.begin() as connection:
        await connection.run_sync(tables.metadata.create_all, created_tables(tables, with_meschain=True))
    await writer.close()
    world = World(Version.V4_1, "oc_", server.url(NAME), await RawMariaDB.open(server, NAME))
    await world.basics()
    ids = {code: await world.marketplace(code) for code in MARKETPLACES}
    products, orders = plan.homes()
    columns = "model, sku, quantity, price, subtract, date_available, status, date_added, date_modified"
    await _insert(
        world,
        f"{{product}} (product_id, {columns})",
        (
            f"({number}, 'M-{number}', 'SKU-{number}', 2000000000, '19.90', 1, '2020-01-01', 1, '{_DATE}', '{_DATE}')"
            for number in range(1, plan.products + 1)
        ),
    )
    await _insert(
        world,
        "{product_description} (product_id, language_id, name)",
        (f"({number}, 1, 'Handmade bowl no. {number}')" for number in range(1, plan.products + 1)),
    )
    columns = "marketplace_product_id, status, price, quantity, sync_status, date_added, date_modified"
    await _insert(
        world,
        f"{{meschain_product}} (product_id, marketplace_id, {columns})",
        (
            f"({number}, {ids[products[number]]}, 'x', 1, '19.90', 5, 'success', '{_DATE}', '{_DATE}')"
            for number in range(1, plan.products + 1)
        ),
    )
    columns = "firstname, lastname, email, ip, comment, total, order_status_id, currency_code, currency_value"
    await _insert(
        world,
        f"{{order}} (order_id, {columns}, date_added, date_modified)",
        (
            f"({number}, 'Ayşe', 'Yılmaz', 'a@example.com', '', '', '149.9', 1, 'TRY', '1', '{_DATE}', '{_DATE}')"
            for number in range(1, plan.orders + 1)
        ),
    )
    await _insert(
        world,
        "{order_product} (order_id, product_id, name, model, quantity, price, total)",
        (f"({number}, 1, 'x', 'x', 2, '1', '1')" for number in range(1, plan.orders + 1)),
    )
    columns = "marketplace_order_id, status, total, currency_code, date_added, date_modified"
    await _insert(
        world,
        f"{{meschain_order}} (order_id, marketplace_id, {columns})",
        (
            f"({number}, {ids[orders[number]]}, 'A-{number}', 'imported', '1', 'TRY', '{_DATE}', '{_DATE}')"
            for number in range(1, plan.orders + 1)
        ),
    )
    await _insert(
        world,
        "{order_history} (order_history_id, order_id, order_status_id, notify, comment, date_added)",
        (f"({number}, {number}, 1, 0, '', '{_DATE}')" for number in range(1, plan.orders + 1)),
    )
    return world


def stock_change(plan: Plan, number: int) -> str:
    """The statement of a change; the quantity is the change's number."""
    return f"UPDATE oc_product SET quantity = {number} WHERE product_id = {plan.product(number)}"  # noqa: S608 - numbers


def order_change(plan: Plan, number: int) -> str:
    """The same of an order; the number of the history's row follows from the change's."""
    values = f"({plan.order(number)}, {plan.status(number)}, 0, '', '2026-06-15 10:00:00')"
    return f"INSERT INTO oc_order_history (order_id, order_status_id, notify, comment, date_added) VALUES {values}"  # noqa: S608 - numbers


async def _insert(world: World, into: str, rows: Iterable[str]) -> None:
    waiting: list[str] = []

    async def write(values: Sequence[str]) -> None:
        await world.run(f"INSERT INTO {into} VALUES {', '.join(values)}")  # noqa: S608 - made above

    for row in rows:
        waiting.append(row)
        if len(waiting) == _ROWS:
            await write(waiting)
            waiting.clear()
    if waiting:
        await write(waiting)
