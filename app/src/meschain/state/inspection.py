"""Looks at the database of our own state without changing it. Knows migrations by their number, not what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from meschain.database_url import async_url, without_password
from meschain.state.database import StateUnavailable
from meschain.state.tables import VERSION_TABLE

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


async def pending_migrations(address: str) -> Sequence[str] | None:
    """The migrations that the database at this address lacks; None: it holds nothing of ours yet.

    Raises: StateUnavailable; BadDatabaseUrl.
    """
    url = async_url(address)
    if url.get_backend_name() == "sqlite" and url.database and not await asyncio.to_thread(Path(url.database).exists):
        return None  # to connect would make the file
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_pending)
    except CommandError as error:
        raise StateUnavailable(
            f"The database {without_password(address)} was written by a newer version of this program ({error}); "
            "run that version."
        ) from error
    except (DBAPIError, OSError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise StateUnavailable(
            f"The database {without_password(address)} cannot be opened ({reason}); "
            "check MESCHAIN_DATABASE_URL, the server and the account's rights."
        ) from error
    finally:
        await engine.dispose()


def _pending(connection: Connection) -> Sequence[str] | None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    current = context.get_current_revision()
    if current is None:
        return None
    scripts.get_revision(current)  # raises for one that a newer program wrote
    return [script.revision for script in scripts.iterate_revisions("head", current)]
