"""Our own database on real files: migrations, transactions, moments, and how it says that it cannot be used."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from meschain.database_url import BadDatabaseUrl, async_url, without_password
from meschain.state.database import Database, StateUnavailable
from meschain.state.tables import cursors, login_sessions, metadata


def address(folder: Path) -> str:
    return f"sqlite:///{folder}/state.db"


async def test_the_migrations_make_what_the_tables_say(opened: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"version_table": "mc_schema_version"})
        return list(compare_metadata(context, metadata))

    async with opened.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_opening_again_keeps_what_is_there(state_url: str) -> None:
    for _ in range(2):
        database = await Database.open(state_url)
        async with database.begin() as connection:
            rows = (await connection.execute(select(cursors.c.position))).scalars().all()
            await connection.execute(insert(cursors).values(name=f"cursor {len(rows)}", position=2**40 + len(rows)))
        await database.close()
    database = await Database.open(state_url)
    async with database.connect() as connection:
        positions = (await connection.execute(select(cursors.c.position).order_by(cursors.c.name))).scalars().all()
    assert positions == [2**40, 2**40 + 1]
    await database.close()


async def test_several_processes_may_open_it_at_once(state_url: str) -> None:
    databases = await asyncio.gather(*(Database.open(state_url) for _ in range(5)))
    for database in databases:
        await database.probe()
        await database.close()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/new/folder/state.db")
    await database.close()
    assert stat.S_IMODE((tmp_path / "new/folder/state.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new/folder").stat().st_mode) == 0o700


async def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))

    async def fail() -> None:
        async with database.begin() as connection:
            await connection.execute(insert(cursors).values(name="a", position=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.connect() as connection:
        assert (await connection.execute(select(cursors))).all() == []
    await database.close()


async def test_two_that_read_and_then_write_do_not_lose_an_update(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    async with database.begin() as connection:
        await connection.execute(insert(cursors).values(name="a", position=0))

    async def increase() -> None:
        async with database.begin() as connection:
            position = (await connection.execute(select(cursors.c.position))).scalar_one()
            await connection.execute(update(cursors).values(position=position + 1))

    await asyncio.gather(*(increase() for _ in range(20)))
    async with database.connect() as connection:
        assert (await connection.execute(select(cursors.c.position))).scalar_one() == 20
    await database.close()


async def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    async with database.begin() as writing:
        await writing.execute(insert(cursors).values(name="a", position=1))
        async with asyncio.timeout(5), database.connect() as reading:
            assert (await reading.execute(select(cursors))).all() == []
    await database.close()


async def test_sqlite_is_set_up_as_it_should_be(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    async with database.connect() as connection:
        found = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert found == ["wal", 1, 10_000]
    await database.close()


async def test_moments_come_back_as_they_were_in_utc(opened: Database) -> None:
    moment = datetime(2026, 3, 29, 2, 30, 0, 123456, timezone(timedelta(hours=3)))
    async with opened.begin() as connection:
        await connection.execute(
            insert(login_sessions).values(
                id="1", user_id="own:1", token_hash="x", created_at=moment, expires_at=moment, revoked=False
            )
        )
        stored = (await connection.execute(select(login_sessions.c.created_at))).scalar_one()
        as_text = (await connection.execute(text("SELECT created_at FROM mc_login_sessions"))).scalar_one()
    assert stored == moment
    assert stored.tzinfo is UTC
    assert str(as_text) == "2026-03-28 23:30:00.123456"


async def test_a_moment_without_a_zone_is_refused(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is what is refused
    async with database.connect() as connection:
        with pytest.raises(Exception, match="without a zone"):
            await connection.execute(select(login_sessions).where(login_sessions.c.expires_at < naive))
    await database.close()


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    async with database.begin() as connection:
        await connection.execute(text("UPDATE mc_schema_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(StateUnavailable, match="newer version"):
        await Database.open(address(tmp_path))


async def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("This is a letter to my aunt, and no database at all." * 50)
    with pytest.raises(StateUnavailable, match=r"state\.db"):
        await Database.open(address(tmp_path))


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnavailable, match="MESCHAIN_DATABASE_URL"):
        await Database.open(f"sqlite:///{tmp_path}/file/state.db")


async def test_errors_hold_no_values(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    values = {"name": "hunter2", "position": None}
    with pytest.raises(IntegrityError) as refused:
        async with database.begin() as connection:
            await connection.execute(insert(cursors).values(**values))
    await database.close()
    assert "mc_cursors" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "postgresql"])
async def test_a_server_that_is_not_there_is_named_without_its_password(scheme: str) -> None:
    with pytest.raises(StateUnavailable) as refused:
        await Database.open(f"{scheme}://meschain:hunter2@127.0.0.1:9/state")
    assert "127.0.0.1:9" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite"),
        ("mysql://u:p@h/d", "mysql+asyncmy"),
        ("mysql+pymysql://u:p@h/d", "mysql+asyncmy"),
        ("mariadb://u:p@h/d", "mysql+asyncmy"),
        ("postgres://u:p@h/d", "postgresql+asyncpg"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg"),
    ],
)
def test_addresses_as_people_write_them(written: str, driver: str) -> None:
    url = async_url(written)
    assert url.drivername == driver
    assert ("charset" in url.query) == driver.startswith("mysql")


@pytest.mark.parametrize(
    "written", ["", "shop", "oracle://u:hunter2@h/d", "mysql://u:hunter2@/d", "mysql://u:hunter2@h"]
)
def test_addresses_that_cannot_be_used_are_not_repeated(written: str) -> None:
    with pytest.raises(BadDatabaseUrl) as refused:
        async_url(written)
    assert "hunter2" not in str(refused.value)


def test_an_address_is_shown_without_its_password() -> None:
    assert without_password("mysql://u:hunter2@h:3306/d?ssl_key=x") == "mysql://u:***@h:3306/d"
    assert without_password("hunter2") == "***"
