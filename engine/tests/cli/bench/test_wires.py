"""The wires of load connections: TLS, cookies, frames as a server may send them, and every way to end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from engine.tests.cli.bench.driving import carried_out, driven
from engine.tests.client.certificate import write_certificate
from websockets.asyncio.server import ServerConnection, serve

from hubwire.cli.bench.scenario import Load, Scenario
from hubwire.cli.bench.stamp import Stamps
from hubwire.cli.bench.websocket_wire import WebSocketWire
from hubwire.cli.bench_hub import PATH, bench_server
from hubwire.client.credentials import Credentials
from hubwire.client.errors import TransportFailed
from hubwire.client.http import HttpClient
from hubwire.clock import SystemClock
from hubwire.testing import serving
from hubwire.testing.conformance_app import ConformanceApp

TIMEOUT_SECONDS = 10.0


def one(url: str, load: Load = Load.IDLE) -> Scenario:
    """One connection without negotiation that does not come back."""
    return Scenario(
        url, load=load, connections=1, ramp=1000, rate=10, warmup=0, duration=0.5, skip_negotiation=True,
        reconnect=False, connect_timeout=5,
    )  # fmt: skip


@asynccontextmanager
async def scripted(script: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """A WebSocket server that accepts the handshake and then does what a test says."""

    async def accept(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send("{}\x1e")
        await script(connection)

    async with serve(accept, "127.0.0.1", 0, compression="deflate") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hub"


# TLS and cookies


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.mark.parametrize("transport", ["websockets", "sse", "longpolling"])
@pytest.mark.parametrize("is_known", [True, False])
async def test_load_goes_over_tls(certificate: Path, transport: str, is_known: bool) -> None:
    async with serving(bench_server(), ssl_certfile=str(certificate)) as address:
        scenario = replace(
            one(f"{address}{PATH}", Load.ECHO), transports=(transport,), skip_negotiation=False,
            ca=str(certificate) if is_known else None, insecure=not is_known,
        )  # fmt: skip
        counts, farewell = await carried_out(scenario, 1)
    assert counts.measured_received == 5
    assert farewell.errors == {}


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    pem = str(certificate)
    async with serving(bench_server(), ssl_certfile=pem) as address, driven(one(f"{address}{PATH}")) as drive:
        await drive.until_ready()
        farewell = await drive.farewell()
    ((kind, counted),) = farewell.errors.items()
    assert kind.startswith("connect: WebSockets: ")
    assert "certificate" in counted.example.lower()


async def test_sockets_carry_the_cookies_of_the_negotiation() -> None:
    app = ConformanceApp()
    http = HttpClient(Credentials("token"), {"X-Tenant": "blue"}, True, 10.0, SystemClock())
    async with serving(app.server, app) as address:
        await http.request("POST", f"{address}/testhub/negotiate?negotiateVersion=1", limit_bytes=10_000)
        headers = await http.upgrade_headers(f"{address}/testhub?id=1", renews_token=False)
        elsewhere = await http.upgrade_headers("http://localhost/testhub", renews_token=False)
        await http.close()
    assert sorted(headers["Cookie"].split("; ")) == ["testCookie2=testValue2", "testCookie=testValue"]
    assert (headers["Authorization"], headers["X-Tenant"]) == ("Bearer token", "blue")
    assert "Cookie" not in elsewhere


# Frames


async def test_frames_in_pieces_several_messages_in_one_and_pings_between_are_all_understood() -> None:
    stamps = Stamps("0123abcd", 200)
    has_ponged = asyncio.Event()

    async def script(connection: ServerConnection) -> None:
        await connection.recv()  # our ping
        call = f'{{"type":1,"target":"Receive","arguments":["{stamps.text(10**18)}"]}}\x1e'
        await connection.send([call[:30], call[30:], call, call[:10]])  # fragments of one frame
        await connection.send(call[10:] + '{"type":6}\x1e')
        await (await connection.ping())
        has_ponged.set()
        await connection.wait_closed()

    async with scripted(script) as url, driven(one(url)) as drive:
        await drive.until_ready()
        await has_ponged.wait()
        progress = await drive.until_progress(received=3)
        assert progress.counts.errors == 0


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (lambda socket: socket.send('{"type":7,"error":"go away"}\x1e'), "dropped: ServerClosed"),
        (lambda socket: socket.send('{"type":7}\x1e'), "dropped: closed by the server"),
        (lambda socket: socket.close(1000), "dropped: closed by the server"),
        (lambda socket: socket.close(1011), "dropped: WebSockets: closed with status code 1011."),
        (lambda socket: asyncio.sleep(0, socket.transport.abort()), "dropped: WebSockets: the connection was lost."),
        (lambda socket: socket.send("this is no message\x1e"), "dropped: ProtocolViolation"),
    ],
)
async def test_every_end_is_a_drop_of_its_own_kind(
    script: Callable[[ServerConnection], Awaitable[None]], kind: str
) -> None:
    ends = asyncio.Event()

    async def play(connection: ServerConnection) -> None:
        await ends.wait()
        await script(connection)
        await connection.wait_closed()

    async with scripted(play) as url, driven(one(url)) as drive:
        await drive.until_ready()
        ends.set()
        await drive.until_progress(dropped=1)
        farewell = await drive.farewell()
    assert list(farewell.errors) == [kind]
    assert farewell.last.open == 0


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "connect: request answered with status 503"),
        (b"nonsense\r\n\r\n", "connect: WebSockets: "),
        (b"", "connect: WebSockets: the connection was lost."),
    ],
)
async def test_an_upgrade_that_fails_is_counted(answer: bytes, kind: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with listener, driven(one(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hub")) as drive:
        await drive.until_ready()
        farewell = await drive.farewell()
    assert farewell.last.counts.failed == 1
    ((found, _),) = farewell.errors.items()
    assert found.startswith(kind)


async def test_a_frame_above_the_limit_ends_the_connection() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send(b"x" * (5 * 1024 * 1024))
        await connection.wait_closed()

    async with scripted(script) as url:
        http = HttpClient(Credentials(None), {}, ssl.create_default_context(), 10.0, SystemClock())
        wire = WebSocketWire(http, 1)
        ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        await wire.open(url)
        wire.attach(lambda data: None, ended.set_result)
        wire.send(b"handshake", False)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            error = await ended
        await wire.abort()
        await http.close()
    assert isinstance(error, TransportFailed)
    assert "limit" in str(error) or "size" in str(error)


async def test_a_wire_is_opened_once() -> None:
    http = HttpClient(Credentials(None), {}, True, 10.0, SystemClock())
    wire = WebSocketWire(http, None)
    with pytest.raises(TransportFailed):
        await wire.open("http://127.0.0.1:1/hub")
    with pytest.raises(TransportFailed, match="make another"):
        await wire.open("http://127.0.0.1:1/hub")
