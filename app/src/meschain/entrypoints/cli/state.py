"""What commands open to do their work: settings, our own database, the accounts, keys, inbox and roll-out in it."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from meschain.auth.api_keys import ApiKeys
from meschain.auth.own_accounts import AccountAdministration
from meschain.auth.passwords import Passwords
from meschain.rollout.plans import Rollout
from meschain.services.clock import SystemClock
from meschain.services.legacy_recall import RecallStore
from meschain.services.ports import AuditStore
from meschain.settings import Settings, load_settings
from meschain.state.accounts import SqlAccountStore
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.audit import SqlAuditStore
from meschain.state.database import Database
from meschain.state.events import SqlEventStore
from meschain.state.inbox import SqlInboxStore
from meschain.state.legacy_recalls import SqlRecallStore
from meschain.state.login_sessions import SqlLoginSessionStore
from meschain.state.rollout_plans import SqlPlanStore, SqlReportStore
from meschain.state.rollout_sides import SqlPlacedConnections
from meschain.webhooks.administration import InboxAdministration

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class OpenState:
    """An open database with what commands do on it."""

    settings: Settings
    accounts: AccountAdministration
    keys: ApiKeys
    inbox: InboxAdministration
    rollout: Rollout
    recalls: RecallStore
    clock: SystemClock
    audit: AuditStore

    async def audited(self, action: str, details: Mapping[str, object], act: Awaitable[Result]) -> Result:
        """Do it, and audit that whoever has this shell did, or tried to. Details must hold no secret."""
        try:
            result = await act
        except Exception as error:
            await self.audit.add(person(), action, details, f"refused: {error}")
            raise
        await self.audit.add(person(), action, details, "ok")
        return result


def person() -> str:
    """Who the audit says it was."""
    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return f"shell:{os.getuid()}"


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[OpenState]:
    """Raises: StateUnavailable."""
    database = await Database.open(settings.state_url)
    try:
        clock = SystemClock()
        accounts = AccountAdministration(SqlAccountStore(database), SqlLoginSessionStore(database), Passwords(), clock)
        keys = ApiKeys(SqlApiKeyStore(database), clock)
        audit = SqlAuditStore(database, clock)
        inbox = InboxAdministration(
            store=SqlInboxStore(database, clock, SqlEventStore(database, clock)),
            audit=audit,
            wake=_nobody,
            clock=clock,
        )
        rollout = Rollout(
            plans=SqlPlanStore(database),
            connections=SqlPlacedConnections(database, clock),
            reports=SqlReportStore(database),
            audit=audit,
            clock=clock,
            has_green=bool(settings.green_signalr),
        )
        yield OpenState(settings, accounts, keys, inbox, rollout, SqlRecallStore(database), clock, audit)
    finally:
        await database.close()


def _nobody() -> None:
    """The server finds what waits by itself, within a second."""


def with_state(config: Path | None, data_dir: Path | None, work: Callable[[OpenState], Awaitable[Result]]) -> Result:
    """Load the settings, open the database, do the work, close. Raises: SettingsError; StateUnavailable."""
    settings = load_settings(config, {"data_dir": data_dir}).settings

    async def run() -> Result:
        async with open_state(settings) as state:
            return await work(state)

    return asyncio.run(run())
