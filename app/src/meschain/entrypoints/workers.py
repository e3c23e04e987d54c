"""`meschain serve` in several processes on one port, over a Redis: what is done once, and what each of them does.

The parent prepares, and then supervises only; a worker that dies is started again. One process with a Redis is run the
same way, because others on other machines may be part of the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

import typer

from hubwire import BrokerUnavailable, Worker, run_workers
from hubwire.errors import CannotListen, WorkersUnavailable
from meschain.bootstrap import ServiceProcess, reach_redis
from meschain.entrypoints.cli.reporting import CommandFailed
from meschain.entrypoints.demo_accounts import DemoAccount
from meschain.entrypoints.listening import listen, metrics_socket, with_actual_port
from meschain.entrypoints.running import check_room, make_ready, run_on_uvloop, running, server_for, stop_by_signals
from meschain.settings import LoadedSettings, Settings

Announce = Callable[[Settings, Sequence[DemoAccount]], None]
"""Says where the service answers, and in a demo who may log in."""


def serve_several(loaded: LoadedSettings, announce: Announce) -> None:
    """Serve until a signal, in as many processes as the settings say.

    Raises: CommandFailed; StateUnavailable, ShopUnavailable or DemoFileBroken; SystemExit with the workers' status.
    """
    settings = loaded.settings
    check_room(settings)
    with closing(listen(settings)):
        pass  # a port in use is told before the work is done that follows
    accounts = asyncio.run(_make_ready(settings))
    try:
        run_workers(
            partial(_serve, loaded),
            settings.workers,
            settings.host,
            settings.port,
            internal_host=settings.internal_host,
            on_ready=lambda port: announce(with_actual_port(loaded, port), accounts),
        )
    except (CannotListen, WorkersUnavailable) as error:
        raise CommandFailed(str(error)) from None


async def _make_ready(settings: Settings) -> Sequence[DemoAccount]:
    """What is done once, and what would fail in each worker in the same way."""
    try:
        await reach_redis(settings)
    except BrokerUnavailable as error:
        raise CommandFailed(
            f"The Redis of redis_url cannot be reached ({error.reason}); start it, or correct redis_url."
        ) from None
    return await make_ready(settings)


def _serve(loaded: LoadedSettings, worker: Worker) -> None:
    """What a worker does, in its process."""
    settings = with_actual_port(loaded, worker.public.getsockname()[1])
    try:
        run_on_uvloop(_serve_worker(settings, worker))
    except (CommandFailed, BrokerUnavailable) as error:
        typer.echo(f"meschain: {error}", err=True)
        raise SystemExit(1) from None


async def _serve_worker(settings: Settings, worker: Worker) -> None:
    process = ServiceProcess(worker.node_id, worker.internal_address)
    with metrics_socket(settings, worker.number) as metrics:
        async with running(settings, process=process) as application:
            server = server_for(application, settings, internal=worker.internal, on_listening=worker.ready)
            stop_by_signals(server)
            await server.serve([worker.public, *metrics])
