"""A process without a free descriptor goes on serving those whom it has, and takes newcomers once there is room."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import sys
from contextlib import ExitStack

from .conftest import TIMEOUT_SECONDS

DESCRIPTORS = 64
"""So few that they end before the server's own limit of sockets does, which counts the sockets alone."""


def have_few() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


async def status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Ask for an id and return how that is answered."""
    writer.write(b"POST /testhub/negotiate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    await reader.readexactly(size)
    return head.split(b" ")[1]


async def test_a_server_out_of_descriptors_goes_on_and_recovers() -> None:
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hubwire.testing.server", "--port", "0", "--log-level", "critical"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=have_few,
    )
    assert server.stdout is not None
    assert server.stderr is not None
    try:
        async with asyncio.timeout(2 * TIMEOUT_SECONDS):
            address = (await server.stdout.readline()).decode().strip().rpartition(":")[2]
            accepted = await asyncio.open_connection("127.0.0.1", int(address))
            assert await status(*accepted) == b"200"
            with ExitStack() as crowd:
                for _ in range(2 * DESCRIPTORS):  # the kernel takes them all, the process cannot
                    one = crowd.enter_context(socket.socket())
                    one.setblocking(False)
                    await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", int(address)))
                assert await status(*accepted) == b"200"
            while True:
                try:
                    late = await asyncio.open_connection("127.0.0.1", int(address))
                except ConnectionError:
                    continue
                try:
                    if await status(*late) == b"200":
                        break
                except (asyncio.IncompleteReadError, ConnectionError):
                    pass  # it has not noticed yet that the crowd has left
                finally:
                    late[1].close()
            accepted[1].close()
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = await server.communicate()
    assert server.returncode in (0, -signal.SIGTERM)
    assert len(errors) < 10_000
