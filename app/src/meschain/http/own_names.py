"""Under which names this server is reached, and from which origins its pages call. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from meschain.settings import Settings

_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})


def own_origins(settings: Settings) -> frozenset[str]:
    """Origins whose pages may talk to us: those configured, the public one, and this machine's names for itself.

    The last because hub addresses name `public_url`: a page opened as 127.0.0.1 talks to localhost.
    """
    origins = {*settings.allowed_origins, settings.public_url}
    if settings.host in {"localhost", "::1"} or settings.host.startswith("127."):
        scheme = urlsplit(settings.public_url).scheme
        origins |= {f"{scheme}://{name}:{settings.port}" for name in _LOOPBACK_NAMES}
    return frozenset(origins)


def own_hosts(settings: Settings) -> frozenset[str]:
    """Host headers that are answered, without ports and in lower case; brackets of an IPv6 address stay."""
    names = {_bracketed(urlsplit(settings.public_url).hostname or ""), *_LOOPBACK_NAMES, *settings.allowed_hosts}
    if settings.host not in _ANY_ADDRESS:
        names.add(_bracketed(settings.host.lower()))
    return frozenset(names)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
