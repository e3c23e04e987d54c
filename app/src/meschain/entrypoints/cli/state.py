"""What commands open to do their work: settings, our own database and the accounts in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from meschain.auth.own_accounts import AccountAdministration
from meschain.auth.passwords import Passwords
from meschain.services.clock import SystemClock
from meschain.settings import Settings, load_settings
from meschain.state.accounts import SqlAccountStore
from meschain.state.database import Database
from meschain.state.login_sessions import SqlLoginSessionStore

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class OpenState:
    """An open database with the accounts on it."""

    settings: Settings
    accounts: AccountAdministration
    clock: SystemClock


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[OpenState]:
    """Raises: StateUnavailable."""
    database = await Database.open(settings.state_url)
    try:
        clock = SystemClock()
        accounts = AccountAdministration(SqlAccountStore(database), SqlLoginSessionStore(database), Passwords(), clock)
        yield OpenState(settings, accounts, clock)
    finally:
        await database.close()


def with_state(config: Path | None, data_dir: Path | None, work: Callable[[OpenState], Awaitable[Result]]) -> Result:
    """Load the settings, open the database, do the work, close. Raises: SettingsError; StateUnavailable."""
    settings = load_settings(config, {"data_dir": data_dir}).settings

    async def run() -> Result:
        async with open_state(settings) as state:
            return await work(state)

    return asyncio.run(run())
