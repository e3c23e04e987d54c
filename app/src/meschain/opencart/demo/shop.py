"""The demo shop as one thing: its database file, created and brought up to now, with driver and sync runner.

The only place where a shop's database is opened for writing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Final

from sqlalchemy import text

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.driver import DemoDriver, StartSync
from meschain.opencart.demo.seed import create_shop, fill_past, open_doors
from meschain.opencart.demo.sync import DemoSyncRunner
from meschain.opencart.schema import Version, shop_tables
from meschain.services.ports import Clock

PREFIX: Final = "oc_"
VERSION: Final = Version.V4_1
SEED: Final = 20240229
"""The demo's past is the same on every machine, up to the moment of its creation."""


class DemoShop:
    """An OpenCart 4.1 shop in SQLite. Made by `DemoShop.open`, ended by `close`."""

    def __init__(self, path: Path, clock: Clock, random: Random) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        """For a read-only `ShopDatabase`, as any other shop's."""
        self.filled = 0
        """Orders of the past that `open` wrote: news to nobody."""
        self._clock = clock
        self._random = random
        self._tables = shop_tables(PREFIX, VERSION)
        self._database = ShopDatabase(self.url, prefix=PREFIX, version=VERSION, read_only=False)
        self.sync_runner = DemoSyncRunner(self._database, self._tables, clock)

    @classmethod
    async def open(
        cls, path: Path, *, clock: Clock, random: Random, admin_passwords: Mapping[str, str] | None = None
    ) -> DemoShop:
        """Open the demo shop; create it if there is none; fill in the days since its last order.

        Args:
            path: the database file; its folder exists.
            admin_passwords: for the shop's own admin users, used when it is created (`admin`, `depo`, `muhasebe`,
                `destek`, `stajyer`); a user without one cannot log in by password.
        """
        if not await asyncio.to_thread(path.exists):
            await cls._create(path, clock, admin_passwords or {})
        shop = cls(path, clock, random)
        shop.filled = await fill_past(shop._database, shop._tables, clock.now(), random)
        await open_doors(shop._database, shop._tables, clock.now(), random)
        return shop

    @classmethod
    def enter(cls, path: Path, *, clock: Clock, random: Random) -> DemoShop:
        """A shop that exists, and may be open in another process: nothing is filled in and nobody is put out."""
        return cls(path, clock, random)

    @classmethod
    async def _create(cls, path: Path, clock: Clock, admin_passwords: Mapping[str, str]) -> None:
        # Built beside its place and moved there when complete: a stop in between leaves no half a shop.
        building = path.with_name(path.name + ".new")
        await asyncio.to_thread(building.unlink, missing_ok=True)
        # For its owner only, as everything in this folder; SQLite's other files take the mode of this one.
        await asyncio.to_thread(building.touch, mode=0o600)
        shop = cls(building, clock, Random(SEED))  # noqa: S311 - a demo's past, not a secret
        try:
            await create_shop(shop._database, shop._tables, clock.now(), shop._random, admin_passwords)
            await fill_past(shop._database, shop._tables, clock.now(), shop._random)
        finally:
            await shop.close()
        os.replace(building, path)
        database = ShopDatabase(f"sqlite:///{path}", prefix=PREFIX, version=VERSION, read_only=False)
        try:
            async with database.connect() as connection:
                # Readers and the driver at the same time; the mode stays in the file.
                await connection.execute(text("PRAGMA journal_mode = WAL"))
        finally:
            await database.close()

    def driver(self, start_sync: StartSync | None = None) -> DemoDriver:
        """The shop's people; `run()` it in a task."""
        return DemoDriver(self._database, self._tables, self._clock, self._random, start_sync)

    async def close(self) -> None:
        await self._database.close()
