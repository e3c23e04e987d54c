"""Time limits measured by a `Clock`, so that tests need not wait. Knows nothing of what is limited."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hubwire.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns, or cancel it when the time is over.

    Raises: TimeoutError.
    """
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError(f"Not done within {seconds:g} s.")
    finally:
        alarm.cancel()
        task.cancel()
        await asyncio.wait((task, alarm))
        if not task.cancelled():
            task.exception()  # seen, even if our caller was cancelled at the same moment
