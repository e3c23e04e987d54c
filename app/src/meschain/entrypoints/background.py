"""Runs the work that nobody waits for: timers, the job runner, the order watcher, probes, the demo's driver.

Each piece has a name and is meant to run for ever. One that crashes is logged and started again after a pause that
doubles; readiness shows it meanwhile. Some run in every process of a service, the others in the one that holds a lease.
Knows nothing of what the pieces do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from meschain.http.health import BackgroundState
from meschain.services.lease import Work, WorkLease
from meschain.services.ports import Clock

FIRST_PAUSE_SECONDS: Final = 1.0
"""After the first crash. 1 s: a database that restarts is back soon."""
LONGEST_PAUSE_SECONDS: Final = 30.0
"""The pause doubles up to this. 30 s: a mended cause is noticed within half a minute."""
CALM_SECONDS: Final = 60.0
"""Work that ran this long before it crashed starts again with the first pause."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def background(
    everywhere: Mapping[str, Work],
    state: BackgroundState,
    clock: Clock,
    *,
    exclusive: Mapping[str, Work] | None = None,
    lease: WorkLease | None = None,
) -> AsyncIterator[None]:
    """Run every piece while the block is open, and cancel all of them at its end.

    Args:
        everywhere: runs in each process.
        exclusive: runs while this process holds the lease, which is given back at the end of the block.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_supervise_all(everywhere, state, clock))]
        if exclusive and lease is not None:
            tasks.append(group.create_task(lease.run(partial(_supervise_all, exclusive, state, clock))))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _supervise_all(work: Mapping[str, Work], state: BackgroundState, clock: Clock) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for name, piece in work.items():
                group.create_task(_supervise(name, piece, state, clock), name=name)
    finally:
        for name in work:
            state.remove(name)


async def _supervise(name: str, piece: Work, state: BackgroundState, clock: Clock) -> None:
    pause = FIRST_PAUSE_SECONDS
    while True:
        state.set(name, running=True)
        begun = clock.monotonic()
        try:
            await piece()
            _log.error("background work %s ended, though it should run for ever; again in %g s", name, pause)
        except Exception:  # noqa: BLE001 - the boundary that keeps one piece of work from ending the others
            _log.exception("background work %s crashed; again in %g s", name, pause)
        state.set(name, running=False)
        if clock.monotonic() - begun >= CALM_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        await clock.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
