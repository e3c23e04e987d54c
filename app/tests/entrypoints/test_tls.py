"""The application with a certificate of its own: pages, log-in and hubs over TLS on one port."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from app.tests.conftest import running_site
from app.tests.signalr_client import open_connection
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


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
