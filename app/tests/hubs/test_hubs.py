"""What the hubs promise beyond rights: identity arguments, groups, notifications, commands, and who hears what."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from app.tests.hubs.harness import Hubs, caller, events
from app.tests.services.fakes import some_order

from hubwire.testing.hub_tester import InvocationFailed
from meschain.domain.payloads import InventoryUpdate, SyncUpdate, UserActivity
from meschain.domain.roles import Role
from meschain.hubs import authorise
from meschain.services.ports import MarketplaceFigures

ADMIN, MARKETPLACE, DASHBOARD = "MesChainAdminHub", "MesChainMarketplaceHub", "MesChainDashboardHub"


class TestIdentityArguments:
    """`userId` and `role` are compared with the token and refused when they differ."""

    @pytest.mark.parametrize("user_id", ["own:somebody-else", "", None, 7])
    async def test_another_user_cannot_be_named(self, hubs: Hubs, user_id: object) -> None:
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        manager = await hubs.connect(MARKETPLACE, caller(Role.MARKETPLACE_MANAGER))
        viewer = await hubs.connect(DASHBOARD, caller(Role.VIEWER))
        with pytest.raises(InvocationFailed, match="userId is not the user of your token"):
            await admin.invoke("JoinAdminGroup", user_id, "admin")
        with pytest.raises(InvocationFailed, match="userId is not the user of your token"):
            await manager.invoke("JoinMarketplaceGroup", "all", user_id)
        with pytest.raises(InvocationFailed, match="userId is not the user of your token"):
            await viewer.invoke("SubscribeToDashboard", user_id, ["basic"])

    @pytest.mark.parametrize("role", ["super_admin", "viewer", "", None])
    async def test_another_role_cannot_be_named(self, hubs: Hubs, role: object) -> None:
        me = caller(Role.ADMIN)
        admin = await hubs.connect(ADMIN, me)
        with pytest.raises(InvocationFailed, match="role is not the role of your token"):
            await admin.invoke("JoinAdminGroup", me.user_id, role)

    async def test_the_id_without_its_source_is_the_same_user(self, hubs: Hubs) -> None:
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN, name="7"))
        await admin.invoke("JoinAdminGroup", "7", "admin")

    async def test_a_role_that_may_not_join_is_told_nothing_about_its_arguments(self, hubs: Hubs) -> None:
        service = await hubs.connect(ADMIN, caller(Role.SERVICE))
        with pytest.raises(InvocationFailed, match="unauthorized"):
            await service.invoke("JoinAdminGroup", "own:somebody-else", "admin")


class TestGroups:
    async def test_admins_hear_the_events_of_admins_from_their_connect_on(self, hubs: Hubs) -> None:
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        await hubs.publisher.order_received(some_order(1, "ozon"))
        assert [order["orderNumber"] for order in events(admin, "orderNotification")] == ["TY-1"]

    async def test_joining_twice_delivers_once(self, hubs: Hubs) -> None:
        me = caller(Role.SUPER_ADMIN)
        admin = await hubs.connect(ADMIN, me)
        await admin.invoke("JoinAdminGroup", me.user_id, "super_admin")
        await admin.invoke("JoinAdminGroup", me.user_id, "super_admin")
        await hubs.publisher.order_received(some_order())
        assert len(events(admin, "orderNotification")) == 1

    async def test_join_sends_the_present_dashboard_to_the_caller_alone(self, hubs: Hubs) -> None:
        me = caller(Role.ADMIN)
        admin = await hubs.connect(ADMIN, me)
        other = await hubs.connect(ADMIN, caller(Role.ADMIN, name="other"))
        await admin.invoke("JoinAdminGroup", me.user_id, "admin")
        [dashboard] = events(admin, "updateAdminDashboard")
        assert dashboard["businessMetrics"]["dailyTransactions"] == 12
        assert dashboard["systemStatus"]["marketplaceSync"].keys() >= {"amazon", "etsy"}
        assert events(other, "updateAdminDashboard") == []

    async def test_all_joins_each_marketplace_that_one_may_see(self, hubs: Hubs) -> None:
        me = caller(Role.MARKETPLACE_MANAGER)
        manager = await hubs.connect(MARKETPLACE, me)
        assert await manager.invoke("JoinMarketplaceGroup", "all", me.user_id) == ["trendyol", "n11"]
        for code in ("trendyol", "n11", "amazon"):
            await hubs.publisher.order_received(some_order(1, code))
        assert [order["marketplace"] for order in events(manager, "orderNotification")] == ["trendyol", "n11"]

    async def test_groups_joined_on_request_are_back_after_a_reconnect(self, hubs: Hubs) -> None:
        me = caller(Role.DROPSHIPPER)
        first = await hubs.connect(MARKETPLACE, me)
        await first.invoke("JoinMarketplaceGroup", "n11", me.user_id)
        await first.disconnect(ConnectionError("network"))
        second = await hubs.connect(MARKETPLACE, me)
        await hubs.publisher.order_received(some_order(1, "n11"))
        await hubs.publisher.order_received(some_order(2, "trendyol"))
        assert [order["marketplace"] for order in events(second, "orderNotification")] == ["n11"]
        assert events(first, "orderNotification") == []

    async def test_a_grant_that_was_taken_away_is_not_restored(self, hubs: Hubs) -> None:
        me = caller(Role.MARKETPLACE_MANAGER)
        first = await hubs.connect(MARKETPLACE, me)
        await first.invoke("JoinMarketplaceGroup", "all", me.user_id)
        await first.disconnect()
        again = await hubs.connect(MARKETPLACE, caller(Role.MARKETPLACE_MANAGER, ("n11",)))
        await hubs.publisher.order_received(some_order(1, "n11"))
        await hubs.publisher.order_received(some_order(2, "trendyol"))
        assert [order["marketplace"] for order in events(again, "orderNotification")] == ["n11"]

    async def test_metrics_are_restored_as_far_as_the_role_still_sees_them(self, hubs: Hubs) -> None:
        me = caller(Role.TECHNICAL, name="7")
        first = await hubs.connect(DASHBOARD, me)
        await first.invoke("SubscribeToDashboard", me.user_id, ["basic", "performance"])
        await first.disconnect()
        lowered = await hubs.connect(DASHBOARD, caller(Role.VIEWER, name="7"))
        await hubs.publisher.metrics({"visitors": 3})
        await hubs.publisher.performance({"cpu": 3})
        assert events(lowered, "metricsUpdate") == [{"visitors": 3}]
        assert events(lowered, "performanceData") == []

    async def test_groups_of_one_user_are_not_those_of_another(self, hubs: Hubs) -> None:
        me = caller(Role.DROPSHIPPER)
        first = await hubs.connect(MARKETPLACE, me)
        await first.invoke("JoinMarketplaceGroup", "n11", me.user_id)
        other = await hubs.connect(MARKETPLACE, caller(Role.DROPSHIPPER, name="other"))
        await hubs.publisher.order_received(some_order(1, "n11"))
        assert events(other, "orderNotification") == []


class TestWhoHears:
    async def test_admin_messages_reach_admins_only(self, hubs: Hubs) -> None:
        service = await hubs.connect(ADMIN, caller(Role.SERVICE))
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        others = []
        for role in (Role.MARKETPLACE_MANAGER, Role.DROPSHIPPER):
            me = caller(role)
            manager = await hubs.connect(MARKETPLACE, me)
            await manager.invoke("JoinMarketplaceGroup", "all", me.user_id)
            others.append(manager)
        for role in Role:
            me = caller(role)
            watcher = await hubs.connect(DASHBOARD, me)
            await watcher.invoke("SubscribeToDashboard", me.user_id, ["basic"])
            others.append(watcher)
        await hubs.publisher.admin_dashboard(await hubs.dashboard_service.current())
        await hubs.publisher.user_activity(
            UserActivity(event_id="1", kind="login", user="u", text="t", details={}, occurred_at="2025-01-01T00:00:00Z")
        )
        await admin.invoke("BroadcastSystemAlert", "Stock is low", "critical")
        names = {name for name, _ in admin.received}
        assert {"updateAdminDashboard", "userActivityUpdate", "systemAlert"} <= names
        for client in (service, *others):
            heard = {name for name, _ in client.received}
            assert not heard & {"updateAdminDashboard", "userActivityUpdate", "systemAlert"}

    async def test_a_dropshipper_cannot_see_the_marketplaces_of_others(self, hubs: Hubs) -> None:
        me = caller(Role.DROPSHIPPER, ("trendyol",))
        client = await hubs.connect(MARKETPLACE, me)
        with pytest.raises(InvocationFailed, match="unauthorized"):
            await client.invoke("JoinMarketplaceGroup", "amazon", me.user_id)
        assert await client.invoke("JoinMarketplaceGroup", "all", me.user_id) == ["trendyol"]
        await hubs.publisher.order_received(some_order(1, "amazon"))
        await hubs.publisher.sync_progress(_progress("amazon"))
        await hubs.publisher.inventory_changed(_stock("amazon"))
        await hubs.publisher.marketplace_data("amazon", {"progress": 1})
        assert client.received == []

    async def test_marketplace_events_reach_their_watchers_and_the_admins(self, hubs: Hubs) -> None:
        me = caller(Role.MARKETPLACE_MANAGER)
        manager = await hubs.connect(MARKETPLACE, me)
        await manager.invoke("JoinMarketplaceGroup", "trendyol", me.user_id)
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        await hubs.publisher.order_received(some_order(1, "trendyol"))
        await hubs.publisher.sync_progress(_progress("trendyol"))
        await hubs.publisher.inventory_changed(_stock("trendyol"))
        await hubs.publisher.marketplace_data("trendyol", {"progress": 7, "marketplace": "amazon"})
        expected = ["orderNotification", "marketplaceSyncUpdate", "inventoryUpdate", "marketplaceSyncUpdate"]
        assert [name for name, _ in manager.received] == expected
        assert [name for name, _ in admin.received] == expected
        assert events(manager, "marketplaceSyncUpdate")[1] == {"progress": 7, "marketplace": "trendyol"}

    async def test_the_counter_of_the_shop_itself_is_shown_to_admins(self, hubs: Hubs) -> None:
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        await hubs.publisher.order_received(some_order(1, "shop"))
        assert len(events(admin, "orderNotification")) == 1

    async def test_business_figures_reach_their_subscribers(self, hubs: Hubs) -> None:
        me = caller(Role.ADMIN)
        watcher = await hubs.connect(DASHBOARD, me)
        await watcher.invoke("SubscribeToDashboard", me.user_id, ["business", "performance", "own"])
        await hubs.publisher.business(await hubs.dashboard_service.business())
        assert [name for name, _ in watcher.received] == ["performanceData", "businessMetrics", "businessMetrics"]


class TestBusinessOfGranted:
    """Who sees some marketplaces only is not sent the figures of the whole shop."""

    @pytest.fixture(autouse=True)
    def figures(self, hubs: Hubs) -> None:
        for number, code in enumerate(("trendyol", "n11", "amazon"), start=1):
            hubs.shop.marketplaces[code] = MarketplaceFigures(
                orders_today=number,
                revenue_today=Decimal(f"{number}0.10"),
                listings=0,
                listings_out_of_step=0,
                stock=(),
                sources={"ordersToday": "order links", "revenueToday": "order links"},
            )

    async def test_a_manager_is_sent_the_figures_of_its_marketplaces(self, hubs: Hubs) -> None:
        me = caller(Role.MARKETPLACE_MANAGER)
        manager = await hubs.connect(DASHBOARD, me)
        await manager.invoke("SubscribeToDashboard", me.user_id, ["business"])
        await hubs.publisher.business(await hubs.dashboard_service.business())
        await hubs.granted_business.tick()
        at_once, later = events(manager, "businessMetrics")
        assert at_once == later
        assert (later["dailyTransactions"], later["revenue"], later["currency"]) == (3, 30.2, "TRY")
        assert later["sources"]["dailyTransactions"] == "order links"
        assert later["sources"]["marketplaces"] == "trendyol, n11"
        assert later["sources"]["activeUsers"] == "none"

    async def test_it_is_so_after_a_reconnect_and_follows_the_grants(self, hubs: Hubs) -> None:
        me = caller(Role.MARKETPLACE_MANAGER)
        first = await hubs.connect(DASHBOARD, me)
        await first.invoke("SubscribeToDashboard", me.user_id, ["business"])
        await first.disconnect()
        again = await hubs.connect(DASHBOARD, caller(Role.MARKETPLACE_MANAGER, ("amazon",)))
        await hubs.publisher.business(await hubs.dashboard_service.business())
        await hubs.granted_business.tick()
        [figures] = events(again, "businessMetrics")
        assert (figures["dailyTransactions"], figures["sources"]["marketplaces"]) == (3, "amazon")

    async def test_nobody_there_costs_no_read(self, hubs: Hubs) -> None:
        me = caller(Role.MARKETPLACE_MANAGER)
        manager = await hubs.connect(DASHBOARD, me)
        await manager.invoke("SubscribeToDashboard", me.user_id, ["business"])
        await manager.disconnect()
        asked = hubs.shop.calls["marketplace_figures"]
        await hubs.granted_business.tick()
        assert hubs.shop.calls["marketplace_figures"] == asked

    async def test_a_shop_that_is_away_gives_figures_without_a_source(self, hubs: Hubs) -> None:
        hubs.shop.go_away()
        figures = await hubs.granted_business.read(("trendyol",))
        assert (figures.daily_transactions, figures.currency) == (0, "XXX")
        assert figures.sources["revenue"] == "none"


class TestNotifications:
    async def test_one_sent_while_its_user_is_away_waits_and_comes_at_connect_until_acknowledged(
        self, hubs: Hubs
    ) -> None:
        admin = await hubs.connect(DASHBOARD, caller(Role.ADMIN))
        viewer = caller(Role.VIEWER)
        notification_id = await admin.invoke(
            "SendNotification", viewer.user_id, {"message": "Hello", "type": "success"}
        )
        first = await hubs.connect(DASHBOARD, viewer)
        [notification] = events(first, "receiveNotification")
        assert (notification["id"], notification["message"]) == (notification_id, "Hello")
        await first.disconnect()
        second = await hubs.connect(DASHBOARD, viewer)
        assert len(events(second, "receiveNotification")) == 1
        assert await second.invoke("AcknowledgeNotification", notification_id) is True
        assert await second.invoke("AcknowledgeNotification", notification_id) is False
        third = await hubs.connect(DASHBOARD, viewer)
        assert events(third, "receiveNotification") == []

    async def test_one_who_is_there_gets_it_at_once_on_every_hub(self, hubs: Hubs) -> None:
        target = caller(Role.DROPSHIPPER)
        here = [await hubs.connect(MARKETPLACE, target), await hubs.connect(DASHBOARD, target)]
        other = await hubs.connect(DASHBOARD, caller(Role.DROPSHIPPER, name="other"))
        admin = await hubs.connect(DASHBOARD, caller(Role.ADMIN))
        await admin.invoke("SendNotification", target.user_id, {"message": "Hello"})
        assert [len(events(client, "receiveNotification")) for client in here] == [1, 1]
        assert events(other, "receiveNotification") == []

    async def test_nobody_acknowledges_for_another(self, hubs: Hubs) -> None:
        admin = await hubs.connect(DASHBOARD, caller(Role.ADMIN))
        viewer = caller(Role.VIEWER)
        notification_id = await admin.invoke("SendNotification", viewer.user_id, {"message": "Hello"})
        assert await admin.invoke("AcknowledgeNotification", notification_id) is False
        assert len(await hubs.notifications.pending(viewer.user_id)) == 1


class TestCommands:
    async def test_a_dashboard_asked_for_comes_to_the_caller(self, hubs: Hubs) -> None:
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        await admin.invoke("HandleAdminCommand", "requestDashboardUpdate", {"timestamp": "now"})
        assert len(events(admin, "updateAdminDashboard")) == 1

    async def test_a_sync_is_stored_announced_and_audited(self, hubs: Hubs) -> None:
        me = caller(Role.ADMIN)
        admin = await hubs.connect(ADMIN, me)
        await admin.invoke("HandleAdminCommand", "triggerSync", {"marketplace": "trendyol"})
        [job] = hubs.jobs.rows.values()
        assert (job.marketplace, job.status, job.requested_by) == ("trendyol", "queued", me.user_id)
        await hubs.publisher.tell(hubs.events.rows)
        assert events(admin, "marketplaceSyncUpdate")[0]["status"] == "queued"
        assert hubs.audit.rows[0].outcome == f"ok: sync job {job.id}"

    async def test_a_manager_starts_a_sync_of_its_marketplace(self, hubs: Hubs) -> None:
        manager = await hubs.connect(MARKETPLACE, caller(Role.MARKETPLACE_MANAGER))
        await manager.invoke("SyncMarketplaceData", "n11", {"action": "sync"})
        assert [job.marketplace for job in hubs.jobs.rows.values()] == ["n11"]

    async def test_a_refused_command_is_audited_once_in_a_while(self, hubs: Hubs) -> None:
        me = caller(Role.DROPSHIPPER)
        client = await hubs.connect(MARKETPLACE, me)
        for _ in range(3):
            with pytest.raises(InvocationFailed, match="unauthorized"):
                await client.invoke("SyncMarketplaceData", "trendyol", {"action": "sync"})
        [row] = hubs.audit.rows
        assert (row.user_id, row.action, row.outcome) == (me.user_id, "SyncMarketplaceData:sync", "refused: no right")
        await hubs.clock.advance(10)
        with pytest.raises(InvocationFailed, match="unauthorized"):
            await client.invoke("SyncMarketplaceData", "trendyol", {"action": "sync"})
        assert len(hubs.audit.rows) == 2

    async def test_only_so_many_refusals_are_remembered(self, hubs: Hubs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(authorise, "_REMEMBERED", 2)
        for name in ("one", "two", "three", "one"):
            client = await hubs.connect(MARKETPLACE, caller(Role.DROPSHIPPER, name=name))
            with pytest.raises(InvocationFailed, match="unauthorized"):
                await client.invoke("SyncMarketplaceData", "trendyol", {"action": "sync"})
        assert [row.user_id for row in hubs.audit.rows] == ["own:one", "own:two", "own:three", "own:one"]

    async def test_what_a_service_refuses_is_told_in_its_words(self, hubs: Hubs) -> None:
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        with pytest.raises(InvocationFailed, match="There is no such command; there are requestDashboardUpdate"):
            await admin.invoke("HandleAdminCommand", "dropTables", {})
        with pytest.raises(InvocationFailed, match="Nothing is set up to sync eBay"):
            await admin.invoke("HandleAdminCommand", "triggerSync", {"marketplace": "ebay"})

    async def test_a_failure_of_ours_is_not_told(self, hubs: Hubs) -> None:
        me = caller(Role.ADMIN)
        admin = await hubs.connect(ADMIN, me)

        async def broken(limit: int) -> Any:
            raise RuntimeError("password=hunter2")

        hubs.alerts.latest = broken  # type: ignore[method-assign] # a store that fails
        with pytest.raises(InvocationFailed) as failed:
            await admin.invoke("JoinAdminGroup", me.user_id, "admin")
        assert "hunter2" not in str(failed.value)


class TestProducers:
    async def test_a_published_dashboard_must_be_complete(self, hubs: Hubs) -> None:
        service = await hubs.connect(ADMIN, caller(Role.SERVICE))
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        dashboard = msgspec.to_builtins(await hubs.dashboard_service.current())
        await service.invoke("UpdateAdminDashboard", dashboard)
        assert events(admin, "updateAdminDashboard") == [dashboard]
        del dashboard["performanceMetrics"]["uptime"]
        with pytest.raises(InvocationFailed, match=r"dashboardData is not complete.*uptime"):
            await service.invoke("UpdateAdminDashboard", dashboard)

    async def test_stock_is_published_with_what_is_known(self, hubs: Hubs) -> None:
        service = await hubs.connect(MARKETPLACE, caller(Role.SERVICE))
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        await service.invoke("UpdateInventoryStatus", "42", {"marketplace": "etsy", "quantity": 4, "sku": "S-1"})
        [update] = events(admin, "inventoryUpdate")
        assert (update["productId"], update["quantity"], update["sku"]) == (42, 4, "S-1")

    @pytest.mark.parametrize(
        ("product_id", "status", "text"),
        [
            ("x", {"marketplace": "etsy", "quantity": 4}, "productId is"),
            (42, {"marketplace": "etsy", "quantity": 4}, "productId is"),
            ("42", {"marketplace": "mars", "quantity": 4}, "marketplace is one of"),
            ("42", {"marketplace": "etsy"}, "needs quantity"),
            ("42", {"marketplace": "etsy", "quantity": True}, "needs quantity"),
            ("42", {"marketplace": "etsy", "quantity": 4, "name": 5}, "status is not complete"),
            ("42", "etsy", "status is an object"),
        ],
    )
    async def test_stock_of_another_shape_is_refused(
        self, hubs: Hubs, product_id: object, status: object, text: str
    ) -> None:
        service = await hubs.connect(MARKETPLACE, caller(Role.SERVICE))
        with pytest.raises(InvocationFailed, match=text):
            await service.invoke("UpdateInventoryStatus", product_id, status)

    @pytest.mark.parametrize("progress", [-1, 101, "50", None, True])
    async def test_progress_lies_between_0_and_100(self, hubs: Hubs, progress: object) -> None:
        service = await hubs.connect(MARKETPLACE, caller(Role.SERVICE))
        with pytest.raises(InvocationFailed, match="from 0 to 100"):
            await service.invoke("BroadcastSyncProgress", "etsy", progress)

    async def test_progress_of_100_completes(self, hubs: Hubs) -> None:
        service = await hubs.connect(MARKETPLACE, caller(Role.SERVICE))
        admin = await hubs.connect(ADMIN, caller(Role.ADMIN))
        await service.invoke("BroadcastSyncProgress", "etsy", 40.5)
        await service.invoke("BroadcastSyncProgress", "etsy", 100)
        updates = events(admin, "marketplaceSyncUpdate")
        assert [(u["progress"], u["completed"], u["status"]) for u in updates] == [
            (40.5, False, "running"),
            (100, True, "success"),
        ]


class TestShapes:
    @pytest.mark.parametrize("marketplace", ["gittigidiyor", "", None, 7, ["trendyol"]])
    async def test_an_unknown_marketplace_is_named_as_such(self, hubs: Hubs, marketplace: object) -> None:
        me = caller(Role.ADMIN)
        client = await hubs.connect(MARKETPLACE, me)
        with pytest.raises(InvocationFailed, match="marketplace is one of amazon, ebay"):
            await client.invoke("JoinMarketplaceGroup", marketplace, me.user_id)

    @pytest.mark.parametrize("metrics", [[], ["secret"], "basic", None, [["basic"]], {"basic": 1}])
    async def test_metrics_are_a_list_of_known_names(self, hubs: Hubs, metrics: object) -> None:
        me = caller(Role.ADMIN)
        client = await hubs.connect(DASHBOARD, me)
        with pytest.raises(InvocationFailed, match="metrics is a list with one or more of basic"):
            await client.invoke("SubscribeToDashboard", me.user_id, metrics)

    async def test_published_metrics_are_an_object(self, hubs: Hubs) -> None:
        service = await hubs.connect(DASHBOARD, caller(Role.SERVICE))
        with pytest.raises(InvocationFailed, match="metricsData is an object"):
            await service.invoke("UpdateMetrics", [1])
        with pytest.raises(InvocationFailed, match="performanceData is an object"):
            await service.invoke("BroadcastPerformanceData", "fast")


def _progress(marketplace: str) -> SyncUpdate:
    return SyncUpdate(
        marketplace=marketplace,
        progress=1.0,
        completed=False,
        status="running",
        job_id="j",
        processed=1,
        failed=0,
        total=100,
        message="",
        occurred_at="2025-01-01T00:00:00Z",
    )


def _stock(marketplace: str) -> InventoryUpdate:
    return InventoryUpdate(
        event_id="e",
        marketplace=marketplace,
        product_id=1,
        sku="s",
        name="n",
        quantity=1,
        listed_quantity=2,
        reason="order",
        occurred_at="2025-01-01T00:00:00Z",
    )
