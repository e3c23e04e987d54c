"""The demo's accounts: one for each role, with random passwords that stay the same over restarts.

Knows where the passwords come from (`state.demo_file`) and not how anybody logs in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from meschain.auth.own_accounts import OWN, AccountAdministration
from meschain.auth.passwords import Passwords
from meschain.domain.roles import Role
from meschain.state.demo_file import demo_credentials


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account as the demo shows it."""

    username: str
    role: Role
    name: str
    marketplaces: tuple[str, ...] = ()
    password: str = field(default="", repr=False)


_ACCOUNTS: Final = (
    DemoAccount("superadmin", Role.SUPER_ADMIN, "Defne Aksoy"),
    DemoAccount("admin", Role.ADMIN, "Emre Kaya"),
    DemoAccount("manager", Role.MARKETPLACE_MANAGER, "Selin Demir", ("amazon", "trendyol", "hepsiburada", "n11")),
    DemoAccount("dropshipper", Role.DROPSHIPPER, "Kerem Arslan", ("trendyol", "n11")),
    DemoAccount("technical", Role.TECHNICAL, "Zeynep Yıldız"),
    DemoAccount("user", Role.USER, "Mert Şahin"),
    DemoAccount("viewer", Role.VIEWER, "Elif Çelik"),
)
"""Grants as the original's defaults have them: managers four marketplaces, dropshippers two of those."""


async def prepare_demo_accounts(accounts: AccountAdministration, data_dir: Path) -> Sequence[DemoAccount]:
    """Make the accounts that are missing and return all with their passwords.

    One that is there keeps its role and grants, which somebody may have changed; its password becomes that of the file,
    or what is printed would be wrong.

    Raises: DemoFileBroken.
    """
    given = demo_credentials(data_dir, [account.username for account in _ACCOUNTS]).passwords
    passwords = Passwords()
    there = {account.username: account for account in await accounts.list() if account.source == OWN}
    prepared = []
    for wanted in _ACCOUNTS:
        password = given[wanted.username]
        known = there.get(wanted.username)
        if known is None:
            known = await accounts.add(
                wanted.username, wanted.role, wanted.marketplaces, password=password, name=wanted.name
            )
        elif not await passwords.verify(known.password_hash, password):
            await accounts.set_password(wanted.username, password)
        prepared.append(DemoAccount(known.username, known.role, known.name, known.marketplaces, password))
    return prepared
