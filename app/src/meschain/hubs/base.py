"""What the three hubs share: groups back at connect, pending notifications, and their acknowledgement.

Arguments of hub methods are annotated `object` and arrive as the client sent them: whoever checks them, here or in a
service, says what to send instead. Who calls comes from the verified claims only; `authorise` has let the call pass
before a method runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, TypeVar

from hubwire import Hub, hub_method
from meschain.domain.events import ADMIN_HUB
from meschain.domain.roles import Identity
from meschain.hubs.authorise import caller_identity, permitted_groups
from meschain.hubs.clients import MesChainClient
from meschain.hubs.entered_groups import EnteredGroups
from meschain.services.notifications import NotificationService
from meschain.services.ports import ConnectionKey, GroupStore

C = TypeVar("C", bound=MesChainClient)


class MesChainHub(Hub[C]):
    """Base of the three hubs."""

    name: ClassVar[str]
    """The hub's name on the wire."""

    def __init__(self, groups: GroupStore, entered: EnteredGroups, notifications: NotificationService) -> None:
        self._group_store = groups
        self._entered = entered
        self._notifications = notifications

    @property
    def identity(self) -> Identity:
        """Who calls."""
        return caller_identity(self.context)

    async def connected(self) -> None:
        """Put the connection back into its groups, then hand over what waited for its user."""
        identity = self.identity
        await self._enter(await self._own_groups())
        await self._notifications.deliver_pending(identity.user_id, self.clients.caller.receive_notification)

    async def disconnected(self, error: BaseException | None) -> None:
        self._entered.ended(self._key)

    @hub_method("AcknowledgeNotification")
    async def acknowledge_notification(self, id: object) -> bool:  # noqa: A002 - the contract's word
        """Mark a notification as delivered; False: there is no such one pending for the caller."""
        return await self._notifications.acknowledge(self.identity.user_id, id)

    async def _own_groups(self) -> Sequence[str]:
        """The groups that the caller joined and still has a right to."""
        identity = self.identity
        # Joins of the administrators' hub are its role's alone: nothing is stored, so nothing is asked.
        stored = () if self.name == ADMIN_HUB else await self._group_store.groups(self.name, identity.user_id)
        return permitted_groups(self.name, identity, stored)

    @property
    def _key(self) -> ConnectionKey:
        return self.name, self.context.connection_id

    async def _enter(self, groups: Sequence[str]) -> None:
        lacking = self._entered.lacking(self._key, groups)
        # At once: where a service holds the connection, each is a request to it.
        work = [self.groups.add(self.context.connection_id, group) for group in lacking]
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if outcome is not None:
                raise outcome
        if lacking:
            self._entered.entered(self._key, lacking)

    async def _join(self, groups: Sequence[str]) -> None:
        """Join now, and at each later connect of this user."""
        if not self._entered.lacking(self._key, groups):
            return  # from the store, at its connect, or by a call before
        await self._enter(groups)
        try:
            await self._group_store.add(self.name, self.identity.user_id, groups)
        except BaseException:
            self._entered.ended(self._key)  # so that another call stores them
            raise
