"""The graceful stop of a server: what its clients are told, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from compliance.checklist import ALL, shows
from compliance.raw.conftest import LANES
from compliance.raw.judge import Judge, call
from compliance.raw.peers import PollingPeer
from compliance.raw.websocket import close_code
from compliance.server import ConformanceServer
from websockets.frames import Opcode


@asynccontextmanager
async def stopping(lane: str, folder: Path) -> AsyncIterator[Judge]:
    """A server of its own, which the test has to stop."""
    server = ConformanceServer(folder / "stopped.log", LANES[lane])
    server.start()
    judge = Judge(server, lane)
    try:
        yield judge
    finally:
        await judge.leave()
        await asyncio.to_thread(server.stop)
    assert server.process is not None
    assert server.process.returncode == -signal.SIGTERM  # uvicorn dies of the signal in the end


@shows("server-shutdown", over=ALL, together=True)
async def test_a_stop_tells_every_client_to_come_again_and_every_hub_method_to_end(
    served: tuple[str, ConformanceServer], tmp_path: Path
) -> None:
    async with stopping(served[0], tmp_path) as judge:
        peers = [judge.peer(over) for over in (*ALL, *["WebSockets-json"] * 30)]  # more than are told at once
        for peer in peers:
            await peer.negotiate()
            if isinstance(peer, PollingPeer):
                peer.streams = await judge.dial()  # no other is accepted any more when the last poll comes
            await peer.open()
            await peer.shake()
        gates = [f"stop-{peer.connection_id}" for peer in peers[:5]]
        for peer, gate in zip(peers, gates, strict=False):
            await peer.send(call("HoldCancellable", gate, invocation_id="1"))
            await judge.events(peer.connection_id, "holding")
        noted = [asyncio.create_task(judge.events(peer.connection_id, "disconnected")) for peer in peers[:5]]
        raw = await judge.open_websocket("/echo")
        await raw.send_text(b"x")
        assert await raw.frame() is not None
        ends = [asyncio.create_task(peer.end()) for peer in peers]
        await judge.fence()
        judge.process.terminate()
        for messages in await asyncio.gather(*ends):
            assert messages[-1] == {"type": 7, "allowReconnect": True}
        for gate, events in zip(gates, await asyncio.gather(*noted), strict=True):
            assert events == ["connected", f"holding {gate}", f"canceled {gate}", "disconnected"]
        frame = await raw.frame()
        assert frame is not None
        assert frame.opcode is Opcode.CLOSE
        assert close_code(frame) == 1000


@shows("server-shutdown-refuses")
async def test_a_server_that_stops_lets_nobody_in(served: tuple[str, ConformanceServer], tmp_path: Path) -> None:
    async with stopping(served[0], tmp_path) as judge:
        before = [await judge.dial() for _ in range(2)]
        for streams in before:
            streams.writer.write(judge.head("GET", "/"))
            assert (await streams.reply()).status == 200
        async with judge.connected("WebSockets-json") as peer:
            judge.process.terminate()
            assert await peer.message() == {"type": 7, "allowReconnect": True}
            before[0].writer.write(judge.head("POST", "/testhub/negotiate", {"Content-Length": "0"}))
            try:
                reply = await before[0].reply()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass  # the socket is closed already
            else:
                assert reply.status == 503
