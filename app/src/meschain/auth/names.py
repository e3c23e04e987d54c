"""Who somebody is, by the id that jobs and the audit keep. Knows no route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meschain.auth.own_accounts import PREFIX as OWN
from meschain.auth.ports import AccountStore, PasswordCheck


class PeopleNames:
    """Reads names from our own accounts, those that are disabled too, and from the shop's users."""

    def __init__(self, accounts: AccountStore, shop: PasswordCheck) -> None:
        self._accounts = accounts
        self._shop = shop

    async def of(self, user_ids: Iterable[str]) -> Mapping[str, str]:
        """The names of those that are known. Raises: ShopUnavailable."""
        names = {}
        for user_id in user_ids:
            name = await self._name(user_id)
            if name:
                names[user_id] = name
        return names

    async def _name(self, user_id: str) -> str:
        if user_id.startswith(OWN):
            account = await self._accounts.get(user_id.removeprefix(OWN))
            return "" if account is None else account.name
        identity = await self._shop.current(user_id)
        return "" if identity is None else identity.name
