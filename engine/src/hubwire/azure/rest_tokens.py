"""Signs and verifies the tokens of the REST data plane, each for one address. Knows no requests and no sockets.

As in the service, the audience is the address without its query and without a slash at the end, or with `api-version`
behind it as the service's own tools sign it; so the query does not count. The port may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from urllib.parse import unquote

from hubwire.azure import hmac_jwt
from hubwire.azure.jwt import MAXIMUM_TOKEN_CHARACTERS
from hubwire.azure.verified_tokens import VerifiedTokens
from hubwire.clock import Clock, SystemClock
from hubwire.errors import Unauthorized


class RestTokens:
    """Signs with the first key and accepts all of them. Has no secrets in `repr`."""

    __slots__ = ("_clock", "_lifetime_seconds", "_verified")

    def __init__(
        self,
        keys: Sequence[str],
        base_urls: Sequence[str],
        *,
        lifetime_seconds: float = 3600.0,
        clock: Clock | None = None,
    ) -> None:
        """Args:
            keys: access keys, the active one first. `AccessKeys` may change later.
            base_urls: of the service, `https://host[:port]` each; tokens are signed for the first.
            lifetime_seconds: 1 h: that of the service's tools.

        Raises: ValueError for no key, a short key or a malformed base.
        """
        self._clock: Clock = clock or SystemClock()
        self._verified: VerifiedTokens[float] = VerifiedTokens(keys, base_urls, self._clock)
        self._lifetime_seconds = lifetime_seconds

    def sign(self, path: str) -> tuple[str, float]:
        """Return a token for requests to this path, still escaped and without query, and when it expires.

        The time is in seconds since 1970. Keep the token until shortly before: an address needs one, not each request.
        """
        now = int(self._clock.time())
        expires_at = int(now + self._lifetime_seconds)
        audience = self._verified.base_url + path.rstrip("/")
        payload = {"nbf": now, "exp": expires_at, "iat": now, "aud": audience}
        return hmac_jwt.sign(payload, self._verified.keys.encoded[0]), float(expires_at)

    def verify(self, token: str | None, path: str) -> float:
        """Return when the token expires, in seconds since 1970, if it is good for this path now.

        Args:
            path: as requested, still escaped, without query.

        Raises: Unauthorized.
        """
        if token is None:
            raise Unauthorized("The request carries no token.")
        known = self._verified.recall(token, path)
        if known is not None:
            return known
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise Unauthorized(f"The token is longer than {MAXIMUM_TOKEN_CHARACTERS} characters.")
        read = self._verified.read(token, self._verified.base_url + path, partial(_leads_to, path))
        if read is None:
            raise Unauthorized("The token is for another address.")
        _, expires_at = read
        self._verified.remember(token, path, expires_at, expires_at)
        return expires_at


def _leads_to(requested: str, path: str, _query: str) -> bool:
    return _same_path(path, requested)


def _same_path(audience: str, requested: str) -> bool:
    """Whether both lead to the same place, however they are escaped; a slash at the end makes no difference."""
    return audience == requested or _parts(audience) == _parts(requested)


def _parts(path: str) -> list[str]:
    return [unquote(part) for part in path.rstrip("/").split("/")]
