"""Takes what the shop's own programs publish: checks it whole, stores it once, answers a repetition as the first time.

Knows no HTTP and no key; whoever publishes comes as `PublisherRights`. A request is taken whole or not at all.

Each event has an id of its publisher, and one that is known is dropped by the log of events. A request may have an
idempotency key besides: it is claimed, with a fingerprint of the body, before anything is stored, and the answer is
kept with it. If the process dies in between, the repetition stores the same ids again, which is nothing.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import msgspec

from meschain.domain.events import NewEvent
from meschain.domain.publications import (
    Publication,
    PublisherRights,
    kind_of,
    marketplace_of,
    parse_publication,
    published_event,
)
from meschain.services.options import PublishingOptions
from meschain.services.ports import Clock, EventLog

_log = logging.getLogger(__name__)
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,100}")


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key of one publisher, as it is kept."""

    fingerprint: str
    """SHA-256 of the body that used it first."""
    answer: str
    """JSON; empty: the request did not get that far."""


class PublicationStore(Protocol):
    """Requests by publisher and idempotency key. Suite: `PublicationStoreSpec`."""

    async def claim(self, publisher: str, key: str, fingerprint: str, at: datetime) -> Claim:
        """Store it, if the key is not known; returns what is stored by then."""

    async def answered(self, publisher: str, key: str, answer: str) -> None:
        """Keep the answer of a claimed key."""


class PublishAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What is answered to a request that was taken."""

    accepted: int
    event_ids: list[str]
    """The publisher's own, in the order of the events."""


@dataclass(frozen=True, slots=True)
class Published:
    """The outcome of a request."""

    answer: PublishAnswer
    is_repetition: bool
    """An answer that was kept."""


class PublishInvalid(Exception):
    """The request is wrong; sent again as it is, it will be refused again."""

    def __init__(self, text: str, event: int | None = None) -> None:
        self.event = event
        """Position of the event that is wrong, from 0; None: it is the request."""
        super().__init__(text)


class PublishForbidden(PublishInvalid):
    """The key is not for that kind of events, or for that marketplace."""


class IdempotencyMismatch(Exception):
    """The idempotency key belongs to another body."""


class PublishUnavailable(Exception):
    """It cannot be stored at the moment; nothing is lost if it is sent again."""


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    events: list[msgspec.Raw]


_request_decoder: Final = msgspec.json.Decoder(_Request)


class PublishService:
    """The use case."""

    def __init__(
        self, events: EventLog, requests: PublicationStore, clock: Clock, options: PublishingOptions | None = None
    ) -> None:
        self._events = events
        self._requests = requests
        self._clock = clock
        self._options = options or PublishingOptions()

    def read(self, rights: PublisherRights, body: bytes, idempotency_key: str | None) -> Sequence[NewEvent]:
        """The events of a request, checked whole. Raises: PublishInvalid; PublishForbidden."""
        if idempotency_key is not None and not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise PublishInvalid("Idempotency-Key has 1 to 100 visible ASCII characters.")
        try:
            raw = _request_decoder.decode(body).events
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise PublishInvalid('Send {"events": [{"kind": "order", "eventId": "…", …}]} as JSON.') from None
        if not 0 < len(raw) <= self._options.most_events:
            raise PublishInvalid(f"Send 1 to {self._options.most_events} events in one request, not {len(raw)}.")
        now = self._clock.now()
        return [self._event(rights, number, bytes(form), idempotency_key, now) for number, form in enumerate(raw)]

    def _event(
        self, rights: PublisherRights, number: int, form: bytes, idempotency_key: str | None, now: datetime
    ) -> NewEvent:
        publication = _parsed(form, number)
        event_id = publication.event_id
        if not event_id and idempotency_key is None:
            raise PublishInvalid("Give each event an eventId, or the request an Idempotency-Key.", number)
        kind, marketplace = kind_of(publication), marketplace_of(publication)
        if not rights.allow(kind, marketplace):
            about = f" of {marketplace}" if marketplace else ""
            raise PublishForbidden(f"This key is not for {kind} events{about}.", number)
        try:
            return published_event(publication, rights.publisher, event_id or f"{idempotency_key}.{number}", now)
        except ValueError as error:  # the form's own, or what no event can be
            raise PublishInvalid(str(error), number) from None

    async def publish(
        self, rights: PublisherRights, events: Sequence[NewEvent], body: bytes, idempotency_key: str | None
    ) -> Published:
        """Store what `read` gave; it is told after that.

        Raises: IdempotencyMismatch; PublishUnavailable.
        """
        prefix = len(f"publish:{rights.publisher}:")
        answer = PublishAnswer(len(events), [event.event_id[prefix:] for event in events])
        try:
            if idempotency_key is None:
                await self._events.append(events)
                return Published(answer, False)
            fingerprint = hashlib.sha256(body).hexdigest()
            claim = await self._requests.claim(rights.publisher, idempotency_key, fingerprint, self._clock.now())
            if claim.fingerprint == fingerprint and claim.answer:
                return Published(msgspec.json.decode(claim.answer, type=PublishAnswer), True)
            if claim.fingerprint == fingerprint:
                await self._events.append(events)
                await self._requests.answered(rights.publisher, idempotency_key, msgspec.json.encode(answer).decode())
                return Published(answer, False)
        except Exception as error:
            # The boundary to the database: whatever went wrong there, the publisher is to keep what it has.
            _log.exception("what %s published cannot be stored", rights.publisher)
            raise PublishUnavailable("The events cannot be stored at the moment; send them again.") from error
        raise IdempotencyMismatch(
            "This Idempotency-Key was used for another request; send a new one with each new request."
        )


def _parsed(form: bytes, number: int) -> Publication:
    try:
        return parse_publication(form)
    except msgspec.DecodeError as error:
        raise PublishInvalid(str(error), number) from None
    except (UnicodeDecodeError, RecursionError):
        raise PublishInvalid("The event is no JSON object.", number) from None
