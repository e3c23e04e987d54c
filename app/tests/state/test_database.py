"""Our own database on real files: migrations, transactions, moments, and how it says that it cannot be used."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import stat
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from app.tests.opencart.mariadb import MariaDB
from app.tests.state.conftest import empty_database
from sqlalchemy import Connection, Engine, Update, event, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

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
            await connection.execute(
                insert(cursors).values(name=f"cursor {len(rows)}", position=str(2**40 + len(rows)))
            )
        await database.close()
    database = await Database.open(state_url)
    async with database.connect() as connection:
        positions = (await connection.execute(select(cursors.c.position).order_by(cursors.c.name))).scalars().all()
    assert positions == [str(2**40), str(2**40 + 1)]
    await database.close()


async def test_several_processes_may_open_it_at_once(state_url: str) -> None:
    databases = await asyncio.gather(*(Database.open(state_url) for _ in range(5)))
    for database in databases:
        await database.probe()
        await database.close()


async def test_whoever_may_migrate_next_sees_what_was_migrated(state_mariadb: MariaDB) -> None:
    state_url = await empty_database(state_mariadb)
    steps: list[str] = []

    def executed(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        steps.append(statement)

    def committed(_connection: object) -> None:
        steps.append("COMMIT")

    event.listen(Engine, "before_cursor_execute", executed)
    event.listen(Engine, "commit", committed)
    try:
        await (await Database.open(state_url)).close()
    finally:
        event.remove(Engine, "before_cursor_execute", executed)
        event.remove(Engine, "commit", committed)
    last = max(number for number, step in enumerate(steps) if "mc_schema_version" in step)
    assert "COMMIT" in steps[last : next(number for number, step in enumerate(steps) if "RELEASE_LOCK" in step)]


def open_and_close(url: str) -> str:
    """What came of it, in a process of its own."""

    async def work() -> None:
        database = await Database.open(url, migrate=False)
        await database.probe()
        await database.close()

    try:
        asyncio.run(work())
    except Exception as error:  # noqa: BLE001 - told to the test
        return str(error)
    return ""


def test_several_processes_may_make_the_same_file_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("forkserver")) as processes:
        # Each file is new to all of them at the same moment.
        for number in range(20):
            url = f"sqlite:///{tmp_path}/{number}/state.db"
            assert set(processes.map(open_and_close, [url] * 4)) == {""}


async def test_a_file_that_another_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        # As one that is about to change the file: whoever wants to change it too is told at once that it is locked.
        other.execute("CREATE TABLE a (b)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM a").fetchall()
        opening = asyncio.create_task(Database.open(address(tmp_path)))
        done, _ = await asyncio.wait({opening}, timeout=0.2)
        assert not done
        other.execute("COMMIT")
        await (await opening).close()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/new/folder/state.db")
    await database.close()
    assert stat.S_IMODE((tmp_path / "new/folder/state.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new/folder").stat().st_mode) == 0o700


async def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))

    async def fail() -> None:
        async with database.begin() as connection:
            await connection.execute(insert(cursors).values(name="a", position="1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.connect() as connection:
        assert (await connection.execute(select(cursors))).all() == []
    await database.close()


async def test_two_that_read_and_then_write_do_not_lose_an_update(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    async with database.begin() as connection:
        await connection.execute(insert(cursors).values(name="a", position="0"))

    async def increase() -> None:
        async with database.begin() as connection:
            position = (await connection.execute(select(cursors.c.position))).scalar_one()
            await connection.execute(update(cursors).values(position=str(int(position) + 1)))

    await asyncio.gather(*(increase() for _ in range(20)))
    async with database.connect() as connection:
        assert (await connection.execute(select(cursors.c.position))).scalar_one() == "20"
    await database.close()


async def test_what_was_given_up_for_a_deadlock_is_done_again(state_mariadb: MariaDB) -> None:
    database = await Database.open(await empty_database(state_mariadb))
    async with database.begin() as connection:
        await connection.execute(insert(cursors), [{"name": "a", "position": "0"}, {"name": "b", "position": "0"}])
    both_hold_one = asyncio.Barrier(2)
    begun: list[str] = []

    async def write(first: str, second: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_counted_up(first))
            begun.append(first)
            if len(begun) <= 2:
                await both_hold_one.wait()
            await connection.execute(_counted_up(second))

        await database.run(work)

    await asyncio.gather(write("a", "b"), write("b", "a"))
    assert len(begun) == 3
    async with database.connect() as connection:
        assert list(await connection.scalars(select(cursors.c.position))) == ["011", "011"]
    await database.close()


def _counted_up(name: str) -> Update:
    return update(cursors).where(cursors.c.name == name).values(position=func.concat(cursors.c.position, "1"))


async def test_what_fails_otherwise_is_not_done_again(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    tries: list[object] = []

    async def work(connection: AsyncConnection) -> None:
        tries.append(connection)
        await connection.execute(text("SELECT * FROM missing"))

    with pytest.raises(OperationalError, match="no such table"):
        await database.run(work)
    assert len(tries) == 1
    await database.close()


async def test_writers_of_a_process_come_in_turn_and_wait_without_a_connection(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    order: list[int] = []

    async def write(number: int) -> None:
        async with database.begin() as connection:
            await connection.execute(insert(cursors).values(name=f"cursor {number}", position="1"))
            order.append(number)

    async with database.begin():
        # More of them than there are connections.
        waiting = [asyncio.create_task(write(number)) for number in range(20)]
        await asyncio.sleep(0)
        async with database.connect() as connection:
            assert await connection.scalar(select(func.count()).select_from(cursors)) == 0
    await asyncio.gather(*waiting)
    assert order == list(range(20))
    await database.close()


async def test_whoever_is_cancelled_while_writing_gives_the_lock_back(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    loop, is_in_the_middle, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def pause() -> int:
        loop.call_soon_threadsafe(is_in_the_middle.set)
        return may_go_on.wait(30)

    async def write() -> None:
        async with database.begin() as connection:
            await connection.execute(insert(cursors).values(name="a", position="1"))
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.create_function("pause", 0, pause)
            await connection.execute(text("SELECT pause()"))

    writing = asyncio.create_task(write())
    await is_in_the_middle.wait()
    writing.cancel()
    loop.call_soon(may_go_on.set)
    (error,) = await asyncio.gather(writing, return_exceptions=True)
    with closing(sqlite3.connect(tmp_path / "state.db", timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT COUNT(*) FROM mc_cursors").fetchone() == (0,)
    assert isinstance(error, asyncio.CancelledError)  # kept until here, and all that it refers to with it
    await database.close()


async def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = await Database.open(address(tmp_path))
    async with database.begin() as writing:
        await writing.execute(insert(cursors).values(name="a", position="1"))
        async with asyncio.timeout(30), database.connect() as reading:
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
