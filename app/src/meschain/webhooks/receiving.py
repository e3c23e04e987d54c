"""Takes requests in: asks the vendor whether they are its own, stores them, and only then answers.

Knows no vendor; each is one of a table. Bodies, secrets and what a forger wrote are in no log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from meschain.auth.throttle import SlidingLimit, Throttled
from meschain.services.dedupe_keys import key_of
from meschain.services.options import InboxOptions
from meschain.services.ports import Clock
from meschain.services.webhook_ports import (
    Arrival,
    Delivery,
    InboxStore,
    InboxUnavailable,
    Malformed,
    Marketplace,
    Notice,
    Outcome,
    Status,
    VendorUnavailable,
    WebhookAnswer,
    WebhookRequest,
)
from meschain.webhooks.fingerprint import fingerprint
from meschain.webhooks.group_commit import GroupCommit

_log = logging.getLogger(__name__)

Counted = Callable[[str, str], None]
"""Told of each request: vendor and what became of it."""


class Inbox:
    """`services.webhook_ports.WebhookReceiver`.

    Args:
        vendors: by vendor and store.
        wake: called once there is something to work on.
        counted: is told of each request.
    """

    def __init__(
        self,
        *,
        vendors: Mapping[tuple[str, str], Marketplace],
        store: InboxStore,
        wake: Callable[[], None],
        counted: Counted,
        clock: Clock,
        options: InboxOptions | None = None,
    ) -> None:
        options = options or InboxOptions()
        self._vendors = vendors
        self._writer = GroupCommit(store, most_waiting=options.waiting_requests, at_once=options.stored_at_once)
        self._wake = wake
        self._counted = counted
        self._limit = SlidingLimit(options.store_hits, options.store_window_seconds, clock.monotonic)

    async def receive(self, vendor: str, store: str, request: WebhookRequest) -> WebhookAnswer | None:
        marketplace = self._vendors.get((vendor, store))
        if marketplace is None:
            return None
        try:
            if not await marketplace.is_authentic(request):
                return self._refused(marketplace, vendor, store, request)
            greeting = marketplace.greeting(request)
            if greeting is not None:
                self._counted(vendor, "greeted")
                return greeting
            self._limit.hit(f"{vendor}/{store}")
            outcome = await self._take(marketplace, vendor, store, request)
        except (VendorUnavailable, InboxUnavailable, Throttled) as error:
            _log.warning("a request of %s for the store %s is to come again: %s", vendor, store, error)
            outcome = Outcome.UNAVAILABLE
        except Malformed as error:
            # A greeting in a wrong form tells of nothing that could be kept.
            _log.warning("a greeting of %s for the store %s cannot be read: %s", vendor, store, error)
            outcome = Outcome.MALFORMED
        self._counted(vendor, outcome.value)
        return marketplace.answer(outcome, request)

    async def keep(self, vendor: str, store: str, request: WebhookRequest) -> None:
        outcome = await self._take(self._vendors[vendor, store], vendor, store, request)
        self._counted(vendor, outcome.value)

    def _refused(self, marketplace: Marketplace, vendor: str, store: str, request: WebhookRequest) -> WebhookAnswer:
        _log.warning("a request for the %s store %s is not the vendor's and was refused", vendor, store)
        self._counted(vendor, Outcome.FORGED.value)
        return marketplace.answer(Outcome.FORGED, request)

    async def _take(self, marketplace: Marketplace, vendor: str, store: str, request: WebhookRequest) -> Outcome:
        try:
            notice, status, note = marketplace.read(request), Status.WAITING, ""
        except Malformed as error:
            _log.warning("a notice of %s for the store %s cannot be read: %s", vendor, store, error)
            notice = Notice(key_of("malformed", vendor, fingerprint(request)), "malformed")
            status, note = Status.DEAD, str(error)
        delivery = Delivery(
            vendor=vendor,
            store=store,
            key=notice.key,
            kind=notice.kind,
            method=request.method,
            path=notice.path,
            headers={name: request.headers[name] for name in marketplace.kept_headers if name in request.headers},
            body=request.body,
            received_at=request.received_at,
        )
        is_new = await self._writer.add(Arrival(delivery, status, note))
        if status == Status.DEAD:
            return Outcome.MALFORMED
        if is_new:
            self._wake()
        return Outcome.STORED
