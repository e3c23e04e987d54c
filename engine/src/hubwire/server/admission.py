"""Who may connect: the checks of every request, the same for both lanes. Knows no lane and no session.

The host's middleware does not run on the fast lane, so nothing here may rely on it: host, origin, proxies, token and
limits are all checked by this code.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

from hubwire.errors import Forbidden, TokenTooLong, Unauthorized
from hubwire.model import ConnectRequest, Principal
from hubwire.options import ServerOptions
from hubwire.server import answers
from hubwire.server.answers import Refused
from hubwire.server.hosted import Hosted
from hubwire.server.hubs_of_any_name import HubsOfAnyName
from hubwire.server.redirect import Redirection
from hubwire.server.requests import bearer_token, query_values

_NEGOTIATE = "/negotiate"

_MAXIMUM_FIELDS = 128
"""Header fields, and query parameters. 128: the fast lane's parser takes no more of the former. A connection keeps its
request, and a head of 64 KiB can be made of 16,000 parts, which are 4 MB."""

_log = logging.getLogger("hubwire.server")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a path leads. `hosted` None: the query names the hub, unless negotiate sends clients elsewhere."""

    hosted: Hosted | None
    is_negotiate: bool
    redirection: Redirection | None = None
    is_forwarded: bool = False
    """Whether a peer has passed the request on to us; then nobody else is asked."""


class Admission:
    """Finds the hub of a request and decides who is let in."""

    __slots__ = ("_client_path", "_hosts", "_hubs", "_options", "_routes", "any_name")

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._hosts = None if options.allowed_hosts is None else {host.lower() for host in options.allowed_hosts}
        self._hubs: dict[str, Hosted] = {}
        self._routes: dict[str, Route] = {}
        self._client_path = options.client_path
        self.any_name: HubsOfAnyName | None = None
        """Where names lead that were not added; None: nowhere."""
        if options.client_path is not None:
            self._add_routes(options.client_path, None)

    def add(self, hosted: Hosted, path: str | None) -> None:
        """Make a hub reachable.

        Raises: ValueError for a name or path that is taken, or when there would be no path.
        """
        key = hosted.name.lower()
        if key in self._hubs:
            raise ValueError(
                f"There is a hub named {hosted.name!r} already; names are compared without regard to case."
            )
        if path is not None:
            self._add_routes(path, hosted)
        elif self._client_path is None:
            raise ValueError(f"Hub {hosted.name!r} has no path; give one, or set ServerOptions.client_path.")
        self._hubs[key] = hosted

    def add_redirection(self, redirection: Redirection, path: str) -> None:
        """Make a path whose negotiate sends clients elsewhere. Raises: ValueError for a path that is taken."""
        self._add_routes(path, None, redirection)

    @property
    def hosted(self) -> Collection[Hosted]:
        """Everything that can be reached; for hubs of any name stands what they have in common."""
        return (*self._hubs.values(), *(() if self.any_name is None else (self.any_name.prototype,)))

    def find(self, path: str) -> Route | None:
        """Return where a path leads; case and a slash at the end make no difference, as in the reference server."""
        return self._routes.get(_normal(path))

    def forwarded(self, hub: str) -> Route | None:
        """Return the way of a request that a peer passes on for a hub."""
        hosted = self._find_hub(hub)
        return None if hosted is None else Route(hosted, is_negotiate=False, is_forwarded=True)

    def check(self, route: Route, request: ConnectRequest) -> Hosted:
        """Check the request and find its hub. Raises: Refused."""
        self.check_request(request)
        if route.hosted is not None:
            return route.hosted
        names = query_values(request, "hub")
        if len(names) != 1:
            raise Refused(400, "Exactly one 'hub' is required in the query")
        hub = self._find_hub(names[0])
        if hub is None:
            raise Refused(404, "No such hub")
        return hub

    def check_request(self, request: ConnectRequest) -> None:
        """Check what every request is checked for, preflights included: size, host and origin. Raises: Refused."""
        if len(request.headers) > _MAXIMUM_FIELDS or len(request.query) > _MAXIMUM_FIELDS:
            raise Refused(431, "Too many header fields or query parameters")
        self._check_host(request)
        if not self.is_allowed_origin(request):
            raise Refused(403, "Origin not allowed")

    async def authenticate(self, hosted: Hosted | Redirection, request: ConnectRequest) -> Principal:
        """Return who the request's token speaks for, and make its hub if need be. Raises: Refused."""
        principal = await self._verified(hosted, request)
        if isinstance(hosted, Hosted) and hosted.prepare is not None:
            hosted.prepare()
        return principal

    async def _verified(self, hosted: Hosted | Redirection, request: ConnectRequest) -> Principal:
        if hosted.verifier is None:
            return Principal()
        try:
            return await hosted.verifier.verify(bearer_token(request), hosted.name, request)
        except TokenTooLong:
            raise Refused(413 if "authorization" in request.headers else 414, "The token is too long") from None
        except Unauthorized:
            raise answers.unauthorized() from None
        except Forbidden:
            raise Refused(403) from None
        except Exception:  # noqa: BLE001 - boundary to the application's verifier: one that fails lets nobody in
            _log.exception("The token verifier of %r failed", hosted.name)
            raise answers.failed() from None

    def is_allowed_origin(self, request: ConnectRequest) -> bool:
        """Whether the page that asks may: none (no browser), our own, or one of the list."""
        origin = request.headers.get("origin")
        allowed = self._options.allowed_origins
        if origin is None or allowed is None or origin in allowed:
            return True
        return origin.lower() == f"{request.scheme}://{request.headers.get('host', '')}".lower()

    def cors_headers(self, request: ConnectRequest) -> tuple[tuple[str, str], ...]:
        """What lets a page of an allowed origin read the answer; clients send credentials, so no wildcard."""
        origin = request.headers.get("origin")
        if origin is None:
            return ()
        if not self.is_allowed_origin(request):
            return (("vary", "Origin"),)
        return (
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true"),
            ("vary", "Origin"),
        )

    def _find_hub(self, name: str) -> Hosted | None:
        """Raises: Refused for a name that could be no hub's, where any name may be one."""
        hosted = self._hubs.get(name.lower())
        return hosted if hosted is not None or self.any_name is None else self.any_name.find(name)

    def _add_routes(self, path: str, hosted: Hosted | None, redirection: Redirection | None = None) -> None:
        if not path.startswith("/"):
            raise ValueError(f"The path {path!r} must begin with a slash.")
        for suffix in ("", _NEGOTIATE):
            key = _normal(path + suffix if suffix == "" else path.rstrip("/") + suffix)
            if key in self._routes:
                raise ValueError(f"The path {path!r} is taken; give each hub its own.")
            self._routes[key] = Route(hosted, bool(suffix), redirection)

    def _check_host(self, request: ConnectRequest) -> None:
        if self._hosts is None:
            return
        host = request.headers.get("host", "").lower()
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if host not in self._hosts and name not in self._hosts:
            raise Refused(400, "Invalid host header")


def _normal(path: str) -> str:
    return path.rstrip("/").lower()
