"""The hubs on two sides while one replaces the other: blue, the place that is there, and green, a service.

Hubs answer their callers on the side that holds them; whatever is sent from outside of hubs goes to both. Each side's
connections are written down as if it were alone, and what is written is read for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs
from starlette.types import Receive, Scope, Send

from hubwire import Audience, DataPlane, HubContext, HubFilter
from hubwire.hub.dispatcher import HubFactory, hub_class_of
from hubwire.plane.nodes import NodeInfo
from meschain.bootstrap.hosting import Hosting
from meschain.bootstrap.hub_place import HubPlace, Hubs
from meschain.bootstrap.on_a_service import GREEN, ServiceAccess, client_origins, hubs_of
from meschain.bootstrap.stores import Stores
from meschain.domain.payloads import NegotiateAnswer, ServerMoving
from meschain.domain.rollout import Side
from meschain.hubs.clients import MesChainClient
from meschain.hubs.connection_records import ConnectionRecords
from meschain.hubs.observer import CallObserver, HubObserver
from meschain.hubs.stale_connections import StaleConnections
from meschain.rollout.admission import Admission
from meschain.rollout.books import SidedBooks
from meschain.rollout.ends import EndsOfPlaced
from meschain.rollout.guarding import Guarding
from meschain.rollout.meter import SideMeter
from meschain.rollout.mover import Mover
from meschain.rollout.placing import PlaceFilter, PlannedAccess
from meschain.rollout.planes import JoinedSides, SidePlane
from meschain.rollout.plans import Rollout
from meschain.rollout.prober import Prober
from meschain.rollout.shadow import Shadow
from meschain.rollout.watch import PlanWatch
from meschain.rollout.way_back import WayBack
from meschain.services.connections import ServiceConnections
from meschain.services.options import RolloutOptions
from meschain.services.ports import Clock
from meschain.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MOVER: Final = "moves between both sides"
"""Name of the work that moves open connections."""
GUARDS: Final = "guards of the roll-out"
"""Name of the work that holds a roll-out or rolls it back."""
_SENDS_AT_ONCE: Final = 16
"""Of one step to a service: half of the connections to it, so that events get through meanwhile."""


class SidedHubs:
    """`Hubs` of both sides as one.

    Args:
        filters: stand outermost before the hubs of each side.
        records: stand behind all other filters of each side.
        make_plane: makes what is sent through of the planes of both.
        make_way: makes what events of one side are sent through of its plane.
    """

    def __init__(
        self,
        sides: Mapping[Side, Hubs],
        filters: Mapping[Side, HubFilter],
        records: Mapping[Side, Sequence[HubFilter]],
        make_plane: Callable[[Mapping[Side, DataPlane]], DataPlane],
        make_way: Callable[[Side, DataPlane], DataPlane],
    ) -> None:
        self._sides = sides
        self._filters = filters
        self._records = records
        self._make_plane = make_plane
        self._make_way = make_way
        self._planes: dict[str, DataPlane] = {}
        self._contexts: dict[str, HubContext[Any]] = {}
        self._ways: dict[tuple[Side, str], HubContext[Any]] = {}

    @property
    def nodes(self) -> list[NodeInfo]:
        return self._sides[Side.BLUE].nodes

    def add(self, hub: HubFactory, *, name: str | None = None, filters: Sequence[HubFilter] = ()) -> None:
        """Register it on both."""
        hub_class = hub_class_of(hub)
        key = (name or hub_class.__name__).lower()
        for side, hubs in self._sides.items():
            hubs.add(hub, name=name, filters=[self._filters[side], *filters, *self._records[side]])
        planes = {side: hubs.plane(key) for side, hubs in self._sides.items()}
        self._planes[key] = self._make_plane(planes)
        self._contexts[key] = HubContext(self._planes[key], hub_class.client_contract)
        for side, plane in planes.items():
            self._ways[side, key] = HubContext(self._make_way(side, plane), hub_class.client_contract)

    def plane(self, name: str) -> DataPlane:
        return self._planes[name.lower()]

    def context(self, hub: str) -> HubContext[Any]:
        return self._contexts[hub.lower()]

    def way(self, side: Side, hub: str) -> HubContext[Any]:
        """To the clients of one side."""
        return self._ways[side, hub.lower()]

    def handles(self, path: str) -> bool:
        return any(hubs.handles(path) for hubs in self._sides.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await next(hubs for hubs in self._sides.values() if hubs.handles(scope["path"]))(scope, receive, send)

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Green is there before blue, and until blue's clients have gone."""
        return self._running()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with self._sides[Side.GREEN].lifespan(), self._sides[Side.BLUE].lifespan():
            yield


class SidedClients:
    """`rollout.mover.Clients` over the hubs of each side."""

    def __init__(self, sides: Mapping[Side, Hubs], way_back: WayBack) -> None:
        self._sides = sides
        self._way_back = way_back

    async def tell_moving(self, side: Side, hub: str, connection_ids: Sequence[str], moving: ServerMoving) -> None:
        context: HubContext[MesChainClient] = self._sides[side].context(hub)
        places = await self._way_back.places(hub, connection_ids) if side is Side.GREEN else {}
        at_once = asyncio.Semaphore(_SENDS_AT_ONCE)

        async def tell(connection_id: str, place: NegotiateAnswer) -> None:
            content = structs.replace(moving, url=place.url, access_token=place.access_token)
            async with at_once:
                await context.clients.client(connection_id).server_moving(content)

        told = [tell(*each) for each in places.items()]
        if others := [each for each in connection_ids if each not in places]:
            told.append(context.clients.clients(others).server_moving(moving))
        for outcome in await asyncio.gather(*told, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def close(self, side: Side, hub: str, connection_ids: Sequence[str]) -> None:
        plane = self._sides[side].plane(hub)
        await plane.close(Audience.connections(tuple(connection_ids)), "The server is moving.", allow_reconnect=True)


def on_two_sides(
    settings: Settings, blue: HubPlace, hosting: Hosting, observer: HubObserver, stores: Stores, clock: Clock
) -> HubPlace:
    """Green beside blue. Raises: SettingsError for a connection string that cannot be used."""
    green_hubs = hubs_of(settings, GREEN, settings.green_upstream_path, CallObserver(observer), clock)
    sides: Mapping[Side, Hubs] = {Side.BLUE: blue.hubs, Side.GREEN: green_hubs}
    meter = SideMeter(stores.counts, hosting.node_id, clock)
    watch = PlanWatch(stores.plans, clock)

    def is_green_ready() -> bool:
        return green_hubs.unready_reason is None

    def is_available(place: int) -> bool:
        # One that is away may go on holding its clients: what they should have got is tried again, not left out.
        return place == 0 or is_green_ready() or watch.relies_on(Side.GREEN)

    def joined(planes: Mapping[Side, DataPlane]) -> DataPlane:
        both = [SidePlane(planes[side], side, meter, watch.relies_on, clock=clock) for side in (Side.BLUE, Side.GREEN)]
        return JoinedSides(both, is_available)

    def way(side: Side, plane: DataPlane) -> DataPlane:
        is_ready = is_green_ready if side is Side.GREEN else lambda: True
        return SidePlane(plane, side, meter, watch.relies_on, is_ready=is_ready)

    filters = {side: PlaceFilter(side, stores.placed, meter) for side in Side}
    of_green = ServiceConnections(stores.connections, stores.connections, clock)
    records = {Side.BLUE: blue.records, Side.GREEN: [ConnectionRecords(of_green, clock)]}
    hubs = SidedHubs(sides, filters, records, joined, way)
    rollout = Rollout(
        plans=stores.plans,
        connections=stores.placed,
        reports=stores.reports,
        audit=stores.audit,
        clock=clock,
        has_green=True,
    )
    accesses = {Side.BLUE: blue.access, Side.GREEN: ServiceAccess(green_hubs)}
    prober = Prober(accesses, lambda side, hub: sides[side].plane(hub), clock)
    guarding = Guarding(
        plans=stores.plans,
        rollout=rollout,
        counts=stores.counts,
        reports=stores.reports,
        prober=prober,
        clock=clock,
        acts=settings.rollout_guards == "act",
    )
    access = PlannedAccess(
        stores.plans,
        accesses,
        meter,
        Admission(stores.permits, settings.green_connects_per_second),
    )
    shadow = Shadow(
        access=accesses,
        reports=stores.reports,
        clock=clock,
        is_wanted=lambda: guarding.is_under_way() and guarding.plan.shadow,
    )
    options = RolloutOptions(deadline_seconds=settings.move_seconds)
    mover = Mover(
        plans=stores.plans,
        connections=stores.placed,
        clients=SidedClients(sides, WayBack(blue.access, stores.connections, stores.sessions, clock)),
        clock=clock,
        per_second=settings.green_connects_per_second * options.moved_share,
        options=options,
    )
    return replace(
        blue,
        hubs=hubs,
        event_ways={"": partial(hubs.way, Side.BLUE), Side.GREEN: partial(hubs.way, Side.GREEN)},
        access=access,
        connections=SidedBooks([blue.connections, of_green]),
        records=[],
        audiences=stores.audiences,
        events=None,
        stored=stores.connections,
        client_origins=[*blue.client_origins, *client_origins(settings, GREEN)],
        everywhere={**blue.everywhere, "counts of both sides": meter.run, "plan of the roll-out": watch.run},
        exclusive={
            **blue.exclusive,
            "connections": StaleConnections(stores.connections, hubs.plane, clock).run,
            "connections of both sides": StaleConnections(stores.placed, hubs.plane, clock).run,
            "ends on both sides": EndsOfPlaced(stores.placed_ends, clock).run,
            MOVER: mover.run,
            GUARDS: guarding.run,
            "comparison of both sides": shadow.run,
            "probes of both sides": partial(prober.run, guarding.is_under_way),
        },
    )
