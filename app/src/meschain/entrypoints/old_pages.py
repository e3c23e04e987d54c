"""What `meschain doctor` says of the listeners for old pages: their ports, who is let in as what, and who reads along.

Goes with `legacy`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from contextlib import ExitStack
from typing import Final
from urllib.parse import urlsplit

from meschain.domain.roles import Role
from meschain.entrypoints.cli.reporting import CommandFailed
from meschain.entrypoints.findings import BAD, GOOD, ODD, Finding
from meschain.entrypoints.listening import bound_socket
from meschain.legacy_settings import LegacyListener
from meschain.settings import Settings

_ASK_SECONDS: Final = 2.0
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
_OURS: Final = b"of the listener."
"""How a listener of ours ends its refusal of a page that it does not know, or of an address."""


async def examine_old_pages(settings: Settings) -> list[Finding]:
    """Every check, listener by listener; none where there is no listener."""
    findings: list[Finding] = []
    with ExitStack() as held:  # all at once, or two listeners would find the same port free
        for name, listener in settings.legacy_listeners.items():
            found = {
                "port": await _port(settings, name, listener, held),
                "addresses": _addresses(settings, listener),
                "origins": _origins(listener),
                "role": _role(listener),
                "TLS": _tls(settings, listener),
            }
            findings += [Finding(f"old pages {name}, {what}", *each) for what, each in found.items()]
    return findings


async def _port(settings: Settings, name: str, listener: LegacyListener, held: ExitStack) -> tuple[str, str]:
    place = f"{listener.host} port {listener.port}"
    if not listener.port:
        return ODD, "another one at each start, while old pages have theirs written into them (8080, 8081); set it."
    if listener.port == settings.port:
        return BAD, f"{listener.port} is the site's own; choose another one, and let a front pass it on."
    try:
        setting = f"legacy_listeners.{name}"
        listening = bound_socket(listener.host, listener.port, f"{setting}.host", f"{setting}.port")
        held.callback(listening.close)
        listening.listen()
    except (CommandFailed, OSError) as error:
        if await _is_ours(listener):
            return GOOD, f"a listener for old pages serves {place} already"
        return BAD, str(error)
    return GOOD, f"{place} is free"


async def _is_ours(listener: LegacyListener) -> bool:
    """Ask for a WebSocket as a page that nobody lets in would."""
    host = _ANYWHERE.get(listener.host, listener.host)
    context = ssl._create_unverified_context() if listener.tls else None  # noqa: S323 - nothing is told to it
    request = (
        f"GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: https://doctor.invalid\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            reader, writer = await asyncio.open_connection(host, listener.port, ssl=context)
            try:
                writer.write(request.encode())
                return _OURS in await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def _addresses(settings: Settings, listener: LegacyListener) -> tuple[str, str]:
    networks = [ipaddress.ip_network(network, strict=False) for network in listener.allowed_networks]
    shown = ", ".join(listener.allowed_networks) or "no address at all"
    if not networks:
        return BAD, "nobody is let in; name addresses or networks in allowed_networks."
    if any(network.prefixlen == 0 for network in networks) and listener.role.level > Role.VIEWER.level:
        return BAD, f"whoever comes from anywhere is {listener.role} without proof; name networks, or lower the role."
    if all(network.is_loopback for network in networks):
        if not _is_local(listener):
            return ODD, "it listens for others and lets this machine in alone; name their networks in allowed_networks."
        if settings.trusted_proxies:
            return ODD, "behind a proxy clients have their own addresses; name these networks in allowed_networks."
    return GOOD, f"{shown} may connect"


def _origins(listener: LegacyListener) -> tuple[str, str]:
    wrong = [origin for origin in listener.allowed_origins if not _is_origin(origin)]
    if wrong:
        return BAD, f"no browser calls itself {', '.join(wrong)}; write them as https://admin.example.com."
    if not listener.allowed_origins:
        return ODD, "our own pages alone may connect, and programs; name the origins of old pages in allowed_origins."
    return GOOD, f"pages of {', '.join(listener.allowed_origins)} may connect"


def _is_origin(text: str) -> bool:
    """Whether a browser would write it so: scheme and host in small letters, a port that is not the scheme's own."""
    parts = urlsplit(text)
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme)
    is_plain = text == text.lower() == f"{parts.scheme}://{parts.netloc}"
    return is_plain and bool(parts.netloc) and usual is not None and not parts.netloc.endswith(usual)


def _role(listener: LegacyListener) -> tuple[str, str]:
    text = f"{listener.role} without a signed link, at most {listener.ceiling} with one"
    if listener.sync_without_link:
        return ODD, f"{text}; any page of the allowed origins may start syncs."
    if listener.role.level >= Role.ADMIN.level:
        return ODD, f"{text}; any program in allowed_networks reads figures and buyers' names."
    return GOOD, text


def _tls(settings: Settings, listener: LegacyListener) -> tuple[str, str]:
    if listener.tls:
        return GOOD, "wss:// by tls_certificate"
    if not _is_local(listener):
        return ODD, "ws:// is read by everybody on the way; set tls, or listen on 127.0.0.1 behind a proxy that has it."
    if settings.trusted_proxies:
        return GOOD, "ws:// from the proxy, which speaks wss:// with the pages"
    if any(origin.startswith("https:") for origin in (settings.public_url, *listener.allowed_origins)):
        return ODD, "pages over https dial wss:// alone; set tls, or name the proxy that has it in trusted_proxies."
    return GOOD, "ws:// within this machine"


def _is_local(listener: LegacyListener) -> bool:
    return listener.host in {"localhost", "127.0.0.1", "::1"}
