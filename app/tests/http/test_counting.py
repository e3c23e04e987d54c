"""What the running application says of itself: whether it is ready, and what it has counted."""

from __future__ import annotations

import os

from app.tests.conftest import Site


async def test_it_is_ready_and_counts_itself(site: Site) -> None:
    status, body = await site.get("/readyz")
    assert (status, body["status"]) == (200, "ready")
    assert body["checks"] == {"database": "ok", "shop": "ok", "background": "ok", "lease": "ok"}
    assert body["node"]
    async with site.connected((await site.login("admin"))["accessToken"]) as client:
        await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
        async with site.http.get(f"{site.url}/metrics") as answer:
            text = await answer.text()
        data = await client.received("updateAdminDashboard")
    assert f'meschain_node{{node="{body["node"]}",process="{os.getpid()}"}} 1.0' in text
    assert "meschain_background_work 1.0" in text
    assert "meschain_nodes 1.0" in text
    assert 'meschain_hub_connections{hub="MesChainAdminHub",transport="WebSockets"} 1.0' in text
    assert (
        'meschain_hub_invocations_total{hub="MesChainAdminHub",outcome="done",target="HandleAdminCommand"} 1.0' in text
    )
    assert 'meschain_http_requests_total{method="POST",route="/api/login",status="200"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert data["performanceMetrics"]["connections"] == 1
