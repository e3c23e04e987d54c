"""What `/metrics` reads of our own database and the shop's when it is asked, the same in every process.

A figure that cannot be read now is missing from the answer; `meschain_database_up` says why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from prometheus_client import CollectorRegistry, Gauge

from meschain.domain.alert_rules import AlertRule
from meschain.services.alert_ports import AlertBook, AlertOutbox, SyncMoments
from meschain.services.ports import Clock, Shop
from meschain.services.waiting import within
from meschain.services.webhook_ports import Backlog

_log = logging.getLogger(__name__)

ASK_SECONDS = 4.0
"""For all figures together; Prometheus waits ten by default."""


class StateMetrics:
    """The gauges, and what fills them."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        rules: Mapping[str, AlertRule],
        book: AlertBook,
        outbox: AlertOutbox,
        backlog: Callable[[], Awaitable[Backlog]],
        syncs: SyncMoments,
        synced: Collection[str],
        shop: Shop,
        room: int | None,
        clock: Clock,
    ) -> None:
        """Args:
        synced: marketplaces that something syncs.
        room: hub connections that this process can hold; None: it holds none, or nothing limits them.
        """
        self._rules = rules
        self._book = book
        self._outbox = outbox
        self._backlog = backlog
        self._syncs = syncs
        self._synced_here = synced
        self._shop = shop
        self._clock = clock

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        self._up = gauge("meschain_database_up", "Whether a database answers: our own, the shop's.", "database")
        self._firing = gauge("meschain_alert_rule_firing", "1 while an alert of this rule stands.", "rule")
        self._value = gauge("meschain_alert_rule_value", "The rule's figure at its last look, in its unit.", "rule")
        self._threshold = gauge("meschain_alert_rule_threshold", "The figure from which on the rule fires.", "rule")
        self._waiting = gauge("meschain_alert_messages_waiting", "Messages about alerts that wait to leave.")
        self._webhooks = gauge("meschain_webhooks_kept", "Webhooks that wait, or are given up.", "status")
        self._synced = gauge(
            "meschain_sync_age_seconds", "Since the last sync of a marketplace that went well.", "marketplace"
        )
        if room is not None:
            gauge("meschain_hub_connections_room", "Hub connections that this process can hold.").set(room)
        for name, rule in rules.items():
            self._threshold.labels(name).set(rule.threshold)

    async def ask(self) -> None:
        """Fill the gauges as of now; never raises."""
        own, shop = await asyncio.gather(self._answers(self._read_own()), self._answers(self._shop.probe()))
        if not own:
            for known in (self._firing, self._value, self._webhooks, self._synced):
                known.clear()
            self._waiting.set(float("nan"))
        self._up.labels("own").set(own)
        self._up.labels("shop").set(shop)

    async def _read_own(self) -> None:
        kept, backlog, last, waiting = (
            await self._book.rules(),
            await self._backlog(),
            await self._syncs.last_successes(),
            await self._outbox.count(),
        )
        for name in self._rules:
            if name not in kept:
                continue
            state = kept[name].state
            self._firing.labels(name).set(bool(state.alert_id))
            self._value.labels(name).set(float("nan") if state.value is None else state.value)
        self._webhooks.labels("waiting").set(backlog.waiting)
        self._webhooks.labels("dead").set(backlog.dead)
        self._waiting.set(waiting)
        now = self._clock.now()
        for marketplace, moment in last.items():
            if marketplace not in self._synced_here:
                continue
            self._synced.labels(marketplace).set((now - moment).total_seconds())

    async def _answers(self, question: Awaitable[object]) -> bool:
        try:
            await within(self._clock, ASK_SECONDS, question)
        except Exception as error:  # noqa: BLE001 - boundary to both databases: that there is no answer is the answer
            _log.info("a figure for /metrics cannot be read: %s", type(error).__name__)
            return False
        return True
