"""`ResumeEvents` for the hubs that hear of events. Knows nothing of what is kept and how long.

Where a service holds the connections, each event that is sent is a request to it: whoever can take them from the answer
costs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from meschain.domain.event_routes import TARGETS, calls_of, in_frames, stamped
from meschain.domain.events import StoredEvent
from meschain.domain.payloads import MissedEvent, ResumeAnswer
from meschain.domain.roles import sees_whole_shop
from meschain.hubs.base import MesChainHub
from meschain.hubs.clients import MarketplaceClient
from meschain.hubs.entered_groups import EnteredGroups
from meschain.services.notifications import NotificationService
from meschain.services.ports import GroupStore
from meschain.services.resume import ResumeService

C = TypeVar("C", bound=MarketplaceClient)


class ResumingHub(MesChainHub[C]):
    """A hub whose connections can be told what they missed."""

    def __init__(
        self, groups: GroupStore, entered: EnteredGroups, notifications: NotificationService, resuming: ResumeService
    ) -> None:
        super().__init__(groups, entered, notifications)
        self._resuming = resuming

    async def _resume(self, position: object, in_answer: object) -> ResumeAnswer:
        groups = await self._own_groups()
        # It is in them as a rule. That it is, before the newest position is read, is what the promise stands on.
        await self._enter(groups)
        identity = self.identity
        marketplaces = None if sees_whole_shop(identity.role) else identity.visible_marketplaces
        missed: list[MissedEvent] = []

        async def replay(events: Sequence[StoredEvent]) -> None:
            if in_answer is True:
                missed.extend(_missed(stored) for stored in events)
                return
            for some in in_frames(events):
                await self.clients.caller.send_together(calls_of(some, replayed=True))

        answer = await self._resuming.resume(self.name, groups, marketplaces, position, replay)
        return msgspec.structs.replace(answer, events=missed)


def _missed(stored: StoredEvent) -> MissedEvent:
    return MissedEvent(target=TARGETS[stored.event.kind], payload=stamped(stored, replayed=True))
