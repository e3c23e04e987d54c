"""Our own database on each kind of server that the tests can start: a SQLite file, and a MariaDB."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from app.tests.opencart.mariadb import MariaDB, running_mariadb
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from meschain.database_url import async_url
from meschain.state.database import Database
from meschain.state.tables import event_head, metadata

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def state_mariadb() -> Iterator[MariaDB]:
    with running_mariadb() as server:
        yield server


@pytest.fixture(params=["sqlite", "mariadb"])
def state_kind(request: pytest.FixtureRequest) -> str:
    """The kind of server that this test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture
async def state_url(state_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if state_kind == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    return await empty_database(request.getfixturevalue("state_mariadb"))


async def empty_database(server: MariaDB) -> str:
    """Address of a new one there."""
    name = f"state{next(_numbers)}"
    root = create_async_engine(async_url(server.url("mysql")))
    async with root.begin() as connection:
        # latin1 on purpose: our tables bring their own character set.
        await connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET latin1"))
    await root.dispose()
    return server.url(name)


@pytest.fixture(scope="session")
def migrated() -> dict[str, str]:
    """Address of a migrated database of each kind, once a test has made one: migrating takes longer than most tests."""
    return {}


@pytest.fixture
async def opened(
    state_kind: str, migrated: dict[str, str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    """An open database with all our tables, as a first start leaves them."""
    if state_kind not in migrated:
        if state_kind == "sqlite":
            address = f"sqlite:///{tmp_path_factory.mktemp('migrated')}/state.db"
        else:
            address = await empty_database(request.getfixturevalue("state_mariadb"))
        await (await Database.open(address)).close()
        migrated[state_kind] = address
    database = await Database.open(migrated[state_kind], migrate=False)
    yield database
    async with database.begin() as connection:
        for table in metadata.sorted_tables:
            if table is not event_head:
                await connection.execute(table.delete())
        await connection.execute(event_head.update().values(position=0))
    await database.close()
