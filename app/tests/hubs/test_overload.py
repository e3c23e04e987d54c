"""What an operator sets about newcomers reaches the hubs, and refusals are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from app.tests.conftest import Site, running_site
from prometheus_client import CollectorRegistry
from websockets.exceptions import InvalidStatus

from meschain.hubs.observer import HubObserver


async def metrics(site: Site) -> str:
    async with site.http.get(f"{site.url}/metrics") as answer:
        return await answer.text()


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"connections_per_address": 1, "trusted_networks": ()}, 429),
        ({"connections_per_address": 1}, None),
        ({"maximum_connections": 1}, 503),
    ],
)
async def test_one_connection_too_many_is_refused_and_counted(
    data_dir: Path, settings: dict[str, Any], status: int | None
) -> None:
    async with running_site(data_dir, **settings) as site:
        token = (await site.login("admin"))["accessToken"]
        async with site.connected(token) as client:
            if status is None:
                async with site.connected(token):
                    pass
                return
            with pytest.raises(InvalidStatus) as refused:
                async with site.connected(token):
                    pass
            assert refused.value.response.status_code == status
            assert f'meschain_hub_connects_refused_total{{status="{status}"}} 1.0' in await metrics(site)
            await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})


def test_messages_that_are_held_back_are_counted() -> None:
    registry = CollectorRegistry()
    observer = HubObserver(registry, lambda seconds, failed: None)
    observer.messages_throttled("MesChainAdminHub")
    labels = {"hub": "MesChainAdminHub"}
    assert registry.get_sample_value("meschain_hub_messages_throttled_total", labels) == 1.0
