"""The parent of several processes on one port, as a real one: starts, deaths, stops, what is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hubwire import HubServer, run, run_workers
from hubwire.errors import CannotListen, WorkersUnavailable
from hubwire.server.workers import Worker, reserve_port, restart_delay

from .conftest import TIMEOUT_SECONDS

REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True)
class Seen:
    """What a worker says of itself."""

    number: int
    pid: int
    node_id: str
    key: str
    internal_address: str


@dataclass
class Parent:
    process: asyncio.subprocess.Process
    port: int = 0

    async def ask(self, order: str = "") -> Seen:
        """Whom the kernel chooses."""
        return await asked(self.port, order)

    async def all(self, count: int) -> dict[int, Seen]:
        """Each of the workers, by number."""
        found: dict[int, Seen] = {}
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(found) < count:
                seen = await self.ask()
                found[seen.number] = seen
        return found

    async def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """Stop it by a signal; returns status and output."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> tuple[int, str, str]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, output.decode(), errors.decode()


async def asked(port: int, order: str = "") -> Seen:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number, pid, node_id, key, address = (await reader.readline()).decode().split()
        writer.write(order.encode())
        writer.close()
    return Seen(int(number), int(pid), node_id, key, address)


@asynccontextmanager
async def parent(*arguments: str) -> AsyncIterator[Parent]:
    """A parent that may fail to start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "engine.tests.server.worker_program", *arguments),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Parent(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def serving(*arguments: str) -> AsyncIterator[Parent]:
    async with parent(*arguments) as started:
        assert started.process.stdout is not None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            port, threads = (await started.process.stdout.readline()).split()
        assert int(threads) == 1  # forking needs that
        started.port = int(port)
        yield started


async def gone(pid: int) -> None:
    """Wait until a process that is not ours has ended."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while os.path.exists(f"/proc/{pid}"):  # noqa: ASYNC110, ASYNC240 - nobody tells, and it is no disk
            await asyncio.sleep(0.01)


async def test_workers_share_a_port_and_a_key_and_have_an_address_and_an_id_each() -> None:
    async with serving("--count", "3") as started:
        workers = (await started.all(3)).values()
        for differs in ("pid", "node_id", "internal_address"):
            assert len({getattr(each, differs) for each in workers}) == 3
        assert len({each.key for each in workers}) == 1
        for each in workers:
            assert await asked(int(each.internal_address.rpartition(":")[2])) == each
        status, output, errors = await started.end(signal.SIGTERM)
        assert (status, output, errors) == (0, "stopped\n", "")
        for each in workers:
            await gone(each.pid)


async def test_an_interrupt_stops_like_a_termination() -> None:
    async with serving("--count", "2") as started:
        assert (await started.end(signal.SIGINT))[:2] == (0, "stopped\n")


@pytest.mark.parametrize("how", ["exit", "kill"])
async def test_a_worker_that_dies_is_started_again_and_the_others_stay(how: str) -> None:
    async with serving("--count", "2") as started:
        before = await started.all(2)
        if how == "exit":
            died = await started.ask("exit 5")
        else:
            died = before[0]
            os.kill(died.pid, signal.SIGKILL)
        await gone(died.pid)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                after = await started.all(2)
                if after[died.number].pid != died.pid:
                    break
        assert after[died.number].node_id != died.node_id
        assert after[died.number].key == died.key
        other = 1 - died.number
        assert after[other] == before[other]
        status, _, errors = await started.end(signal.SIGTERM)
        assert status == 0
        assert f"Worker {died.number} (process {died.pid})" in errors
        assert ("status 5" if how == "exit" else "SIGKILL") in errors


@pytest.mark.parametrize(("behaviour", "said"), [("fails", "cannot be built"), ("exits", "status 7")])
async def test_a_worker_that_does_not_start_stops_all_of_them(behaviour: str, said: str) -> None:
    async with parent("--count", "3", "--behaviour", behaviour) as started:
        status, output, errors = await started.ended()
        assert (status, output) == (3, "")
        assert said in errors
        assert "Worker 1" in errors


async def test_a_second_signal_kills_workers_that_do_not_stop() -> None:
    async with serving("--count", "2", "--behaviour", "stubborn") as started:
        workers = await started.all(2)
        assert started.process.stderr is not None
        said = asyncio.create_task(started.process.stderr.readline())
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not said.done():  # those that follow the first one at once count as the same
                started.process.send_signal(signal.SIGTERM)
                await asyncio.wait((said,), timeout=0.3)
        assert b"Told to stop again" in await said
        assert (await started.ended())[0] == 1
        for each in workers.values():
            await gone(each.pid)


async def test_workers_end_when_their_parent_is_killed() -> None:
    async with serving("--count", "2") as started:
        workers = await started.all(2)
        started.process.kill()
        for each in workers.values():
            await gone(each.pid)


async def test_a_port_that_another_program_shares_in_the_same_way_is_in_use_all_the_same() -> None:
    async with serving("--count", "1") as started, parent("--port", str(started.port)) as second:
        status, output, errors = await second.ended()
        assert (status, output) == (1, "")
        assert f"port {started.port}: it is in use" in errors
        assert (await started.all(1))[0].number == 0


def test_a_port_in_use_and_an_address_of_another_machine_are_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"port {port}: it is in use.*another address or port"):
            reserve_port("127.0.0.1", port)
    with pytest.raises(CannotListen, match=r"Cannot listen on 192\.0\.2\.1"):
        reserve_port("192.0.2.1", 0)
    with pytest.raises(CannotListen, match=r"nowhere\.invalid"):
        reserve_port("nowhere.invalid", 0)


def test_a_reserved_port_can_be_bound_by_workers_and_by_nobody_else() -> None:
    with reserve_port("127.0.0.1", 0) as reserved, pytest.raises(CannotListen):
        reserve_port("127.0.0.1", reserved.getsockname()[1])


def test_those_that_die_at_once_wait_longer_each_time() -> None:
    assert [restart_delay(failures) for failures in (0, 1, 2, 3, 7, 8, 10_000)] == [0, 0.5, 1, 2, 30, 30, 30]


def nothing(worker: Worker) -> None:
    raise AssertionError("nothing is to be served")


def test_a_system_that_does_not_spread_connections_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(WorkersUnavailable, match="need Linux, and this is 'darwin'"):
        run_workers(nothing, 2)


@pytest.mark.parametrize("host", ["0.0.0.0", "0", "::"])
def test_peers_are_not_told_an_address_that_nobody_can_dial(host: str) -> None:
    with pytest.raises(
        CannotListen, match=r"none that other processes could dial\. Give internal_host the one"
    ) as caught:
        run_workers(nothing, 2, port=0, internal_host=host)
    assert caught.value.host == host
    with pytest.raises(CannotListen, match=r"Cannot listen on 192\.0\.2\.1"):
        run_workers(nothing, 2, port=0, internal_host="192.0.2.1")


def built(worker: Worker) -> HubServer:
    raise AssertionError("nothing is to be built")


@pytest.mark.parametrize("count", [0, -1])
def test_no_workers_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="give a whole number from 1"):
        run_workers(nothing, count)
    with pytest.raises(ValueError, match="give a whole number from 1"):
        run(built, workers=count)
