"""The three hubs with what they call, and what stands before each of their methods."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hubwire import HubFilter
from meschain.bootstrap.hub_place import Hubs
from meschain.bootstrap.services import Services
from meschain.bootstrap.stores import Stores
from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, MARKETPLACE_HUB
from meschain.hubs.admin import AdminHub
from meschain.hubs.authorise import Authorise
from meschain.hubs.dashboard import DashboardHub
from meschain.hubs.entered_groups import EnteredGroups
from meschain.hubs.marketplace import MarketplaceHub
from meschain.hubs.refusals import Refusals
from meschain.services.ports import Clock


def add_hubs(server: Hubs, stores: Stores, services: Services, records: Sequence[HubFilter], clock: Clock) -> None:
    """Args:
    records: stand behind all other filters.
    """
    filters = [Authorise(stores.audit, clock), Refusals(), *records]
    entered = EnteredGroups()
    admin = partial(
        AdminHub,
        groups=stores.groups,
        entered=entered,
        notifications=services.notifications,
        resuming=services.resuming,
        dashboard=services.dashboard,
        commands=services.commands,
        alerts=services.alerts,
        publisher=services.publisher,
    )
    marketplace = partial(
        MarketplaceHub,
        groups=stores.groups,
        entered=entered,
        notifications=services.notifications,
        resuming=services.resuming,
        sync=services.sync,
        publisher=services.publisher,
        clock=clock,
    )
    dashboard = partial(
        DashboardHub,
        groups=stores.groups,
        entered=entered,
        notifications=services.notifications,
        dashboard=services.dashboard,
        granted_business=services.granted_business,
        publisher=services.publisher,
    )
    server.add(admin, name=ADMIN_HUB, filters=filters)
    server.add(marketplace, name=MARKETPLACE_HUB, filters=filters)
    server.add(dashboard, name=DASHBOARD_HUB, filters=filters)
