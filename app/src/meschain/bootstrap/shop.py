"""The shop behind the ports: a real one by its address, or the embedded demo shop, and what is read from it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import SystemRandom
from typing import Final

from meschain.bootstrap.stores import Stores
from meschain.opencart.accounts import OpenCartAccounts
from meschain.opencart.admin_sessions import OpenCartSessions
from meschain.opencart.capture.journal import Capture, CaptureNames
from meschain.opencart.capture.polling import PollingOptions, PollingSource
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.shop import PREFIX, VERSION, DemoShop
from meschain.opencart.options import ShopOptions
from meschain.opencart.store import OpenCartShop
from meschain.services.ports import ChangeSource, Clock
from meschain.settings import Settings, SettingsError

DEMO_SHOP_FILE: Final = "shop.db"
"""The demo shop's database within `data_dir`."""


@dataclass(frozen=True, slots=True)
class ShopParts:
    """One shop, as its readers."""

    shop: OpenCartShop
    accounts: OpenCartAccounts
    sessions: OpenCartSessions
    changes: Sequence[ChangeSource]
    """What happens in it; the preferred way first."""
    demo: DemoShop | None
    """None: a real shop, which nothing of ours writes to."""


async def fill_demo_shop(settings: Settings, stores: Stores, clock: Clock, stack: AsyncExitStack) -> None:
    """Make the demo shop if there is none, and write what happened in it since it was last open.

    Raises: ShopUnavailable when it cannot be made.
    """
    demo = await DemoShop.open(_demo_path(settings), clock=clock, random=SystemRandom())
    stack.push_async_callback(demo.close)
    if demo.filled:
        # The days of a stop were made up just now: hundreds of orders and sales that nobody waits to be told of.
        database = ShopDatabase(demo.url, prefix=PREFIX, version=VERSION)
        stack.push_async_callback(database.close)
        newest = await OpenCartShop(database, clock).newest_history_id()
        names = _names(database)
        await stores.cursors.save(names.history, str(newest))
        await stores.cursors.save(names.stock, "")


def open_shop(settings: Settings, stores: Stores, clock: Clock, stack: AsyncExitStack) -> ShopParts:
    """Open the shop of the settings; closed with the stack. A real shop that is away is no error here."""
    demo: DemoShop | None = None
    if settings.opencart_url is not None:
        database = ShopDatabase(
            settings.opencart_url.get_secret_value(),
            prefix=settings.opencart_prefix,
            version=settings.opencart_version,
        )
    else:
        demo = DemoShop.enter(_demo_path(settings), clock=clock, random=SystemRandom())
        stack.push_async_callback(demo.close)
        database = ShopDatabase(demo.url, prefix=PREFIX, version=VERSION)
    stack.push_async_callback(database.close)
    options = ShopOptions(
        revenue_rule=settings.revenue_rule,
        low_stock_threshold=settings.low_stock_threshold,
        stock_risk_days=settings.stock_risk_days,
        session_minutes=settings.session_minutes,
    )
    shop = OpenCartShop(database, clock, options)
    accounts = OpenCartAccounts(database, shop.settings, stores.accounts, group_roles=settings.group_roles)
    return ShopParts(
        shop=shop,
        accounts=accounts,
        sessions=OpenCartSessions(database, shop.settings, accounts, clock),
        changes=_changes(settings, database, shop, stores, clock),
        demo=demo,
    )


def _demo_path(settings: Settings) -> Path:
    return settings.data_dir.expanduser().absolute() / DEMO_SHOP_FILE


def _changes(
    settings: Settings, database: ShopDatabase, shop: OpenCartShop, stores: Stores, clock: Clock
) -> Sequence[ChangeSource]:
    capture = Capture(
        database=database,
        settings=shop.settings,
        orders=shop.order_reader,
        cursors=stores.cursors,
        clock=clock,
        names=_names(database),
    )
    polling = PollingSource(capture, PollingOptions(settings.order_poll_seconds, settings.stock_poll_seconds))
    if settings.capture == "polling" or settings.demo:
        return [polling]
    try:
        # Only here: the library behind it is an extra.
        from meschain.opencart.capture.binlog import BinlogOptions, BinlogSource
    except ImportError as error:
        problem = f"capture = binlog needs {error.name}; install meschain[binlog], or set capture to polling."
        raise SettingsError([problem]) from error
    return [BinlogSource(capture, BinlogOptions(settings.binlog_server_id)), polling]


def _names(database: ShopDatabase) -> CaptureNames:
    """Positions for each shop."""
    return CaptureNames(sha256(database.place.encode()).hexdigest()[:16])
