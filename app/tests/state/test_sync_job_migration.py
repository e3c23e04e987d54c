"""Sync jobs that an older version stored, in the database that it left."""

from __future__ import annotations

from pathlib import Path

import alembic.command
from alembic.config import Config
from app.tests.services.fakes import FakeClock
from sqlalchemy import Connection, create_engine, text

import meschain.state
from meschain.state.database import Database
from meschain.state.events import SqlEventStore
from meschain.state.sync_jobs import SqlSyncJobStore

BEFORE = "0015"


def migrate(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(meschain.state.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, revision)


async def test_one_that_ran_when_it_was_stopped_is_taken_up(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/state.db"
    engine = create_engine(address)
    with engine.begin() as connection:
        migrate(connection, BEFORE)
        connection.execute(
            text(
                "INSERT INTO mc_sync_jobs (id, marketplace, active_marketplace, status, requested_by, progress,"
                " processed, failed, total, message, created_at, report_token_hash)"
                " VALUES ('one', 'n11', 'n11', 'running', 'own:1', 40.0, 4, 0, 10, '',"
                " '2026-03-01 10:00:00.000000', 'hash')"
            )
        )
    engine.dispose()
    database = await Database.open(address)
    store = SqlSyncJobStore(database, SqlEventStore(database, FakeClock()))
    job = await store.claim("a", "run", 60)
    assert job is not None
    assert (job.id, job.progress, job.attempts, job.cancel_requested_by) == ("one", 40.0, 1, "")
    await database.close()
