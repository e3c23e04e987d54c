"""The client over TLS."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hubwire.client import HubConnection, NegotiationFailed
from hubwire.testing import serving
from hubwire.testing.conformance_app import ConformanceApp


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file with a key and a certificate that nobody but itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
async def address(certificate: Path) -> AsyncIterator[str]:
    app = ConformanceApp()
    async with serving(app.server, app, ssl_certfile=str(certificate)) as address:
        yield address


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
async def test_every_transport_works_over_tls(address: str, certificate: Path, transport: str) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    async with HubConnection(f"{address}/testhub", transports=[transport], ssl=context) as connection:
        assert await connection.invoke("GetActiveTransportName") == transport
        assert await connection.invoke("GetCookie", "testCookie") == "testValue"


async def test_a_certificate_that_nobody_vouches_for_is_refused_unless_told(address: str) -> None:
    with pytest.raises(NegotiationFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await HubConnection(f"{address}/testhub").start()
    async with HubConnection(f"{address}/testhub", ssl=False) as connection:
        assert await connection.invoke("Echo", 1) == 1
