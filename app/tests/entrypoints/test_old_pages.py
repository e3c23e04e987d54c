"""What the doctor says of listeners for old pages: each check, holding and not."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from app.tests.program import free_port, free_ports
from app.tests.site import running_site

from meschain.entrypoints.findings import Finding
from meschain.entrypoints.old_pages import examine_old_pages
from meschain.legacy_settings import LegacyListener
from meschain.settings import Settings

A_FILE = Path(__file__)


async def findings(data_dir: Path, listener: Mapping[str, object], **settings: object) -> Mapping[str, Finding]:
    """What is found of the one listener `panel`, by what it is about."""
    given = {"port": free_port(), **listener}
    told = Settings(data_dir=data_dir, legacy_listeners={"panel": LegacyListener(**given)}, **settings)  # type: ignore[arg-type] # checked by it
    found = await examine_old_pages(told)
    return {finding.topic.removeprefix("old pages panel, "): finding for finding in found}


async def test_nothing_is_said_where_there_is_no_listener(tmp_path: Path) -> None:
    assert await examine_old_pages(Settings(data_dir=tmp_path)) == []


async def test_a_listener_of_this_machine_needs_nothing(tmp_path: Path) -> None:
    found = await findings(tmp_path, {"allowed_origins": ("http://admin.example.com",)})
    assert {finding.verdict for finding in found.values()} == {"ok"}
    assert found["role"].text == "viewer without a signed link, at most admin with one"


async def test_a_port_is_free_or_another_program_s_or_none_of_its_own(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        found = (await findings(tmp_path, {"port": other.getsockname()[1]}))["port"]
    assert (found.verdict, "is in use" in found.text, "legacy_listeners.panel" in found.text) == ("fail", True, True)
    assert (await findings(tmp_path, {"port": 0}))["port"].verdict == "note"
    port = free_port()
    found = (await findings(tmp_path, {"port": port}, port=port))["port"]
    assert (found.verdict, "the site's own" in found.text) == ("fail", True)


async def test_two_listeners_do_not_share_a_port(tmp_path: Path) -> None:
    port = free_ports(1)
    listeners = {name: LegacyListener(port=port) for name in ("panel", "stream")}
    found = {each.topic: each.verdict for each in await examine_old_pages(Settings(legacy_listeners=listeners))}
    assert (found["old pages panel, port"], found["old pages stream, port"]) == ("ok", "fail")


@pytest.mark.parametrize("networks", [("127.0.0.0/8",), ("10.0.0.0/8",)])
async def test_a_port_that_old_pages_are_served_at_is_ours(data_dir: Path, networks: tuple[str, ...]) -> None:
    listener = {"port": free_port(), "allowed_networks": networks}
    async with running_site(data_dir, legacy_listeners={"panel": LegacyListener(**listener)}):  # type: ignore[arg-type] # checked by it
        found = (await findings(data_dir, listener))["port"]
    assert (found.verdict, "serves 127.0.0.1 port" in found.text) == ("ok", True)


@pytest.mark.parametrize(
    ("listener", "settings", "about", "verdict", "text"),
    [
        ({"allowed_networks": ()}, {}, "addresses", "fail", "nobody is let in"),
        ({"allowed_networks": ("0.0.0.0/0",), "role": "admin"}, {}, "addresses", "fail", "is admin without proof"),
        ({"allowed_networks": ("0.0.0.0/0",)}, {}, "addresses", "ok", "0.0.0.0/0 may connect"),
        ({"host": "0.0.0.0"}, {}, "addresses", "note", "lets this machine in alone"),
        ({}, {"trusted_proxies": ("127.0.0.1",)}, "addresses", "note", "behind a proxy"),
        ({"allowed_networks": ("10.0.0.0/8",)}, {"trusted_proxies": ("127.0.0.1",)}, "addresses", "ok", "10.0.0.0/8"),
        ({}, {}, "origins", "note", "our own pages alone"),
        ({"allowed_origins": ("*",)}, {}, "origins", "fail", "no browser calls itself *"),
        ({"allowed_origins": ("https://admin.example.com/",)}, {}, "origins", "fail", "write them as https://"),
        ({"allowed_origins": ("https://admin.example.com:443",)}, {}, "origins", "fail", "no browser calls itself"),
        ({"allowed_origins": ("https://admin.example.com:8443",)}, {}, "origins", "ok", ":8443 may connect"),
        ({"role": "admin"}, {}, "role", "note", "buyers' names"),
        ({"role": "marketplace_manager", "sync_without_link": True}, {}, "role", "note", "may start syncs"),
        ({"host": "0.0.0.0"}, {}, "TLS", "note", "read by everybody on the way"),
        ({"allowed_origins": ("https://admin.example.com",)}, {}, "TLS", "note", "dial wss:// alone"),
        ({}, {"trusted_proxies": ("127.0.0.1",)}, "TLS", "ok", "from the proxy"),
        ({"tls": True}, {"tls_certificate": A_FILE, "tls_key": A_FILE}, "TLS", "ok", "wss://"),
    ],
)
async def test_who_may_connect_as_what_and_who_reads_along(
    tmp_path: Path,
    listener: Mapping[str, object],
    settings: Mapping[str, object],
    about: str,
    verdict: str,
    text: str,
) -> None:
    found = (await findings(tmp_path, listener, **settings))[about]
    assert (found.verdict, text in found.text) == (verdict, True), found
