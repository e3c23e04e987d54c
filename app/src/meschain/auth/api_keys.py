"""Keys by which the shop's own programs publish: made once, kept as hashes, bound to kinds of events and marketplaces.

A key is `mck_<id>_<secret>`. The id finds its row, the secret has 256 random bits, so its plain SHA-256 cannot be
guessed. Knows no HTTP and no SQL.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from meschain.auth.ports import Clock
from meschain.domain.events import EVENT_KINDS
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.publications import PUBLISHER_CHARACTERS, SHOP, PublisherRights

MOST_KEYS: Final = 1_000
"""Keys that hold at once; more are a program's mistake."""
_KEY: Final = re.compile(r"mck_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_PUBLISHER: Final = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{PUBLISHER_CHARACTERS - 1}}}")
_PLACES: Final = (SHOP, *MARKETPLACES)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept."""

    id: str
    publisher: str
    """Name of the program; several keys may have the same, so that one can follow another."""
    kinds: tuple[str, ...]
    marketplaces: tuple[str, ...]
    secret_hash: str = field(repr=False)
    """SHA-256 of the whole key, in hex."""
    created_at: datetime
    revoked_at: datetime | None

    @property
    def rights(self) -> PublisherRights:
        return PublisherRights(self.publisher, self.kinds, self.marketplaces)


class ApiKeyStore(Protocol):
    """Suite: `ApiKeyStoreSpec`."""

    async def add(self, key: ApiKey) -> None: ...

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def save(self, key: ApiKey) -> None: ...

    async def list(self) -> Sequence[ApiKey]:
        """All, those that were revoked included, oldest first."""


class ApiKeyError(ValueError):
    """A key cannot be made or revoked as asked; the text says why."""


class InvalidApiKey(Exception):
    """Not a key of ours, or one that was revoked; nobody is told which."""


class ApiKeys:
    """Makes, checks and revokes keys."""

    def __init__(self, store: ApiKeyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self, publisher: str, kinds: Iterable[str] = (), marketplaces: Iterable[str] = ()
    ) -> tuple[ApiKey, str]:
        """A new key, and its text, which nobody can read again.

        Args:
            kinds: of events; `all` stands for each.
            marketplaces: codes and `shop`; `all` stands for each.

        Raises: ApiKeyError.
        """
        if not _PUBLISHER.fullmatch(publisher):
            raise ApiKeyError(
                f"The name of a publisher has at most {PUBLISHER_CHARACTERS} lower-case letters, digits and . _ -."
            )
        if sum(key.revoked_at is None for key in await self._store.list()) >= MOST_KEYS:
            raise ApiKeyError(f"There are {MOST_KEYS} keys already; revoke those that nobody uses.")
        key_id = secrets.token_hex(8)
        text = f"mck_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=key_id,
            publisher=publisher,
            kinds=_chosen(kinds, EVENT_KINDS, "kind of events"),
            marketplaces=_chosen(marketplaces, _PLACES, "marketplace"),
            secret_hash=_hash(text),
            created_at=self._clock.now(),
            revoked_at=None,
        )
        if not key.kinds:
            raise ApiKeyError(f"A key is for at least one kind of events: {', '.join(EVENT_KINDS)}, or all.")
        await self._store.add(key)
        return key, text

    async def list(self) -> Sequence[ApiKey]:
        return await self._store.list()

    async def revoke(self, key_id: str) -> ApiKey:
        """It is refused from the next request on. Raises: ApiKeyError."""
        key = await self._store.get(key_id)
        if key is None:
            raise ApiKeyError(f"There is no key {key_id!r}; `meschain key list` shows those there are.")
        if key.revoked_at is None:
            key = dataclasses.replace(key, revoked_at=self._clock.now())
            await self._store.save(key)
        return key

    async def verify(self, text: str) -> ApiKey:
        """The key behind this text. Raises: InvalidApiKey; what the store raises when it cannot be asked."""
        match = _KEY.fullmatch(text)
        if match is None:
            raise InvalidApiKey
        key = await self._store.get(match[1])
        if key is None or not hmac.compare_digest(key.secret_hash, _hash(text)) or key.revoked_at is not None:
            raise InvalidApiKey
        return key


def _chosen(asked: Iterable[str], there: Sequence[str], what: str) -> tuple[str, ...]:
    wanted = set(asked)
    if "all" in wanted:
        return tuple(there)
    unknown = sorted(wanted.difference(there))
    if unknown:
        raise ApiKeyError(f"{', '.join(unknown)}: no such {what}; choose of {', '.join(there)}, or all.")
    return tuple(word for word in there if word in wanted)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
