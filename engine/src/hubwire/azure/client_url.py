"""The address that clients of Azure SignalR Service are given, and which hub names fit into it. Pure strings."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_`,.\[\]]{0,127}")


def checked_hub_name(hub: str) -> str:
    """The hub's name in lower case, as it stands in addresses and audiences.

    Raises: ValueError for a name that the service refuses; a hyphen is one reason.
    """
    if not _HUB_NAME.fullmatch(hub):
        raise ValueError(
            f"{hub[:128]!r} is no hub name: a letter, then at most 127 letters, digits or _ ` , . [ ]; rename the hub."
        )
    return hub.lower()


def client_url(base_url: str, hub: str) -> str:
    """`<base_url>/client/?hub=<hub in lower case>`; also the audience of the tokens for it.

    Raises: ValueError for a hub name that the service refuses, or a base that is no absolute http(s) address.
    """
    return f"{checked_base_url(base_url)}/client/?hub={checked_hub_name(hub)}"


def checked_base_url(base_url: str) -> str:
    """The base without its trailing slashes. Raises: ValueError unless it is an absolute http(s) address."""
    parts = urlsplit(base_url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{base_url!r} is no base address; give it as https://host[:port].")
    return base_url.rstrip("/")
