"""The application with a certificate of its own: pages, log-in and hubs over TLS on one port."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from app.tests.certificates import own_certificate
from app.tests.conftest import running_site
from app.tests.signalr_client import open_connection


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine and its key, as files."""
    return own_certificate(tmp_path)


async def test_everything_is_reached_over_tls(data_dir: Path, certificate: tuple[Path, Path]) -> None:
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with running_site(data_dir, tls_certificate=certificate[0], tls_key=certificate[1]) as site:
        base = f"https://127.0.0.1:{site.settings.port}"
        assert site.settings.public_url == f"https://localhost:{site.settings.port}"
        body = {"username": "admin", "password": site.passwords["admin"]}
        async with site.http.post(f"{base}/api/login", json=body, ssl=trusting) as answer:
            assert answer.status == 200
            assert "strict-transport-security" in answer.headers
            assert answer.cookies["meschain_refresh"]["secure"]
            token = (await answer.json())["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        async with site.http.post(f"{base}/api/negotiate", headers=headers, ssl=trusting) as answer:
            redirect = await answer.json()
        assert redirect["url"].startswith(site.settings.public_url)
        async with open_connection(redirect["url"], redirect["accessToken"], ssl=trusting) as client:
            await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            await client.received("updateAdminDashboard")
