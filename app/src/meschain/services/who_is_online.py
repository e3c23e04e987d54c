"""Who is online, over all processes, for the administrators. Knows no hub and no table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from meschain.domain.events import HUBS
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import ConnectionOnline, PeopleOnline, PersonOnline
from meschain.domain.rollout import PROBE_PREFIX
from meschain.services.clock import iso_utc
from meschain.services.options import PresenceOptions
from meschain.services.ports import Clock, OnlineConnection, WrittenConnections


class WhoIsOnline:
    """Reads what the processes wrote down."""

    def __init__(self, connections: WrittenConnections, clock: Clock, options: PresenceOptions | None = None) -> None:
        self._connections = connections
        self._clock = clock
        self._options = options or PresenceOptions()

    async def now(self) -> PeopleOnline:
        """Everybody with an open connection, people and programs; not what looks at both sides of a roll-out for us."""
        by_user: dict[str, list[OnlineConnection]] = {}
        for each in await self._connections.online():
            if not each.connection.who.user_id.startswith(PROBE_PREFIX):
                by_user.setdefault(each.connection.who.user_id, []).append(each)
        people = sorted(by_user.values(), key=lambda some: (some[0].connection.who.name.casefold(), _user_id(some)))
        hubs = _count({each.connection.hub for each in some} for some in by_user.values())
        marketplaces = _count(
            {code for each in some for code in each.connection.who.visible_marketplaces} for some in by_user.values()
        )
        return PeopleOnline(
            timestamp=iso_utc(self._clock.now()),
            people_count=len(people),
            people=[self._person(some) for some in people[: self._options.people_shown]],
            by_hub={hub: hubs[hub] for hub in HUBS},
            by_role=dict(sorted(_count({some[0].connection.who.role.value} for some in by_user.values()).items())),
            by_marketplace={code: marketplaces[code] for code in MARKETPLACES},
        )

    def _person(self, some: Sequence[OnlineConnection]) -> PersonOnline:
        """The newest connection says what name and role they have."""
        who = some[0].connection.who
        return PersonOnline(
            user_id=who.user_id,
            name=who.name,
            role=who.role.value,
            connection_count=len(some),
            connections=[_shown(each) for each in some[: self._options.connections_shown]],
        )


def _shown(online: OnlineConnection) -> ConnectionOnline:
    connection = online.connection
    return ConnectionOnline(
        hub=connection.hub,
        marketplaces=list(connection.who.visible_marketplaces),
        connected_at=iso_utc(connection.opened_at or online.active_at),
        last_active_at=iso_utc(online.active_at),
        node=connection.node,
    )


def _user_id(some: Sequence[OnlineConnection]) -> str:
    return some[0].connection.who.user_id


def _count(of_each: Iterable[Iterable[str]]) -> Counter[str]:
    return Counter(name for names in of_each for name in names)
