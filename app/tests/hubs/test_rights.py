"""Every role at every hub and every hub method. The expectations are the product's table of rights, written by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from app.tests.hubs.harness import Hubs, caller

from hubwire import Forbidden, Hub, hub_method
from hubwire.hub.methods import methods_of
from hubwire.testing.hub_tester import ConnectFailed, HubTester, InvocationFailed
from hubwire.testing.lines import make_caller
from hubwire.wire.messages import Invocation
from meschain.auth.claims import claims_of
from meschain.domain.roles import Identity, Role
from meschain.hubs.authorise import Authorise

ADMIN, MARKETPLACE, DASHBOARD = "MesChainAdminHub", "MesChainMarketplaceHub", "MesChainDashboardHub"

ENTERS = {
    "super_admin": {ADMIN, MARKETPLACE, DASHBOARD},
    "admin": {ADMIN, MARKETPLACE, DASHBOARD},
    "marketplace_manager": {MARKETPLACE, DASHBOARD},
    "dropshipper": {MARKETPLACE, DASHBOARD},
    "technical": {DASHBOARD},
    "user": {DASHBOARD},
    "viewer": {DASHBOARD},
    "service": {ADMIN, MARKETPLACE, DASHBOARD},
}

EVERYBODY = set(ENTERS)
ADMINS = {"super_admin", "admin"}

Arguments = Callable[[Identity, dict[str, Any]], tuple[object, ...]]


@dataclass(frozen=True)
class Case:
    """One call, and the roles that may make it."""

    hub: str
    method: str
    arguments: Arguments
    allowed: set[str]
    name: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.name}".strip()


STOCK = {"marketplace": "trendyol", "quantity": 4}
CASES = [
    Case(ADMIN, "JoinAdminGroup", lambda me, _: (me.user_id, me.role.value), ADMINS),
    Case(ADMIN, "HandleAdminCommand", lambda *_: ("requestDashboardUpdate", {}), ADMINS | {"service"}, "request"),
    Case(
        ADMIN,
        "HandleAdminCommand",
        lambda *_: ("triggerSync", {"marketplace": "amazon"}),
        ADMINS | {"service"},
        "triggerSync",
    ),
    Case(
        ADMIN,
        "HandleAdminCommand",
        lambda *_: ("broadcastAlert", {"message": "m", "level": "info"}),
        ADMINS | {"service"},
        "broadcastAlert",
    ),
    Case(ADMIN, "BroadcastSystemAlert", lambda *_: ("message", "warning"), ADMINS | {"service"}),
    Case(ADMIN, "UpdateAdminDashboard", lambda _, dashboard: (dashboard,), {"service"}),
    Case(
        MARKETPLACE,
        "JoinMarketplaceGroup",
        lambda me, _: ("trendyol", me.user_id),
        ADMINS | {"marketplace_manager", "dropshipper", "service"},
        "granted",
    ),
    Case(
        MARKETPLACE, "JoinMarketplaceGroup", lambda me, _: ("amazon", me.user_id), ADMINS | {"service"}, "not granted"
    ),
    Case(
        MARKETPLACE,
        "JoinMarketplaceGroup",
        lambda me, _: ("all", me.user_id),
        ADMINS | {"marketplace_manager", "dropshipper", "service"},
        "all",
    ),
    Case(
        MARKETPLACE,
        "SyncMarketplaceData",
        lambda *_: ("trendyol", {"action": "sync"}),
        ADMINS | {"marketplace_manager", "service"},
        "sync granted",
    ),
    Case(
        MARKETPLACE,
        "SyncMarketplaceData",
        lambda *_: ("amazon", {"action": "sync"}),
        ADMINS | {"service"},
        "sync not granted",
    ),
    Case(MARKETPLACE, "SyncMarketplaceData", lambda *_: ("trendyol", {"progress": 5}), {"service"}, "other data"),
    Case(
        MARKETPLACE,
        "SyncMarketplaceData",
        lambda *_: ("trendyol", {"action": "sync", "progress": 5}),
        {"service"},
        "sync and other data",
    ),
    Case(MARKETPLACE, "UpdateInventoryStatus", lambda *_: ("42", STOCK), {"service"}),
    Case(MARKETPLACE, "BroadcastSyncProgress", lambda *_: ("trendyol", 50), {"service"}),
    Case(DASHBOARD, "SubscribeToDashboard", lambda me, _: (me.user_id, ["basic"]), EVERYBODY, "basic"),
    Case(
        DASHBOARD,
        "SubscribeToDashboard",
        lambda me, _: (me.user_id, ["performance"]),
        ADMINS | {"technical", "service"},
        "performance",
    ),
    Case(
        DASHBOARD,
        "SubscribeToDashboard",
        lambda me, _: (me.user_id, ["business"]),
        ADMINS | {"marketplace_manager", "service"},
        "business",
    ),
    Case(
        DASHBOARD,
        "SubscribeToDashboard",
        lambda me, _: (me.user_id, ["own"]),
        ADMINS | {"dropshipper", "service"},
        "own",
    ),
    Case(
        DASHBOARD,
        "SubscribeToDashboard",
        lambda me, _: (me.user_id, ["basic", "performance", "business", "own"]),
        ADMINS | {"service"},
        "everything at once",
    ),
    Case(DASHBOARD, "UpdateMetrics", lambda *_: ({"visitors": 3},), {"service"}),
    Case(DASHBOARD, "BroadcastPerformanceData", lambda *_: ({"cpu": 3},), {"service"}),
    Case(DASHBOARD, "SendNotification", lambda *_: ("own:viewer", {"message": "hello"}), ADMINS | {"service"}),
    *(
        Case(hub, "ResumeEvents", lambda *_: (0,), ADMINS | {"marketplace_manager", "dropshipper", "service"}, hub)
        for hub in (ADMIN, MARKETPLACE)
    ),
    *(
        Case(hub, "AcknowledgeNotification", lambda *_: ("no-such-id",), EVERYBODY, hub)
        for hub in (ADMIN, MARKETPLACE, DASHBOARD)
    ),
]


@pytest.mark.parametrize("hub", [ADMIN, MARKETPLACE, DASHBOARD])
@pytest.mark.parametrize("role", list(Role))
async def test_a_role_enters_its_hubs_only(hubs: Hubs, role: Role, hub: str) -> None:
    if hub in ENTERS[role.value]:
        await hubs.connect(hub, caller(role))
    else:
        with pytest.raises(ConnectFailed):
            await hubs.connect(hub, caller(role))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("role", list(Role))
async def test_a_role_calls_what_the_table_gives_it(hubs: Hubs, role: Role, case: Case) -> None:
    me = caller(role)
    dashboard = msgspec.to_builtins(await hubs.dashboard_service.current())
    arguments = case.arguments(me, dashboard)
    if case.hub in ENTERS[role.value]:
        client = await hubs.connect(case.hub, me)
        if role.value in case.allowed:
            await client.invoke(case.method, *arguments)
        else:
            with pytest.raises(InvocationFailed, match=f"invoke '{case.method}' because user is unauthorized"):
                await client.invoke(case.method, *arguments)
        return
    # Such a connection does not exist; should one ever, its calls are refused all the same.
    connection = make_caller(me.user_id, claims=claims_of(me), hub=case.hub)
    call = Invocation(case.method, arguments, "1")
    if role.value not in case.allowed:
        with pytest.raises(Forbidden):
            await hubs.testers[case.hub].dispatcher.invoke(connection, call)


def test_the_cases_cover_every_method_of_every_hub(hubs: Hubs) -> None:
    for hub, tester in hubs.testers.items():
        expected = {case.method for case in CASES if case.hub == hub}
        assert set(methods_of(tester.dispatcher.hub_class)) == expected


def test_the_roles_are_all_there_are() -> None:
    assert {role.value for role in Role} == set(ENTERS)


async def test_a_token_without_a_known_role_has_the_rights_of_a_user(hubs: Hubs) -> None:
    client = await hubs.testers[DASHBOARD].connect("external:7", claims={"role": "owner"})
    await client.invoke("SubscribeToDashboard", "external:7", ["basic"])
    with pytest.raises(InvocationFailed, match="unauthorized"):
        await client.invoke("SubscribeToDashboard", "external:7", ["performance"])


async def test_the_role_service_counts_for_user_ids_of_services_only(hubs: Hubs) -> None:
    with pytest.raises(ConnectFailed):
        await hubs.testers[ADMIN].connect("own:7", claims={"role": "service"})


async def test_a_token_without_a_user_enters_nowhere(hubs: Hubs) -> None:
    with pytest.raises(ConnectFailed):
        await hubs.testers[DASHBOARD].connect(None, claims={"role": "super_admin"})


class WatchingHub(Hub):
    """A hub whose author forgot the table of calls."""

    @hub_method("WatchOrders")
    async def watch_orders(self) -> AsyncIterator[str]:
        yield "an order"


async def test_a_stream_that_is_not_in_the_table_of_calls_is_refused_to_everybody(hubs: Hubs) -> None:
    tester = HubTester(WatchingHub, name=DASHBOARD, filters=[Authorise(hubs.audit, hubs.clock)])
    for role in Role:
        me = caller(role)
        client = await tester.connect(me.user_id, claims=claims_of(me))
        with pytest.raises(InvocationFailed, match="invoke 'WatchOrders' because user is unauthorized"):
            await anext(client.stream("WatchOrders"))
