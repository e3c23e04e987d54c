"""What `/metrics` says of databases that are away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from app.tests.services.alert_fakes import MemoryAlertBook
from app.tests.services.fakes import START, FakeClock, FakeShop
from prometheus_client import CollectorRegistry

from meschain.bootstrap.state_metrics import StateMetrics
from meschain.domain.alert_rules import RULES, RuleState
from meschain.services.webhook_ports import Backlog


class Syncs:
    async def last_successes(self) -> Mapping[str, datetime]:
        return {"trendyol": START}


async def test_figures_are_missing_while_the_database_that_has_them_is_away() -> None:
    clock, registry, book, shop = FakeClock(), CollectorRegistry(), MemoryAlertBook(), FakeShop()
    is_away = False

    async def backlog() -> Backlog:
        if is_away:
            raise ConnectionError("the database is away")
        return Backlog(7, 2, START)

    metrics = StateMetrics(
        registry,
        rules=RULES,
        book=book,
        outbox=book.outbox,
        backlog=backlog,
        syncs=Syncs(),
        synced=["trendyol"],
        shop=shop,
        room=None,
        clock=clock,
    )
    await book.remember({"error_rate": RuleState(is_known=True, value=1.5), "taken_out": RuleState()})
    await clock.advance(60)
    await metrics.ask()

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("meschain_database_up", database="own") == value("meschain_database_up", database="shop") == 1
    assert value("meschain_webhooks_kept", status="waiting") == 7
    assert value("meschain_sync_age_seconds", marketplace="trendyol") == 60
    assert value("meschain_alert_rule_value", rule="error_rate") == 1.5
    assert value("meschain_alert_rule_firing", rule="error_rate") == 0
    assert value("meschain_alert_rule_firing", rule="taken_out") is None
    assert value("meschain_hub_connections_room") is None

    is_away = True
    shop.go_away()
    await metrics.ask()
    assert value("meschain_database_up", database="own") == value("meschain_database_up", database="shop") == 0
    assert value("meschain_webhooks_kept", status="waiting") is None
    assert value("meschain_alert_rule_firing", rule="error_rate") is None
