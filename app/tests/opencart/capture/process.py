"""A process that follows a shop and stores what it finds, to be killed. Arguments: shop, state, polling or binlog."""

from __future__ import annotations

import asyncio
import sys

from meschain.opencart.capture.binlog import BinlogOptions, BinlogSource
from meschain.opencart.capture.journal import Capture, CaptureNames
from meschain.opencart.capture.polling import PollingOptions, PollingSource
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.options import ShopOptions
from meschain.opencart.order_reader import OrderReader
from meschain.opencart.settings_table import SettingsTable
from meschain.services.capture import ChangeCapture
from meschain.services.clock import SystemClock
from meschain.services.options import CaptureOptions
from meschain.services.ports import ChangeSource
from meschain.state.activity import SqlActivityStore
from meschain.state.cursors import SqlCursorStore
from meschain.state.database import Database
from meschain.state.events import SqlEventStore


async def follow(shop_url: str, state_url: str, way: str) -> None:
    clock = SystemClock()
    state = await Database.open(state_url)
    shop = ShopDatabase(shop_url)
    settings = SettingsTable(shop, clock)
    orders = OrderReader(shop, settings, clock, ShopOptions())
    capture = Capture(shop, settings, orders, SqlCursorStore(state), clock, CaptureNames("test"))
    source: ChangeSource = PollingSource(capture, PollingOptions(rows_seconds=0.05, stock_seconds=0.05))
    if way == "binlog":
        source = BinlogSource(capture, BinlogOptions(server_id=4712, heartbeat_seconds=0.1))
    await ChangeCapture(
        sources=[source],
        events=SqlEventStore(state, clock),
        activity=SqlActivityStore(state),
        refresh=lambda: None,
        clock=clock,
        options=CaptureOptions(first_pause_seconds=0.1, longest_pause_seconds=0.2),
    ).run()


if __name__ == "__main__":
    asyncio.run(follow(*sys.argv[1:4]))
