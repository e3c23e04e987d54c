"""What the three hubs share: groups back at connect, pending notifications, and their acknowledgement.

Arguments of hub methods are annotated `object` and arrive as the client sent them: whoever checks them, here or in a
service, says what to send instead. Who calls comes from the verified claims only; `authorise` has let the call pass
before a method runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from hubwire import Hub, hub_method
from meschain.domain.roles import Identity
from meschain.hubs.authorise import caller_identity, permitted_groups
from meschain.hubs.clients import MesChainClient
from meschain.services.notifications import NotificationService
from meschain.services.ports import GroupStore

C = TypeVar("C", bound=MesChainClient)


class MesChainHub(Hub[C]):
    """Base of the three hubs."""

    name: ClassVar[str]
    """The hub's name on the wire."""

    def __init__(self, groups: GroupStore, notifications: NotificationService) -> None:
        self._group_store = groups
        self._notifications = notifications

    @property
    def identity(self) -> Identity:
        """Who calls."""
        return caller_identity(self.context)

    async def connected(self) -> None:
        """Put the connection back into its groups, then hand over what waited for its user."""
        identity = self.identity
        stored = await self._group_store.groups(self.name, identity.user_id)
        await self._enter(permitted_groups(self.name, identity, stored))
        await self._notifications.deliver_pending(identity.user_id, self.clients.caller.receive_notification)

    @hub_method("AcknowledgeNotification")
    async def acknowledge_notification(self, id: object) -> bool:  # noqa: A002 - the contract's word
        """Mark a notification as delivered; False: there is no such one pending for the caller."""
        return await self._notifications.acknowledge(self.identity.user_id, id)

    async def _enter(self, groups: Sequence[str]) -> None:
        for group in groups:
            await self.groups.add(self.context.connection_id, group)

    async def _join(self, groups: Sequence[str]) -> None:
        """Join now, and at each later connect of this user."""
        await self._enter(groups)
        if groups:
            await self._group_store.add(self.name, self.identity.user_id, groups)
