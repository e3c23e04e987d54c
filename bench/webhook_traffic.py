"""Generated webhooks of two marketplaces, with an oracle that knows what they have to lead to. Pure, from a seed.

Each order tells of two or three things that happened to it, each with its own moment. Some are sent in the wrong order,
some twice, some by a forger, some in a form that nobody can read; for some orders the vendor's API fails at first.
Etsy's are signed by HMAC, eBay's by ECDSA.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from meschain.marketplaces.etsy.signature import signature_of

SHOP = 42000001
KEY_ID = "soak-key-1"
GOOD, DUPLICATE, FORGED, MALFORMED = "good", "duplicate", "forged", "malformed"


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of what is sent, 0 to 1."""

    duplicates: float = 0.2
    out_of_order: float = 0.1
    faults: float = 0.05
    forged: float = 0.05
    malformed: float = 0.01


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    kind: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Oracle:
    """What is true once everything was worked on."""

    newest: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """Key of an order's events -> moment and status of the newest thing that happened to it."""
    deliveries: int = 0
    """Stored ones, dead ones included."""
    dead: int = 0
    forged: int = 0


@dataclass(slots=True)
class Traffic:
    """Requests in the order in which they are sent, what they lead to, and for which orders the API fails how often."""

    requests: list[Sent] = field(default_factory=list)
    oracle: Oracle = field(default_factory=Oracle)
    faults: dict[str, int] = field(default_factory=dict)


class Keys:
    """What the two vendors sign with."""

    def __init__(self) -> None:
        self.etsy = random.SystemRandom().randbytes(24)
        self._ebay = ec.generate_private_key(ec.SECP256R1())

    @property
    def etsy_secret(self) -> str:
        return f"whsec_{base64.b64encode(self.etsy).decode()}"

    @property
    def ebay_public_key(self) -> str:
        pem = self._ebay.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return pem.replace("\n", "")

    def ebay_header(self, body: bytes) -> str:
        signature = self._ebay.sign(body, ec.ECDSA(hashes.SHA1()))  # noqa: S303 - the vendor's
        content = {"alg": "ecdsa", "kid": KEY_ID, "signature": base64.b64encode(signature).decode(), "digest": "SHA1"}
        return base64.b64encode(json.dumps(content).encode()).decode()


def make_traffic(seed: int, count: int, keys: Keys, now: datetime, shares: Shares | None = None) -> Traffic:
    """Some `count` requests."""
    shares = shares or Shares()
    chance = random.Random(seed)  # noqa: S311 - it has to be the same for the same seed
    traffic = Traffic()
    pending: list[list[Sent]] = []
    planned, number = 0, 0
    while planned < count:
        number += 1
        of_order = _etsy_order(traffic, number, keys, now) if number % 2 else _ebay_order(traffic, number, keys, now)
        if chance.random() < shares.faults:
            traffic.faults[str(number)] = chance.randint(1, 2)
        if chance.random() < shares.out_of_order * 2:  # swapping two puts one of them out of order
            of_order.reverse()
        requests = [each for sent in of_order for each in _sendings(sent, chance, shares, keys, traffic.oracle)]
        planned += len(requests)
        pending.append(requests)
    traffic.requests = _interleaved(pending, chance)
    return traffic


def _etsy_order(traffic: Traffic, number: int, keys: Keys, now: datetime) -> list[Sent]:
    made = []
    for step, (event, status) in enumerate((("order.paid", "created"), ("order.shipped", "shipped"))):
        moment = (now + timedelta(seconds=step * 30)).replace(microsecond=0)
        url = f"https://api.etsy.com/v3/application/shops/{SHOP}/receipts/{number}"
        body = json.dumps({"event_type": event, "resource_url": url, "shop_id": str(SHOP)}).encode()
        made.append(_etsy(keys.etsy, f"msg_{number}_{step}", str(int(moment.timestamp())), body))
        _happened(traffic.oracle, f"order:etsy:{number}", moment, status)
    return made


def _etsy(key: bytes, webhook_id: str, timestamp: str, body: bytes, kind: str = GOOD) -> Sent:
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature_of(key, webhook_id, timestamp, body),
    }
    return Sent(kind, "/webhooks/etsy/main", headers, body)


def _ebay_order(traffic: Traffic, number: int, keys: Keys, now: datetime) -> list[Sent]:
    made = []
    topics = (("ORDER_CONFIRMATION", "created"), ("ORDER_CONFIRMATION", "created"), ("ITEM_MARKED_SHIPPED", "shipped"))
    for step, (topic, status) in enumerate(topics):
        moment = (now + timedelta(seconds=step * 30)).replace(microsecond=0)
        content = {
            "metadata": {"topic": topic, "schemaVersion": "1.0", "deprecated": False},
            "notification": {
                "notificationId": f"notification-{number}-{step}",
                "eventDate": moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "publishAttemptCount": 1,
                "data": {"orderId": str(number)},
            },
        }
        body = json.dumps(content, separators=(",", ":")).encode()
        made.append(Sent(GOOD, "/webhooks/ebay/main", {"x-ebay-signature": keys.ebay_header(body)}, body))
        _happened(traffic.oracle, f"order:ebay:{number}", moment, status)
    return made


def _happened(oracle: Oracle, key: str, moment: datetime, status: str) -> None:
    oracle.deliveries += 1
    newest = oracle.newest.get(key)
    if newest is None or moment > newest[0]:
        oracle.newest[key] = (moment, status)


def _sendings(sent: Sent, chance: random.Random, shares: Shares, keys: Keys, oracle: Oracle) -> Sequence[Sent]:
    """The request, and what comes beside it: itself again, a forgery, one that nobody can read."""
    all_of_it = [sent]
    if chance.random() < shares.duplicates:
        all_of_it.append(Sent(DUPLICATE, sent.path, sent.headers, sent.body))
    if chance.random() < shares.forged:
        all_of_it.append(Sent(FORGED, sent.path, sent.headers, sent.body.replace(b"2", b"3") + b" "))
        oracle.forged += 1
    if chance.random() < shares.malformed:
        unreadable = json.dumps({"nobody can read": len(oracle.newest), "this": chance.random()}).encode()
        timestamp = sent.headers.get("webhook-timestamp", "")
        if timestamp:
            all_of_it.append(_etsy(keys.etsy, f"odd_{chance.random()}", timestamp, unreadable, MALFORMED))
        else:
            headers = {"x-ebay-signature": keys.ebay_header(unreadable)}
            all_of_it.append(Sent(MALFORMED, sent.path, headers, unreadable))
        oracle.dead += 1
        oracle.deliveries += 1
    return all_of_it


def _interleaved(pending: Sequence[list[Sent]], chance: random.Random) -> list[Sent]:
    """Orders overlap: some forty are under way at a time, each in its own order."""
    waiting = list(reversed(pending))
    under_way: list[list[Sent]] = []
    sent: list[Sent] = []
    while waiting or under_way:
        while waiting and len(under_way) < 40:
            under_way.append(waiting.pop())
        turn = chance.randrange(len(under_way))
        sent.append(under_way[turn].pop(0))
        if not under_way[turn]:
            under_way.pop(turn)
    return sent
