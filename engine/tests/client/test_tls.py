"""The client over TLS."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hubwire.client import HubConnection, NegotiationFailed
from hubwire.testing import serving
from hubwire.testing.conformance_app import ConformanceApp

from .certificate import write_certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file with a key and a certificate that nobody but itself vouches for."""
    return write_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


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
