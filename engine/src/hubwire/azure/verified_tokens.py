"""What verifying a token of the service takes, whichever it is for: signature, expiry, audience, and a memory of it.

Both kinds of tokens stand on it: those of clients (`jwt`) and those of REST calls (`rest_tokens`). Knows no claims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from hubwire.azure import hmac_jwt
from hubwire.azure.access_keys import AccessKeys, access_keys
from hubwire.azure.client_url import checked_base_url
from hubwire.clock import Clock
from hubwire.errors import Unauthorized

T = TypeVar("T")

Leads = Callable[[str, str], bool]
"""Whether a path below a base, with its query, is the place in question."""

_REMEMBERED = 10_000
"""Tokens that are remembered, each with its place. As many clients may be between negotiate and their connection, and
REST calls have a token for each user or group that is written to. About 1 KiB each."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class VerifiedTokens(Generic[T]):
    """Reads tokens that one of the keys has signed for a place below one of the bases, and remembers what they gave.

    A token is shown many times: by a client at negotiate, at its upgrade and with every poll, by an application with
    every call to an address. Only what does not change is remembered; whether it has expired is looked at each time.
    """

    __slots__ = ("_clock", "_places", "_remembered", "_remembered_with", "base_url", "keys")

    def __init__(self, keys: Sequence[str], base_urls: Sequence[str], clock: Clock) -> None:
        """Args:
            keys: access keys; `AccessKeys` may change later, and then nothing is remembered any more.
            base_urls: `https://host[:port]` each.

        Raises: ValueError for no key, a short key, no base or a malformed one; TypeError for a text in a list's place.
        """
        if isinstance(base_urls, str):
            raise TypeError("Base addresses come as a list; put the single one into a list.")
        if not base_urls:
            raise ValueError("Tokens need at least one base address.")
        self.keys: AccessKeys = access_keys(keys)
        bases = [checked_base_url(base) for base in base_urls]
        self.base_url = bases[0]
        """The base that tokens are made for."""
        self._places = tuple(urlsplit(base) for base in bases)
        self._clock = clock
        self._remembered: dict[tuple[str, str], tuple[float, T]] = {}
        self._remembered_with = self.keys.encoded

    def __len__(self) -> int:
        """Tokens remembered."""
        return len(self._remembered)

    def recall(self, token: str, place: str) -> T | None:
        """Return what the token gave for this place. Raises: Unauthorized when it has expired since."""
        if self.keys.encoded is not self._remembered_with:
            self._remembered.clear()
            self._remembered_with = self.keys.encoded
        known = self._remembered.get((token, place))
        if known is None:
            return None
        expires_at, value = known
        if expires_at <= self._clock.time():
            raise Unauthorized("The token has expired.")
        return value

    def remember(self, token: str, place: str, expires_at: float, value: T) -> None:
        """Keep what a token gave that was read just now, with no wait in between."""
        if len(self._remembered) >= _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]  # the oldest
        self._remembered[token, place] = expires_at, value

    def read(self, token: str, audience: str, leads: Leads) -> tuple[Mapping[str, object], float] | None:
        """Return the payload and when it expires; None: it is good, but for another place.

        Args:
            audience: as we write it ourselves.
            leads: tells of other audiences whether they mean the same.

        Raises: Unauthorized for what cannot be read, is signed by nobody that we know, or has expired.
        """
        try:
            payload = hmac_jwt.read(token, self.keys.encoded)
            expires_at = hmac_jwt.expiry(payload, self._clock.time())
        except hmac_jwt.InvalidToken as error:
            raise Unauthorized(str(error)) from error
        given = payload.get("aud")
        for each in given if isinstance(given, list) else [given]:
            if each == audience or self._names(each, leads):
                return payload, expires_at
        return None

    def _names(self, audience: object, leads: Leads) -> bool:
        """Whether it leads to the place below one of our bases.

        Scheme and host are compared without regard to case, and the port may be missing, as in the service.
        """
        if not isinstance(audience, str):
            return False
        try:
            actual = urlsplit(audience)
            port = actual.port
        except ValueError:
            return False
        if actual.username is not None or actual.fragment:
            return False
        return any(
            actual.scheme == base.scheme  # urlsplit has put scheme and hostname into lower case
            and actual.hostname == base.hostname
            and port in (None, base.port or _DEFAULT_PORTS[base.scheme])
            and actual.path.startswith(base.path)
            and leads(actual.path[len(base.path) :], actual.query)
            for base in self._places
        )
