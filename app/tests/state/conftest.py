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

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def state_mariadb() -> Iterator[MariaDB]:
    with running_mariadb() as server:
        yield server


@pytest.fixture(params=["sqlite", "mariadb"])
async def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    server: MariaDB = request.getfixturevalue("state_mariadb")
    name = f"state{next(_numbers)}"
    root = create_async_engine(async_url(server.url("mysql")))
    async with root.begin() as connection:
        # latin1 on purpose: our tables bring their own character set.
        await connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET latin1"))
    await root.dispose()
    return server.url(name)


@pytest.fixture
async def opened(state_url: str) -> AsyncIterator[Database]:
    """An open database with all our tables."""
    database = await Database.open(state_url)
    yield database
    await database.close()
