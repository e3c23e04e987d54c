"""The shop behind the ports: a real one by its address, or the embedded demo shop, and what is read from it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from random import SystemRandom
from typing import Final

from meschain.bootstrap.stores import Stores
from meschain.opencart.accounts import OpenCartAccounts
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.shop import PREFIX, VERSION, DemoShop
from meschain.opencart.logins import ShopLogins
from meschain.opencart.options import ShopOptions
from meschain.opencart.orders import CURSOR, OrderHistorySource
from meschain.opencart.store import OpenCartShop
from meschain.services.ports import Clock
from meschain.settings import Settings

DEMO_SHOP_FILE: Final = "shop.db"
"""The demo shop's database within `data_dir`."""


@dataclass(frozen=True, slots=True)
class ShopParts:
    """One shop, as its readers."""

    shop: OpenCartShop
    accounts: OpenCartAccounts
    orders: OrderHistorySource
    logins: ShopLogins
    demo: DemoShop | None
    """None: a real shop, which nothing of ours writes to."""


async def open_shop(settings: Settings, stores: Stores, clock: Clock, stack: AsyncExitStack) -> ShopParts:
    """Open the shop of the settings; closed with the stack. A real shop that is away is no error here.

    Raises: ShopUnavailable when the demo shop cannot be made.
    """
    demo: DemoShop | None = None
    if settings.opencart_url is not None:
        database = ShopDatabase(
            settings.opencart_url.get_secret_value(),
            prefix=settings.opencart_prefix,
            version=settings.opencart_version,
        )
    else:
        path = settings.data_dir.expanduser().absolute() / DEMO_SHOP_FILE
        demo = await DemoShop.open(path, clock=clock, random=SystemRandom())
        stack.push_async_callback(demo.close)
        database = ShopDatabase(demo.url, prefix=PREFIX, version=VERSION)
    stack.push_async_callback(database.close)
    options = ShopOptions(
        revenue_rule=settings.revenue_rule,
        low_stock_threshold=settings.low_stock_threshold,
        session_minutes=settings.session_minutes,
    )
    shop = OpenCartShop(database, clock, options)
    # A cursor for each shop: the history of one says nothing about another's.
    cursor = f"{CURSOR}:{sha256(database.place.encode()).hexdigest()[:16]}"
    if demo is not None and demo.filled:
        # The days of a stop were made up just now: hundreds of orders that nobody waits to be told of.
        await stores.cursors.save(cursor, await shop.newest_history_id())
    return ShopParts(
        shop=shop,
        accounts=OpenCartAccounts(database, shop.settings, stores.accounts, group_roles=settings.group_roles),
        orders=OrderHistorySource(shop, stores.cursors, clock, poll_seconds=settings.order_poll_seconds, name=cursor),
        logins=ShopLogins(database, shop.settings, clock),
        demo=demo,
    )
