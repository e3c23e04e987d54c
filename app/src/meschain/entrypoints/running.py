"""The application as it runs: prepared once, its hubs and background work beside it, and the server that listens.

A stop gives the background work back first, tells the clients to connect again, lets requests end, and then closes what
was opened.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from types import FrameType
from typing import Final, TypeVar

import uvicorn
import uvloop

from hubwire.errors import TooFewDescriptors
from hubwire.server import collector
from hubwire.server.descriptors import check_descriptors
from meschain.bootstrap import Application, ServiceProcess, build, prepare
from meschain.entrypoints.background import background
from meschain.entrypoints.cli.reporting import CommandFailed
from meschain.entrypoints.cli.state import open_state
from meschain.entrypoints.demo_accounts import DemoAccount, prepare_demo_accounts
from meschain.entrypoints.logging import RequestLog
from meschain.legacy.sockets import CannotListen
from meschain.services.ports import Clock
from meschain.settings import Settings

_LARGEST_HEADERS: Final = 64 * 1024

DEMO_IN_DATABASE: Final = (
    "the demo puts its accounts, an administrator among them, into database_url, where they stay valid; "
    "never use that database for a real shop"
)

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


def check_room(settings: Settings) -> None:
    """See at the start whether a process can hold as many connections as the settings say. Raises: CommandFailed."""
    try:
        check_descriptors(settings.maximum_connections)
    except TooFewDescriptors as error:
        raise CommandFailed(str(error)) from None


async def make_ready(settings: Settings) -> Sequence[DemoAccount]:
    """What is done once, whatever the number of processes; returns the demo's accounts.

    Raises: StateUnavailable, ShopUnavailable or DemoFileBroken.
    """
    await prepare(settings)
    if not settings.demo:
        return ()
    if settings.database_url is not None:
        _log.warning(DEMO_IN_DATABASE)
    async with open_state(settings) as state:
        return await prepare_demo_accounts(state.accounts, settings.data_dir)


@asynccontextmanager
async def running(
    settings: Settings,
    clock: Clock | None = None,
    *,
    process: ServiceProcess | None = None,
    leave_out: frozenset[str] = frozenset(),
) -> AsyncIterator[Application]:
    """The application with its hubs and background work running; only the listening server is missing.

    Call `prepare` before it, once for all processes.

    Args:
        process: Which of several this one is; None: one of its own.
        leave_out: Exclusive background work that is not to run, by name.
    """
    async with build(settings, clock, process) as application:
        exclusive = {name: piece for name, piece in application.exclusive.items() if name not in leave_out}
        async with (
            application.hubs.lifespan(),
            _old_pages(application),
            background(
                application.everywhere,
                application.background_state,
                application.clock,
                exclusive=exclusive,
                lease=application.lease,
            ),
        ):
            yield application


@asynccontextmanager
async def _old_pages(application: Application) -> AsyncIterator[None]:
    """Raises: CommandFailed."""
    try:
        async with application.legacy.serving():
            yield
    except CannotListen as error:
        raise CommandFailed(str(error)) from None


def server_for(
    application: Application,
    settings: Settings,
    *,
    internal: socket.socket | None = None,
    on_listening: Callable[[], None] | None = None,
) -> uvicorn.Server:
    """The listening server of the whole application, in a process whose garbage collector is calmed from here on.

    Args:
        internal: bound already, for the other processes of the service. None: there are none.
        on_listening: called once it serves.

    Raises: CommandFailed.
    """
    try:
        server = application.listener.server(
            RequestLog(application.web, application.clock),
            internal=internal,
            on_listening=on_listening,
            lifespan="off",
            log_config=None,
            server_header=False,
            h11_max_incomplete_event_size=_LARGEST_HEADERS,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
    except OSError as error:  # ssl.SSLError is one
        raise CommandFailed(f"tls_certificate and tls_key cannot be used: {error}.") from None
    except TooFewDescriptors as error:
        raise CommandFailed(str(error)) from None
    drain = server.shutdown

    async def shutdown(sockets: list[socket.socket] | None = None) -> None:
        await application.lease.give_up()  # another process takes the background work over while our clients leave
        await application.legacy.drain()
        await drain(sockets)

    server.shutdown = shutdown  # type: ignore[method-assign] # uvicorn has no hook for the beginning of a stop
    # What there is now is there for good; looked through again and again it held everybody up for a tenth of a second.
    collector.calm()
    return server


def stop_by_signals(server: uvicorn.Server) -> None:
    """Let a signal end the server also before uvicorn has its own handlers in place.

    They stay in use after it: uvicorn raises the signals again when it has stopped, and the default would kill us
    before what is open is closed.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def run_on_uvloop(work: Coroutine[None, None, Result]) -> Result:
    """Run it in a loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
