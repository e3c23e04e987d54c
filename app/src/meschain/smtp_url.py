"""Addresses of mail servers as settings hold them: `smtp://user:password@host:587`. Reads nothing but its arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

STARTTLS: Final = "starttls"
TLS: Final = "tls"
PLAIN: Final = "plain"

_SCHEMES: Final = {"smtp": (STARTTLS, 587), "smtps": (TLS, 465), "smtp+plain": (PLAIN, 25)}
"""How the connection is secured, and the port that is usual for it (RFC 8314, RFC 6409, RFC 5321)."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    security: str
    """`starttls`: it has to offer that; `tls` from the first byte; `plain`: never, for a relay on the same machine."""
    user: str = ""
    """Empty: it lets us in without."""
    password: str = field(default="", repr=False)


def mail_server(url: str) -> MailServer:
    """Raises: ValueError with a text that holds no secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the address of the mail server cannot be read; write smtp://user:password@host:587") from None
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        raise ValueError("write smtp://user:password@host:587 (STARTTLS), smtps:// (TLS) or smtp+plain://localhost")
    security, usual = _SCHEMES[parts.scheme]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if security == PLAIN and user:
        raise ValueError("a password does not go over smtp+plain; use smtp:// or smtps://")
    return MailServer(parts.hostname, port or usual, security, user, password)
