"""A process of a load test: a `Worker` on its event loop, at the end of a pipe from the parent."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import cast

from hubwire.cli.bench.descriptors import raise_descriptors
from hubwire.cli.bench.scenario import Scenario
from hubwire.cli.bench.traffic import Command, Finish
from hubwire.cli.bench.worker import Worker


def main(pipe: Connection, scenario: Scenario, process: int, run: str) -> None:
    """Be one process of a load test, until the parent says so or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of us; the parent says what follows
    raise_descriptors(scenario)
    with suppress(BrokenPipeError, EOFError), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(pipe, scenario, process, run))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's, where there is one: the faster we are, the less the figures are ours."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _run(pipe: Connection, scenario: Scenario, process: int, run: str) -> None:
    worker = Worker(scenario, process, run, pipe.send)
    loop = asyncio.get_running_loop()

    def listen() -> None:
        command: Command | None = None
        while not isinstance(command, Finish):
            try:
                command = cast("Command", pipe.recv())
            except (EOFError, OSError):  # the parent is gone
                command = Finish()
            with suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(worker.receive, command)

    threading.Thread(target=listen, daemon=True).start()
    await worker.run()
