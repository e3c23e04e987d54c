"""A queue of AWS on this machine: moto's server, a program of its own, spoken to over real HTTP."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE, Popen
from threading import Thread
from typing import Any

from aiobotocore.session import get_session

REGION = "eu-west-1"
KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "for-the-test-queue"}


@dataclass
class Queue:
    """A queue, and a client of it."""

    url: str
    client: Any  # Any: aiobotocore has no types

    async def put(self, *bodies: str) -> None:
        for body in bodies:
            await self.client.send_message(QueueUrl=self.url, MessageBody=body)

    async def counts(self) -> tuple[int, int]:
        """Messages that can be had, and those that somebody has received and not deleted."""
        names: Sequence[str] = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        answer = await self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names))
        can_be_had, in_flight = (int(answer["Attributes"][name]) for name in names)
        return can_be_had, in_flight


@contextmanager
def running_queues() -> Iterator[str]:
    """The server's address."""
    command = [sys.executable, "-c", "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"]
    with Popen(command, stdout=DEVNULL, stderr=PIPE) as server:
        assert server.stderr is not None
        said = b""
        try:
            while not (found := re.search(rb"Running on (http://127\.0\.0\.1:[0-9]+)", said)):
                line = server.stderr.readline()
                assert line, f"moto's server ended: {said.decode(errors='replace')}"
                said += line
            # It tells of each request there, and would stand still once nobody read on.
            Thread(target=server.stderr.read, daemon=True).start()
            yield found[1].decode()
        finally:
            server.kill()


@asynccontextmanager
async def queue_at(address: str, name: str = "notifications") -> AsyncIterator[Queue]:
    async with get_session().create_client("sqs", region_name=REGION, endpoint_url=address, **KEYS) as client:
        url = (await client.create_queue(QueueName=name))["QueueUrl"]
        yield Queue(url, client)
