"""Keeps the demo shop going: buyers, stock movements, visitors and admin log-ins, through the tables a shop would use.

It writes what OpenCart's own code writes, in that order: a checkout is a row of status 0, its confirmation updates that
row, adds the history row and subtracts the stock. Time comes from a `Clock` and chance from a `Random`. Knows no hub: a
sync is asked for through a callable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.marketplaces import MARKETPLACES
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.catalogue import PRODUCTS
from meschain.opencart.demo.drafts import OrderDraft, draft_order, marketplace_id, order_rows, visitor_ip
from meschain.opencart.demo.rhythm import CONFIRMED_SHARE, VISITORS_PER_CHECKOUT, live_gap_seconds, mean_gap_seconds
from meschain.opencart.demo.seed import ADMINS, SESSION_SECONDS, VOID, ZONE, online_row, session_row
from meschain.opencart.schema import ShopTables
from meschain.opencart.store_time import FORMAT, local_text
from meschain.services.ports import Clock, ShopUnavailable

log = logging.getLogger(__name__)

VISIT_SECONDS: Final = 3.0
"""A few visitors are let in every so often: one transaction for all of them."""
STOCK_SECONDS: Final = 20.0
ADMIN_SECONDS: Final = 75.0
PROGRESS_SECONDS: Final = 30.0
SYNC_SECONDS: Final = 150.0
"""Mean pauses between deliveries and counts, admin log-ins, steps of older orders, and syncs."""

StartSync = Callable[[str], Awaitable[object]]
"""Asks the application for a sync of one marketplace."""


class DemoDriver:
    """The demo shop's people."""

    def __init__(
        self,
        database: ShopDatabase,
        tables: ShopTables,
        clock: Clock,
        random: Random,
        start_sync: StartSync | None = None,
    ) -> None:
        """
        Args:
            database: the demo shop, open for writing.
            start_sync: called with a marketplace's code now and then; None: no syncs.
        """
        self._database = database
        self._tables = tables
        self._clock = clock
        self._random = random
        self._start_sync = start_sync

    async def run(self) -> None:
        """Keep the shop going until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self._buy, self._until_next_checkout))
            tasks.create_task(self._repeat(self.visit, lambda: VISIT_SECONDS))
            tasks.create_task(self._repeat(self.move_stock, lambda: self._about(STOCK_SECONDS)))
            tasks.create_task(self._repeat(self.log_in, lambda: self._about(ADMIN_SECONDS)))
            tasks.create_task(self._repeat(self.advance_orders, lambda: self._about(PROGRESS_SECONDS)))
            if self._start_sync is not None:
                tasks.create_task(self._repeat(self._sync, lambda: self._about(SYNC_SECONDS)))

    async def place_order(self, marketplace: str | None = None, *, think_seconds: float = 0.0) -> int:
        """One whole purchase: checkout, a pause, confirmation.

        Args:
            marketplace: a code, `shop` for the shop's own counter; None: drawn by share.
            think_seconds: between checkout and confirmation.
        Returns: the order's id.
        """
        draft = draft_order(self._random, marketplace)
        order_id = await self.begin_checkout(draft)
        if think_seconds > 0:
            await self._clock.sleep(think_seconds)
        await self.confirm(order_id, draft)
        return order_id

    async def begin_checkout(self, draft: OrderDraft) -> int:
        """The buyer reaches the confirm page: a row of status 0. Returns: the order's id."""
        tables = self._tables
        async with self._database.begin() as connection:
            order_id = int(await connection.scalar(select(func.max(tables.order.c.order_id))) or 0) + 1
            now = self._now()
            rows = order_rows(draft, order_id, now, now, 0)
            await connection.execute(tables.order.insert(), rows.order)
            await connection.execute(tables.order_product.insert(), rows.products)
            await connection.execute(tables.order_total.insert(), rows.totals)
        return order_id

    async def confirm(self, order_id: int, draft: OrderDraft) -> None:
        """Payment went through: the row gets its status and history, a marketplace's order its link, stock goes
        down."""
        tables = self._tables
        async with self._database.begin() as connection:
            now = self._now()
            link = order_rows(draft, order_id, now, now, 1).link
            if link is not None:
                await connection.execute(tables.meschain_order.insert(), link)
            await self._set_status(connection, order_id, 1)
            product, listing = tables.product, tables.meschain_product
            for item in draft.items:
                await connection.execute(
                    update(product)
                    .where(product.c.product_id == item.product_id, product.c.subtract == 1)
                    .values(quantity=product.c.quantity - item.quantity)
                )
                if link is not None:
                    # The marketplace counts its own sale; the others learn of it by the next sync.
                    await connection.execute(
                        update(listing)
                        .where(
                            listing.c.product_id == item.product_id,
                            listing.c.marketplace_id == marketplace_id(draft.marketplace),
                            listing.c.quantity >= item.quantity,
                        )
                        .values(quantity=listing.c.quantity - item.quantity)
                    )

    async def visit(self) -> None:
        """A handful of visitors look at products; some were here before."""
        tables, random, moment = self._tables, self._random, self._clock.now()
        arrivals = VISIT_SECONDS / max(1.0, self._mean_gap() / VISITORS_PER_CHECKOUT)
        count = int(arrivals) + (random.random() < arrivals % 1)
        session, online = tables.session, tables.customer_online
        async with self._database.begin() as connection:
            if random.random() < 0.1:
                # As the shop does now and then by itself.
                await connection.execute(session.delete().where(session.c.expire < moment.strftime(FORMAT)))
                await connection.execute(
                    online.delete().where(online.c.date_added < local_text(moment - timedelta(hours=1), ZONE))
                )
            for _ in range(count):
                row = online_row(random, moment)
                await connection.execute(online.delete().where(online.c.ip == row["ip"]))
                await connection.execute(online.insert(), row)
                await connection.execute(
                    tables.product_report.insert(),
                    {
                        "product_id": random.randrange(1, len(PRODUCTS) + 1),
                        "ip": row["ip"],
                        "country": "TR",
                        "date_added": row["date_added"],
                    },
                )
                # Every second one turns more than one page: the session of a visitor seen lately lives on.
                known = await connection.scalar(
                    select(session.c.session_id).order_by(session.c.expire).limit(1).offset(random.randrange(20))
                )
                if known is not None and random.random() < 0.5:
                    expire = (moment + timedelta(seconds=SESSION_SECONDS)).strftime(FORMAT)
                    await connection.execute(update(session).where(session.c.session_id == known).values(expire=expire))
                else:
                    await connection.execute(
                        session.insert(), session_row(random, moment, {"language": "tr-tr", "currency": "TRY"})
                    )

    async def move_stock(self) -> None:
        """A delivery for what runs short, or a count that finds a few pieces less."""
        product, random = self._tables.product, self._random
        async with self._database.begin() as connection:
            short = (
                await connection.scalars(
                    select(product.c.product_id).where(product.c.quantity <= 5).order_by(product.c.product_id)
                )
            ).all()
            # Three stay short, so that there is something to see.
            if len(short) > 3:
                product_id = random.choice(short)
                change = max(6, PRODUCTS[product_id - 1].stock // 2)
            else:
                product_id = random.randrange(1, len(PRODUCTS) + 1)
                change = -random.randrange(1, 4)
            await connection.execute(
                update(product)
                .where(product.c.product_id == product_id, product.c.quantity + change >= 0)
                .values(quantity=product.c.quantity + change, date_modified=self._now())
            )

    async def log_in(self) -> None:
        """An admin user logs in to the shop's administration; the one before logs out."""
        tables, random, moment = self._tables, self._random, self._clock.now()
        active = [number for number, admin in enumerate(ADMINS, start=1) if admin[4]]
        user_id, ip = random.choice(active), visitor_ip(random)
        session = tables.session
        async with self._database.begin() as connection:
            await connection.execute(session.delete().where(session.c.data.like('{"user_id"%')))
            await connection.execute(
                session.insert(),
                session_row(random, moment, {"user_id": user_id, "user_token": f"{random.getrandbits(128):032x}"}),
            )
            await connection.execute(
                tables.user_login.insert(),
                {"user_id": user_id, "ip": ip, "user_agent": "Mozilla/5.0 (demo)", "date_added": self._now()},
            )
            await connection.execute(update(tables.user).where(tables.user.c.user_id == user_id).values(ip=ip))

    async def advance_orders(self) -> None:
        """The oldest open orders move on: processing, shipped, complete; a few are cancelled and restocked."""
        tables, random = self._tables, self._random
        order, item, product = tables.order, tables.order_product, tables.product
        async with self._database.begin() as connection:
            for status, following in ((1, 2), (2, 3), (3, 5)):
                order_id = await connection.scalar(
                    select(order.c.order_id)
                    .where(order.c.order_status_id == status)
                    .order_by(order.c.order_id)
                    .limit(1)
                )
                if order_id is None:
                    continue
                if status == 1 and random.random() < 0.05:
                    await self._set_status(connection, order_id, 7)
                    bought = await connection.execute(
                        select(item.c.product_id, item.c.quantity).where(item.c.order_id == order_id)
                    )
                    for product_id, quantity in bought.all():
                        await connection.execute(
                            update(product)
                            .where(product.c.product_id == product_id)
                            .values(quantity=product.c.quantity + quantity)
                        )
                else:
                    await self._set_status(connection, order_id, following)

    async def _set_status(self, connection: AsyncConnection, order_id: int, status: int) -> None:
        tables, now = self._tables, self._now()
        await connection.execute(
            update(tables.order)
            .where(tables.order.c.order_id == order_id)
            .values(order_status_id=status, date_modified=now)
        )
        await connection.execute(
            tables.order_history.insert(),
            {"order_id": order_id, "order_status_id": status, "notify": 0, "comment": "", "date_added": now},
        )

    async def _buy(self) -> None:
        if self._random.random() < CONFIRMED_SHARE:
            await self.place_order(think_seconds=self._random.uniform(1, 4))
            return
        draft = draft_order(self._random)
        order_id = await self.begin_checkout(draft)
        if self._random.random() < 0.25:  # comes back to the confirm page: 4.1 voids what was begun
            await self._clock.sleep(self._random.uniform(1, 4))
            async with self._database.begin() as connection:
                await self._set_status(connection, order_id, VOID)

    async def _sync(self) -> None:
        if self._start_sync is None:
            return
        try:
            await self._start_sync(self._random.choice(list(MARKETPLACES)))
        except Exception:  # boundary to the application: its refusal does not close the shop
            log.warning("The demo shop's sync was not started", exc_info=True)

    async def _repeat(self, step: Callable[[], Awaitable[None]], pause: Callable[[], float]) -> None:
        while True:
            await self._clock.sleep(pause())
            try:
                await step()
            except ShopUnavailable as error:
                log.warning("The demo shop could not be written to: %s", error)

    def _until_next_checkout(self) -> float:
        return live_gap_seconds(self._clock.now().astimezone(ZONE), self._random)

    def _mean_gap(self) -> float:
        return mean_gap_seconds(self._clock.now().astimezone(ZONE))

    def _about(self, seconds: float) -> float:
        return self._random.uniform(0.5, 1.5) * seconds

    def _now(self) -> str:
        return local_text(self._clock.now(), ZONE)
