"""A fresh database and log-in for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from app.tests.auth.rig import Rig

from meschain.state.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/state.db")
    yield database
    await database.close()


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database)
