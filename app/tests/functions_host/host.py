"""The host: a real HTTP server before the functions, their timers, and the web hook of the SignalR extension."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import azure.functions as func
from aiohttp import web
from app.tests.functions_host.routes import Routes
from app.tests.functions_host.signalr_extension import PATH, SignalRExtension
from app.tests.functions_host.worker import HttpCall, HttpResult, Worker

PROJECT = Path(__file__).resolve().parents[3] / "deploy" / "functions"
"""What is deployed; its host.json counts here too."""

_LARGEST_BODY = 100 * 1024 * 1024
"""The host's own default."""

_log = logging.getLogger(__name__)


class FunctionsHost:
    """One instance of the Functions app.

    Args:
        access_keys: of the connection string of the SignalR extension.
        system_key: that the extension's web hook asks for; None: none, as on a developer's machine.
    """

    def __init__(
        self, app: func.FunctionApp, *, access_keys: Sequence[str] = (), system_key: str | None = None
    ) -> None:
        self.worker = Worker(app)
        self.invocations: list[str] = []
        """Names of the functions that were called, in their order."""
        settings = json.loads((PROJECT / "host.json").read_text(encoding="utf-8"))
        self._routes = Routes(self.worker.by_trigger("httpTrigger"), settings["extensions"]["http"]["routePrefix"])
        self._extension = SignalRExtension(self.worker, access_keys, system_key)

    def web_application(self) -> web.Application:
        """The host's HTTP side."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_post(PATH, self._webhook)
        application.router.add_route("*", "/{path:.*}", self._http)
        return application

    async def fire(self, name: str, *, past_due: bool = False) -> None:
        """Call a timer function now, and return when it has ended."""
        self.invocations.append(name)
        await self.worker.call_timer(name, past_due=past_due)

    @asynccontextmanager
    async def timers(self) -> AsyncIterator[None]:
        """Call every timer function at once, and again at its next time once it has ended, while the block is open."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._repeat(each.name, each.trigger)) for each in self._timer_functions()]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    def _timer_functions(self) -> list[Any]:
        return self.worker.by_trigger("timerTrigger")

    async def _repeat(self, name: str, trigger: Any) -> None:
        interval = seconds_between(trigger["schedule"])
        while True:
            try:
                await self.fire(name)
            except Exception:  # noqa: BLE001 - as the host does: the next time is another try
                _log.exception("the timer function %s failed", name)
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(interval - now % interval)

    async def _webhook(self, request: web.Request) -> web.Response:
        return await self._extension.answer(request, self.invocations)

    async def _http(self, request: web.Request) -> web.Response:
        found = self._routes.find(request.method, request.path)
        if found is None:
            return web.Response(status=404)
        self.invocations.append(found.function.name)
        try:
            result = await self.worker.call_http(
                found.function.name,
                HttpCall(
                    request.method,
                    f"{request.scheme}://{request.host}{request.raw_path}",
                    _headers(request),
                    dict(request.query),
                    found.parameters,
                    await request.read(),
                ),
            )
        except Exception:  # noqa: BLE001 - as the host does
            _log.exception("the function %s failed", found.function.name)
            return web.Response(status=500)
        return _response(result)


@asynccontextmanager
async def functions_host(
    app: func.FunctionApp,
    *,
    port: int = 0,
    access_keys: Sequence[str] = (),
    system_key: str | None = None,
    with_timers: bool = False,
) -> AsyncIterator[tuple[FunctionsHost, str]]:
    """A host on a free port of loopback, and its address."""
    host = FunctionsHost(app, access_keys=access_keys, system_key=system_key)
    runner = web.AppRunner(host.web_application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        if with_timers:
            async with host.timers():
                yield host, address
        else:
            yield host, address
    finally:
        await runner.cleanup()


def seconds_between(schedule: str) -> int:
    """The interval of a timer that runs every so many seconds. Raises: ValueError for other schedules."""
    seconds, *others = schedule.split(" ")
    if not seconds.startswith("*/") or others != ["*"] * 5:
        raise ValueError(f"this host knows schedules such as */15 * * * * *, not {schedule!r}")
    return int(seconds.removeprefix("*/"))


def _headers(request: web.Request) -> dict[str, str]:
    """Repeated ones joined; and the front end's mark of who called, at the right of what the caller says."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    host, port = request.transport.get_extra_info("peername")[:2] if request.transport else ("", 0)
    before = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = ", ".join(filter(None, (before, f"{host}:{port}")))
    return headers


def _response(result: HttpResult) -> web.Response:
    response = web.Response(status=result.status, body=result.body)
    for name, value in result.headers:
        if name.lower() == "content-type":
            response.headers[name] = value
        else:
            response.headers.add(name, value)
    for cookie in result.cookies:
        response.headers.add("Set-Cookie", cookie)
    return response
