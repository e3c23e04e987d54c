"""The seams of what marketplaces tell us by themselves: the vendors, their clients, the inbox and its store.

Everything that is one vendor's stands behind `Marketplace` (adapters: `marketplaces/<code>`); the inbox (`webhooks`) is
given a table of them and knows none. The other seams of the use cases stand in `services.ports`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from meschain.domain.events import NewEvent
from meschain.domain.payloads import StockRow

# --- what arrives ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """What a vendor sent, as it came: nothing in it is to be believed before `Marketplace.is_authentic`."""

    method: str
    path: str
    """Behind the store's address, without the slash between; empty: the address itself. May hold a secret."""
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name; of a name that came several times, the values joined by a comma. May hold secrets."""
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What the vendor is answered."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


class Outcome(enum.Enum):
    """What became of a request, for the vendor's own way of answering it."""

    STORED = "stored"
    """It is stored, or was already."""
    FORGED = "forged"
    """It is not the vendor's."""
    MALFORMED = "malformed"
    """It is the vendor's and cannot be read; it is kept on the dead-letter list."""
    UNAVAILABLE = "unavailable"
    """It could not be stored or checked; the vendor is to send it again."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a request is about, as far as it has to be known before it is stored."""

    key: str
    """The same for each repeat of this message and for no other: the vendor's dedupe key, at most 190 characters."""
    kind: str
    """The vendor's own name of what happened, for people; at most 64 characters."""
    path: str = ""
    """What of the request's path is to be kept; it must hold no secret."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request that was found authentic and is stored."""

    vendor: str
    """Under which vendor's address it came: `ebay`, `ebay-soap`, `etsy` …"""
    store: str
    """Which of the settings' stores of that vendor."""
    key: str
    kind: str
    method: str
    path: str
    """`Notice.path`."""
    headers: Mapping[str, str]
    """Those of `Marketplace.kept_headers` that came."""
    body: bytes = field(repr=False)
    received_at: datetime


# --- what it means --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StockHint:
    """Stock of one article has changed at the marketplace, or is about to in the shop.

    The inbox tells of it with the shop's own figures; of an article that the shop does not list there it tells nothing.
    """

    event_id: str
    sku: str
    """The shop's own code of the article."""
    reason: str
    """`stock_changed` `order` `cancel` `listing_status`."""
    occurred_at: datetime
    listed_quantity: int | None = None
    """What the marketplace shows now; None: it did not say, the shop's table of listings counts."""


@dataclass(frozen=True, slots=True)
class AlertHint:
    """Something that administrators have to know."""

    event_id: str
    level: str
    """`info` `warning` `error` `critical`."""
    message: str


@dataclass(frozen=True, slots=True)
class Translation:
    """What a delivery means to us."""

    events: Sequence[NewEvent] = ()
    """Told in this order. An event that is older than one of the same kind and key that was told is not told. An event
    id that was told within the time that the inbox remembers (30 days by default) is not told again, whichever
    delivery leads to it: so it is also the vendor's second-level key (`ebay:order:<id>:created`)."""
    stock: Sequence[StockHint] = ()
    alerts: Sequence[AlertHint] = ()
    erase: Sequence[str] = ()
    """Texts that name a person: stored bodies of this marketplace that hold one are emptied (eBay requires it)."""
    note: str = ""
    """For people: why nothing came of it, such as a type that is not known."""


class Marketplace(Protocol):
    """What one store hears from one vendor. One object for each store of the settings; it holds no state that counts.

    Table of them: `bootstrap.vendors`. Suite: `MarketplaceSpec`, which each vendor's tests inherit.
    """

    @property
    def code(self) -> str:
        """The marketplace whose groups hear of it; `ebay` for both of eBay's vendors."""

    @property
    def kept_headers(self) -> frozenset[str]:
        """Lower-case names of headers that are stored with the body: those that `translate` or a person needs. None
        may be a secret; signatures are fit to be kept."""

    async def is_authentic(self, request: WebhookRequest) -> bool:
        """Whether it is the vendor's, over the raw bytes and before anything in them is believed.

        Requests that need no proof, like a challenge that asks us for one, are authentic. Secrets are compared in
        constant time. Raises: VendorUnavailable when that cannot be told now.
        """

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        """The answer to an authentic request that tells of nothing (a challenge, a ping); None: it is a notice.
        Raises: Malformed."""

    def read(self, request: WebhookRequest) -> Notice:
        """What an authentic notice is about. Pure, quick, and without the vendor. Raises: Malformed."""

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        """What this vendor is to be answered. STORED is 2xx and UNAVAILABLE is 503, whatever the vendor; FORGED is 4xx;
        MALFORMED is 400, or 2xx where the vendor switches endpoints off that answer errors."""

    async def translate(self, delivery: Delivery) -> Translation:
        """What it means; where the vendor signs nothing, or does not say enough, after asking its API.

        May be called again for the same delivery, after a failure or by a replay, and then gives the same event ids as
        long as the vendor's API says the same.

        Raises: Malformed: it can never be understood, and goes to the dead letters at once. VendorUnavailable, or any
            other error: it is tried again later, and goes to the dead letters after the last attempt.
        """


class Malformed(Exception):
    """Authentic, and not in the form that the vendor documents. The text names the field and repeats no content."""


class VendorUnavailable(Exception):
    """The vendor's API cannot be reached, refuses us, or does not know the object yet; it holds no secret."""


# --- asking the vendor ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VendorLine:
    """One line of an order."""

    sku: str
    """The shop's own code; empty: the vendor does not know it."""
    quantity: int


@dataclass(frozen=True, slots=True)
class VendorOrder:
    """An order, or a package where the vendor ships those, as the vendor's API tells it now."""

    order_id: str
    """The vendor's id by which it was asked for."""
    order_number: str
    """What people call it."""
    status: str
    """A word of the product's list; empty: the vendor's own is not on it."""
    vendor_status: str
    total: Decimal
    currency: str
    """ISO code."""
    lines: Sequence[VendorLine]
    changed_at: datetime | None
    """When it last changed, by the vendor; None: it does not say."""


class VendorApi(Protocol):
    """Reads orders from a vendor, as often as the vendor allows; a client of one store. Suite: `VendorApiSpec`."""

    async def order(self, order_id: str) -> VendorOrder | None:
        """The order as it is now; None: the vendor says that this store has none of that id.

        Raises: VendorUnavailable.
        """


class ListedStock(Protocol):
    """The shop's stock of what it lists on a marketplace."""

    async def listed_stock(self, marketplace: str, skus: Sequence[str]) -> Mapping[str, StockRow]:
        """By sku, those that the shop lists there. Raises: ShopUnavailable."""


# --- the inbox ------------------------------------------------------------------------------------------------------


class WebhookReceiver(Protocol):
    """Where requests are handed in; what the routes and the consumers of queues know of the inbox."""

    async def receive(self, vendor: str, store: str, request: WebhookRequest) -> WebhookAnswer | None:
        """Check it, store it, and return what the vendor is to be answered; None: there is no such store.

        What it answers with 2xx is stored and will be worked on. Never raises for what a vendor or a forger sends.
        """

    async def keep(self, vendor: str, store: str, request: WebhookRequest) -> None:
        """Store a message whose sender was checked elsewhere: one of a queue that only the vendor may fill, or one
        that we fetched ourselves. Then it may be taken from the queue.

        Raises: InboxUnavailable: it was not stored, leave it where it is. KeyError: there is no such store.
        """


class InboxUnavailable(Exception):
    """Our own storage is away."""


class Status:
    """What a stored delivery is waiting for."""

    WAITING = "waiting"
    """To be worked on, for the first time or again."""
    DONE = "done"
    DEAD = "dead"
    """Given up: a person decides whether it is replayed or dropped."""
    DROPPED = "dropped"
    """A person decided that nothing is to come of it; its body is gone, its key stays."""

    ALL = (WAITING, DONE, DEAD, DROPPED)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a delivery was worked on."""

    at: datetime
    status: str
    """What it was then: done, waiting for another attempt, or dead."""
    note: str


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery as it stands."""

    number: int
    """Its place in the order in which all were stored."""
    delivery: Delivery
    status: str
    """One of `Status.ALL`."""
    attempts: int
    """How often it was worked on since it was stored, or since somebody replayed it."""
    next_attempt_at: datetime
    note: str
    """For people: what came of it, or why nothing did."""
    finished_at: datetime | None
    tries: Sequence[Attempt] = ()
    """What came of each time that it was worked on, the latest last; not in lists."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery that is to be stored."""

    delivery: Delivery
    status: str = Status.WAITING
    note: str = ""


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of working on a delivery."""

    number: int
    status: str
    attempts: int
    next_attempt_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What is known of what was told before."""

    told: frozenset[str]
    """Those of the asked event ids that were."""
    newest: Mapping[str, datetime]
    """Of the asked objects that are known, the newest moment of which anything was told."""


class SettledElsewhere(Exception):
    """One of the events was told, or a newer one of its object, since `InboxStore.settled` was asked: another process
    has taken over the work. Nothing was stored; ask again."""

    def __init__(self) -> None:
        super().__init__("another process has told of the same objects meanwhile; the deliveries are settled anew")


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much is left to do."""

    waiting: int
    dead: int
    oldest_waiting: datetime | None
    """When the oldest that waits came; None: none does."""


class InboxStore(Protocol):
    """Deliveries, and what was told because of them. Suite: `InboxStoreSpec`."""

    async def add(self, arrivals: Sequence[Arrival]) -> Sequence[bool]:
        """Store those whose key is new for their vendor and store, all or none; returns which were.

        Whoever is told so may rely on it: it is committed. Raises: any error of the database.
        """

    async def due(self, vendors: Sequence[str], now: datetime, limit: int) -> Sequence[StoredDelivery]:
        """Those of these vendors that wait and whose next attempt is due, by ascending number."""

    async def next_due(self, vendors: Sequence[str]) -> datetime | None:
        """When the next attempt on any of these vendors' is due; None: none waits."""

    async def settled(self, event_ids: Sequence[str], objects: Sequence[str]) -> Settled: ...

    async def finish(
        self,
        worked: Sequence[Worked],
        told: Sequence[str],
        newest: Mapping[str, datetime],
        events: Sequence[NewEvent] = (),
    ) -> None:
        """Store what came of deliveries, what is told because of them, and the events themselves in the log of events:
        all or nothing. Whoever tells events is not woken. Of a delivery the latest twenty attempts are kept.

        A delivery that somebody dropped meanwhile stays dropped. Raises: SettledElsewhere; any error of the database.
        """

    async def erase(self, vendors: Sequence[str], text: str) -> int:
        """Empty the bodies of these vendors' finished deliveries that contain this text; returns how many."""

    async def get(self, number: int) -> StoredDelivery | None: ...

    async def list(
        self, status: str | None, vendor: str | None, before: int | None, limit: int
    ) -> Sequence[StoredDelivery]:
        """The newest first, those before the number `before` only; bodies and tries are left empty."""

    async def replay(self, number: int, now: datetime) -> bool:
        """Let it be worked on again from the first attempt; False: there is none, or it was dropped."""

    async def drop(self, number: int, now: datetime) -> bool:
        """Give it up for good and empty its body; False: there is none."""

    async def backlog(self) -> Backlog: ...

    async def latest(self, vendor: str, store: str) -> datetime | None:
        """When the last delivery of that store came; None: none is stored."""
