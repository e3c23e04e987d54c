"""The application with listeners for old pages, as their clients dial it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from app.tests.conftest import with_demo_shop
from app.tests.site import Site, running_site

TRUSTED_PROXY = "127.0.0.2"
"""What comes from there was passed on."""

LISTENERS = {
    "shared": {"port": 0, "role": "super_admin", "ceiling": "super_admin", "sync_without_link": True},
    "native": {"port": 0, "role": "admin", "dialect": "native", "sync_without_link": True},
    "guarded": {"port": 0, "allowed_origins": ["https://old.example.com"], "ceiling": "marketplace_manager"},
    "elsewhere": {"port": 0, "allowed_networks": ["192.0.2.0/24"]},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old_site(tmp_path_factory: object, demo_shop_file: Path) -> AsyncIterator[Site]:
    """One for all tests of a module; they run in its loop."""
    folder = tmp_path_factory.mktemp("old")  # type: ignore[attr-defined] # pytest's own
    data = with_demo_shop(folder / "data", demo_shop_file)
    async with running_site(data, legacy_listeners=LISTENERS, trusted_proxies=[TRUSTED_PROXY]) as site:
        await site.orders_are_watched()
        yield site


def dialled(site: Site, listener: str, path: str = "/") -> str:
    """The address of one of the listeners."""
    return f"ws://127.0.0.1:{site.application.legacy.ports[listener]}{path}"
