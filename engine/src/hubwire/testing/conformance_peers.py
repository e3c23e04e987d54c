"""The pages of a conformance server that runs as several processes: whichever is asked, the one that knows answers.

Test use only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from hubwire.plane.nodes import NodeInfo
from hubwire.transports.asgi import AsgiReceive

FROM_PEER = "x-conformance-peer"
"""Header of a question between processes, which is not passed on again."""


async def first_answer(own: Awaitable[Any], nodes: Sequence[NodeInfo], target: str) -> Any:
    """Return the first answer, of this process or of another, that is not empty; an empty one if there is none.

    Args:
        target: path and query of the page that the others are asked for.
    """
    others = [node.address for node in nodes if not node.is_self and node.address is not None]
    asking = [asyncio.ensure_future(own), *(asyncio.ensure_future(_ask(address + target)) for address in others)]
    answer: Any = None
    try:
        for each in asyncio.as_completed(asking):
            answer = await each
            if answer:
                break
        return answer
    finally:
        for task in asking:
            task.cancel()


async def answer_while_asked(own: Awaitable[Any], receive: AsgiReceive) -> Any:
    """Return our answer; an empty one when the other process has left meanwhile."""

    async def until_gone() -> list[object]:
        while (await receive())["type"] != "http.disconnect":
            pass
        return []

    return await _first([asyncio.ensure_future(own), asyncio.ensure_future(until_gone())])


async def _first(tasks: Sequence[asyncio.Future[Any]]) -> Any:
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()


async def _ask(url: str) -> Any:
    import aiohttp  # the extra `cluster`, which a single process does without

    try:
        async with aiohttp.ClientSession() as session, session.get(url, headers={FROM_PEER: "1"}) as response:
            return await response.json()
    except aiohttp.ClientError:  # it is gone, and what it knew with it
        return []
