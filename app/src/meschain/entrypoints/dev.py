"""`meschain dev`: on one machine what would be three things in Azure: SignalR service, application and dashboards.

Keys are made at random for each run. Knows two of them by their command lines only; the dashboards are served here.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import aiohttp
import typer
import uvicorn

from meschain.entrypoints.cli.reporting import CommandFailed, DataDirOption, reporting
from meschain.entrypoints.dashboards import dashboards
from meschain.entrypoints.parts import Part, PartEnded, running_part

HOST: Final = "127.0.0.1"
HIGHEST_PORT: Final = 65535
READY: Final = "Everything runs"
"""Begins the line that is printed when all three answer."""

_START_SECONDS: Final = 120.0
"""Until the program behind an address has to answer; the first start makes the demo shop."""
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Split:
    """Where the three are, and what two of them know of each other."""

    dashboards_port: int
    application_port: int
    service_port: int
    key: str = field(default_factory=lambda: secrets.token_urlsafe(33), repr=False)
    code: str = field(default_factory=lambda: secrets.token_urlsafe(33), repr=False)

    @property
    def dashboards_url(self) -> str:
        return f"http://localhost:{self.dashboards_port}"

    @property
    def application_url(self) -> str:
        return f"http://localhost:{self.application_port}"

    @property
    def service_url(self) -> str:
        return f"http://localhost:{self.service_port}"


@reporting
def dev(
    port: Annotated[
        int, typer.Option(help="Port of the dashboards; 0: any free one, here and below.", min=0, max=HIGHEST_PORT)
    ] = 8000,
    application_port: Annotated[
        int, typer.Option(help="Port of the application; that of a Functions host.", min=0, max=HIGHEST_PORT)
    ] = 7071,
    service_port: Annotated[
        int, typer.Option(help="Port of the SignalR service; that of Azure's emulator.", min=0, max=HIGHEST_PORT)
    ] = 8888,
    data_dir: DataDirOption = None,
) -> None:
    """Serve the dashboards split as in Azure: a SignalR service, the application and the pages, each on a port."""
    dashboards_port, application_port, service_port = _ports(port, application_port, service_port)
    split = Split(dashboards_port, application_port, service_port)
    try:
        asyncio.run(_run(split, data_dir))
    except PartEnded as ended:
        raise CommandFailed(str(ended)) from None


def _ports(*wanted: int) -> list[int]:
    """The ports, if they can be had; any free one for 0. Raises: CommandFailed."""
    ports: list[int] = []
    with ExitStack() as probes:  # open together, so that no free one is found twice
        for number in wanted:
            probe = probes.enter_context(closing(socket.socket()))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, number))
            except OSError as error:
                raise CommandFailed(
                    f"Port {number} of {HOST} cannot be had ({error.strerror}); stop what uses it, or choose another."
                ) from None
            ports.append(probe.getsockname()[1])
    if len(set(ports)) < len(ports):
        raise CommandFailed("Dashboards, application and service need a port each; choose different ones.")
    return ports


async def _run(split: Split, data_dir: Path | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meschain-dev-")))
        watching: list[asyncio.Task[object]] = [asyncio.create_task(stopped.wait())]
        for part, health in (
            (_service(split, folder), f"{split.service_url}/api/health"),
            (_application(split, data_dir), f"{split.application_url}/readyz"),
        ):
            watching.append(await stack.enter_async_context(running_part(part, _show)))
            await _first_of(watching, asyncio.create_task(_answers(part.name, health)))
            if stopped.is_set():
                return
        site = await stack.enter_async_context(
            dashboards(split.application_url, split.dashboards_url, [split.service_url])
        )
        listening = stack.enter_context(closing(socket.create_server((HOST, split.dashboards_port))))
        server = _Server(uvicorn.Config(site, lifespan="off", log_config=None, access_log=False, ws="none"))
        serving = asyncio.create_task(server.serve([listening]))
        _show("dashboards", f"{READY}: open {split.dashboards_url}/")
        _show("dashboards", f"application {split.application_url}, SignalR service {split.service_url}")
        _show("dashboards", "Stop all of it with Ctrl-C.")
        await _first_of(watching, serving)
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Leaves signals to the command, which has more to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None of them."""
        yield


async def _first_of(watching: Sequence[asyncio.Task[object]], work: asyncio.Task[None]) -> None:
    """Return when the work has ended, or what is watched. Raises: what the first of them raises."""
    done, _ = await asyncio.wait({*watching, work}, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def _service(split: Split, folder: Path) -> Part:
    """In files that only their owner may read: the command line is everybody's."""
    keys, settings = folder / "keys", folder / "service.toml"
    keys.touch(mode=0o600)
    keys.write_text(f"{split.key}\n")
    upstream = f"http://{HOST}:{split.application_port}/api/upstream?code={split.code}"
    settings.touch(mode=0o600)
    settings.write_text(
        f"port = {split.service_port}\npublic_url = '{split.service_url}'\nupstream = '{upstream}'\n"
        f"access_key_file = '{keys}'\nallowed_origin = ['{split.dashboards_url}']\n"
    )
    return Part("service", (sys.executable, "-m", "hubwire.cli", "service", "--config", str(settings)), {})


def _application(split: Split, data_dir: Path | None) -> Part:
    where = () if data_dir is None else ("--data-dir", str(data_dir))
    return Part(
        "application",
        (sys.executable, "-m", "meschain", "serve", "--port", str(split.application_port), *where),
        {
            "MESCHAIN_AZURE_SIGNALR": f"Endpoint={split.service_url};AccessKey={split.key};Version=1.0;",
            "MESCHAIN_UPSTREAM_CODE": split.code,
            "MESCHAIN_PUBLIC_URL": split.dashboards_url,
            "MESCHAIN_TRUSTED_PROXIES": HOST,
            "PYTHONUNBUFFERED": "1",
        },
    )


async def _answers(name: str, url: str) -> None:
    """Return when there is a good answer. Raises: CommandFailed."""
    try:
        async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.get(url) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(_POLL_SECONDS)  # another process tells nobody when it is ready
    except TimeoutError:
        raise CommandFailed(f"The {name} did not get ready; what it wrote says why.") from None


def _show(name: str, line: str) -> None:
    print(f"{name:<11} | {line}", flush=True)
