"""A node in a process of its own, for tests that kill it: `python -m engine.tests.plane.node_process <url of Redis>`.

Holds the connection `there` of user `ann` in group `g`, and says `ready` when it is reachable.
"""

from __future__ import annotations

import asyncio
import sys

from engine.tests.plane.clusters import cluster

from hubwire.brokers.redis import RedisBroker
from hubwire.model import Member
from hubwire.options import ClusterOptions
from hubwire.testing import MemoryLine, make_caller

OPTIONS = ClusterOptions(answer_timeout_seconds=1.0, announce_seconds=0.1, node_timeout_seconds=3.5)
"""A busy machine answers within a second; and a node that stands still is asked twice before it counts as gone."""


async def main(url: str) -> None:
    async with cluster([RedisBroker(url)], OPTIONS, first=1) as (node,):
        reachable = node.plane.attach(MemoryLine(make_caller("ann", connection_id="there")))
        if reachable is not None:
            await reachable
        await node.plane.add_to_group("g", Member.connection("there"))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
