"""The book of alerts and its outbox on real databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files

import alembic.command
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from app.tests.services.alert_specs import AlertBookSpec, AlertOutboxSpec
from app.tests.state.conftest import empty_database
from sqlalchemy import Connection, delete, text

from meschain.state.alert_outbox import SqlAlertOutbox
from meschain.state.alerts import SqlAlertBook
from meschain.state.database import Database
from meschain.state.tables import alert_outbox, alert_rules, alerts


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def shared_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a database with all tables. To make them takes longer than any of these tests."""

    async def make() -> str:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('alerts')}/state.db"
        else:
            url = await empty_database(request.getfixturevalue("state_mariadb"))
        await (await Database.open(url)).close()
        return url

    return asyncio.run(make())


@pytest.fixture
async def opened(shared_url: str) -> AsyncIterator[Database]:
    """It, without a row of ours."""
    database = await Database.open(shared_url, migrate=False)
    async with database.begin() as connection:
        for table in (alerts, alert_rules, alert_outbox):
            await connection.execute(delete(table))
    yield database
    await database.close()


class TestSqlAlertBook(AlertBookSpec):
    @pytest.fixture
    def outbox(self, opened: Database) -> SqlAlertOutbox:
        return SqlAlertOutbox(opened)

    @pytest.fixture
    def book(self, opened: Database) -> SqlAlertBook:
        return SqlAlertBook(opened, most_messages=self.MOST_MESSAGES)


class TestSqlAlertOutbox(AlertOutboxSpec):
    @pytest.fixture
    def outbox(self, opened: Database) -> SqlAlertOutbox:
        return SqlAlertOutbox(opened)

    @pytest.fixture
    def book(self, opened: Database) -> SqlAlertBook:
        return SqlAlertBook(opened)


async def test_alerts_of_an_older_version_are_over_and_told(state_url: str) -> None:
    database = await Database.open(state_url, migrate=False)

    def upgrade_to_the_one_before(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(files("meschain") / "state" / "migrations"))
        config.attributes["connection"] = connection
        revision = ScriptDirectory.from_config(config).get_revision("0014")
        assert revision is not None
        alembic.command.upgrade(config, str(revision.down_revision))

    async with database.begin() as connection:
        await connection.run_sync(upgrade_to_the_one_before)
        for number, source in enumerate(("Ayşe", "system")):
            await connection.execute(
                text("INSERT INTO mc_alerts (id, message, level, source, raised_at) VALUES (:i, 'm', 'info', :s, :at)"),
                {"i": f"old-{number}", "s": source, "at": "2025-03-10 09:30:00.000000"},
            )
    await database.close()
    database = await Database.open(state_url)
    book = SqlAlertBook(database)
    assert [(alert.id, alert.origin, alert.state) for alert in await book.latest(10)] == [
        ("old-1", "system", "resolved"),
        ("old-0", "person", "resolved"),
    ]
    assert await book.untold(10) == []
    await database.close()
