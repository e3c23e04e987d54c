"""The page "Deploy behind nginx" is true: nginx runs with its configuration, the official client comes through it."""

from __future__ import annotations

import asyncio
import datetime
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from app.tests.docs.pages import DOCS, REPOSITORY, block
from app.tests.program import free_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from engine.tests.docs.pages import run_page

import hubwire
from hubwire.client import HubConnection
from hubwire.testing import serving
from hubwire.transports.websocket import WebSocketTransport

PAGE = DOCS / "how-to" / "deploy-behind-nginx.md"
NAME = "panel.example.com"
TIMEOUT_SECONDS = 30

CLIENT = """
import * as signalR from '@microsoft/signalr';

for (const transport of ['WebSockets', 'ServerSentEvents', 'LongPolling']) {
  const connection = new signalR.HubConnectionBuilder()
    .withUrl(process.argv[2], { transport: signalR.HttpTransportType[transport] })
    .configureLogging(signalR.LogLevel.Error)
    .build();
  await connection.start();
  console.log(transport, ...(await connection.invoke('WhereFrom')));
  await connection.stop();
}
process.exit(0);
"""


def write_certificate(folder: Path) -> None:
    """One for this machine, signed by itself, where the page's configuration looks for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{NAME}.pem").write_bytes(certificate.public_bytes(pem))
    (folder / f"{NAME}.key").write_bytes(private)


def write_configuration(folder: Path, upstream_port: int, port: int) -> Path:
    """The page's file, with this machine's ports and folders, inside of the smallest nginx.conf."""
    text = block(PAGE, "nginx")
    for theirs, ours in (
        ("127.0.0.1:8000", f"127.0.0.1:{upstream_port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (f"server_name {NAME}", "server_name localhost"),
        ("/etc/ssl/", f"{folder}/"),
        ("/var/log/nginx/", f"{folder}/"),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n"
        f"events {{ worker_connections 64; }}\nhttp {{\n{temporary}\n{text}\n}}\n",
        encoding="utf-8",
    )
    return configuration


@asynccontextmanager
async def nginx(configuration: Path, port: int) -> AsyncIterator[None]:
    """nginx in front of the server, once it listens."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "nginx is missing: run `tools/need.sh nginx`."
    process = await asyncio.create_subprocess_exec(
        program, "-p", str(configuration.parent), "-c", str(configuration), stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    if process.returncode is not None:
                        assert process.stderr is not None
                        pytest.fail((await process.stderr.read()).decode())
                    await asyncio.sleep(0.05)  # another process has no condition to wait for
            writer.close()
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_every_transport_comes_through_nginx(tmp_path: Path) -> None:
    node, modules = shutil.which("node"), REPOSITORY / "web" / "node_modules"
    assert node is not None
    assert modules.is_dir(), "`make test` brings web/node_modules."
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "client.mjs").write_text(CLIENT, encoding="utf-8")
    write_certificate(tmp_path)
    port = free_port()
    server = run_page(PAGE, replace={NAME: "localhost"})["server"]
    async with serving(server) as address:
        configuration = write_configuration(tmp_path, int(address.rpartition(":")[2]), port)
        async with nginx(configuration, port):
            process = await asyncio.create_subprocess_exec(
                *(node, str(tmp_path / "client.mjs"), f"https://localhost:{port}/panel?access_token=secret"),
                env={**os.environ, "NODE_EXTRA_CA_CERTS": str(tmp_path / f"{NAME}.pem")},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(TIMEOUT_SECONDS):
                printed, _ = await process.communicate()
    assert printed.decode().splitlines() == [
        "WebSockets https 127.0.0.1",
        "ServerSentEvents https 127.0.0.1",
        "LongPolling https 127.0.0.1",
    ]
    log = (tmp_path / "panel.log").read_text(encoding="utf-8")
    assert '"GET /panel" 101' in log
    assert "secret" not in log


async def test_connections_that_nginx_keeps_have_the_fast_lane_too(tmp_path: Path) -> None:
    write_certificate(tmp_path)
    port = free_port()
    trusted = ssl.create_default_context(cafile=tmp_path / f"{NAME}.pem")
    server: hubwire.HubServer = run_page(PAGE, replace={NAME: "localhost"})["server"]
    async with serving(server) as address:
        configuration = write_configuration(tmp_path, int(address.rpartition(":")[2]), port)
        async with nginx(configuration, port), HubConnection(f"https://localhost:{port}/panel", ssl=trusted) as client:
            assert await client.invoke("WhereFrom") == ["https", "127.0.0.1"]
            # Only the transport's class tells the lane; nothing else may depend on it.
            (connection,) = server.endpoint.connections.values()
            assert type(getattr(connection, "_transport", None)) is WebSocketTransport
