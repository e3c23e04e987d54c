"""Programs that run together: what each writes is shown with its name before it, and all end with the first that ends.

Knows nothing of what they do. They are in sessions of their own, so that a Ctrl-C reaches them through us alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

STOP_SECONDS: Final = 30.0
"""How long one may take to end before it is killed. 30 s: longer than draining and the requests of each take."""
LONGEST_LINE_BYTES: Final = 64 * 1024
"""A longer line is shown in pieces: what one writes must neither fill our memory nor stop us from reading on."""


@dataclass(frozen=True, slots=True)
class Part:
    """One program."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    """Beside ours."""


class PartEnded(Exception):
    """One ended, though it should run until it is stopped."""

    def __init__(self, name: str, status: int) -> None:
        self.name = name
        self.status = status
        super().__init__(f"The {name} ended with status {status}; what it wrote last says why.")


@asynccontextmanager
async def running_part(
    part: Part, show: Callable[[str, str], None], *, stop_seconds: float = STOP_SECONDS
) -> AsyncIterator[asyncio.Task[None]]:
    """Run it while the block is open.

    The task ends with PartEnded when the program does.

    Args:
        show: takes the name and one line that it wrote.
    """
    process = await asyncio.create_subprocess_exec(
        *part.command,
        env={**os.environ, **part.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    reading = asyncio.create_task(_show_lines(part.name, process.stdout, show))
    watching = asyncio.create_task(_watch(part.name, process))
    try:
        yield watching
    finally:
        watching.cancel()
        await _stop(process, stop_seconds)
        await reading


async def _watch(name: str, process: asyncio.subprocess.Process) -> None:
    raise PartEnded(name, await process.wait())


async def _show_lines(name: str, stream: asyncio.StreamReader, show: Callable[[str, str], None]) -> None:
    rest = b""
    while chunk := await stream.read(LONGEST_LINE_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) >= LONGEST_LINE_BYTES:
            lines, rest = [*lines, rest], b""
        for line in lines:
            show(name, line.decode(errors="replace").rstrip())
    if rest:
        show(name, rest.decode(errors="replace").rstrip())


async def _stop(process: asyncio.subprocess.Process, seconds: float) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
