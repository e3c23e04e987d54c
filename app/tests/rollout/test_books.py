"""What blue's processes hold is written down beside green as without it; who asks for connections gets both sides'."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from app.tests.program import free_port
from app.tests.rollout.two_sides import until
from app.tests.services.fakes import FakeClock, MemoryLeases
from app.tests.services.store_specs import HUB, connection
from app.tests.site import running_site

from meschain.bootstrap import prepare
from meschain.domain.rollout import Side
from meschain.rollout.books import SidedBooks
from meschain.services.clock import SystemClock
from meschain.services.connections import ProcessConnections, ServiceConnections
from meschain.services.rollout_ports import PlacedConnection
from meschain.settings import Settings
from meschain.state.connections import SqlConnectionStore
from meschain.state.database import Database
from meschain.state.rollout_sides import SqlPlacedConnections


async def test_log_ins_are_those_of_both_and_none_twice(tmp_path: Path) -> None:
    clock = FakeClock()
    async with AsyncExitStack() as stack:
        database = await Database.open(f"sqlite:///{tmp_path}/state.db")
        stack.push_async_callback(database.close)
        store = SqlConnectionStore(database, clock)
        of_blue = ProcessConnections(store, MemoryLeases(clock), "a", clock)
        of_green = ServiceConnections(store, store, clock)
        books = SidedBooks([of_blue, of_green])
        for number, log_in in ((1, "ada"), (2, "cem")):
            await of_blue.opened(connection(number, log_in, node="a"))
        for number, log_in in ((3, "ada"), (4, "bob")):
            await of_green.opened(connection(number, log_in))

        async def ids(log_in: str) -> list[str]:
            return sorted(each.connection_id for each in await books.of_log_in(log_in))

        assert await ids("ada") == ["connection-1", "connection-3"]
        await of_blue.write()
        assert await ids("ada") == ["connection-1", "connection-3"]
        assert [await books.log_ins("", 2), await books.log_ins("bob", 2)] == [["ada", "bob"], ["cem"]]
        await of_blue.ended(HUB, "connection-2")
        await books.close()
        assert await store.held_by("a") == [(HUB, "connection-1")]


async def test_what_a_process_held_that_died_ends_with_it(data_dir: Path) -> None:
    green = f"Endpoint=http://localhost:{free_port()};AccessKey={secrets.token_urlsafe(33)};Version=1.0;"
    settings = Settings(data_dir=data_dir)
    await prepare(settings)
    async with AsyncExitStack() as stack:
        database = await Database.open(settings.state_url, migrate=False)
        stack.push_async_callback(database.close)
        store = SqlConnectionStore(database, SystemClock())
        await store.write([connection(1, node="killed")], [])
        placed = SqlPlacedConnections(database, SystemClock())
        await placed.opened(PlacedConnection(HUB, "connection-1", Side.BLUE, connection(1).who))
        told: dict[str, Any] = {"green_signalr": green, "upstream_code": secrets.token_urlsafe(33)}
        site = await stack.enter_async_context(running_site(data_dir, **told))
        token = (await site.login("admin"))["accessToken"]
        await stack.enter_async_context(site.connected(token))

        async def only_the_living_hold_any() -> bool:
            nodes = await store.nodes()
            found = [each.connection_id for each in await placed.page(("", ""), 9)]
            return len(nodes) == len(found) == 1 and not {"", "killed", "connection-1"} & {*nodes, *found}

        await until(only_the_living_hold_any)
