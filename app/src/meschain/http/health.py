"""`/healthz` (alive) and `/readyz` (able to work). Knows checks by name; what they do is given.

The answers hold words, never the text of an error: anybody may ask.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Check = Callable[[], Awaitable[None]]
"""Returns when all is well, raises when not."""

CHECK_TIMEOUT_SECONDS: Final = 2.0
"""How long one check may take. 2 s: probes of load balancers wait 3 to 5 s."""

_log = logging.getLogger(__name__)


class BackgroundState:
    """Which pieces of background work run; the supervisor writes it, readiness reads it."""

    def __init__(self) -> None:
        self._running: dict[str, bool] = {}

    def set(self, name: str, running: bool) -> None:
        self._running[name] = running

    def remove(self, name: str) -> None:
        """It does not run here any more, and is not meant to."""
        self._running.pop(name, None)

    @property
    def stopped(self) -> tuple[str, ...]:
        """Names of those that crashed and wait for their next start."""
        return tuple(name for name, running in self._running.items() if not running)

    async def check(self) -> None:
        """Raises: RuntimeError naming the work that does not run."""
        if not self._running:
            raise RuntimeError("no background work has been started")
        if self.stopped:
            raise RuntimeError(f"waiting for a restart: {', '.join(self.stopped)}")


class Health:
    """The two routes."""

    def __init__(self, checks: Mapping[str, Check], about: Callable[[], Mapping[str, str]] = dict) -> None:
        """Args:
        about: what readiness says besides, which decides nothing.
        """
        self._checks = checks
        self._about = about

    async def alive(self, request: Request) -> Response:
        """200 as long as this process answers at all."""
        return JSONResponse({"status": "alive"}, headers=_NO_STORE)

    async def ready(self, request: Request) -> Response:
        """200 when every check holds, else 503; the body names each."""
        results = await asyncio.gather(*(self._passes(name, check) for name, check in self._checks.items()))
        checks = {name: "ok" if passed else "failed" for name, passed in zip(self._checks, results, strict=True)}
        ready = all(results)
        body = {"status": "ready" if ready else "not ready", "checks": checks, **self._about()}
        return JSONResponse(body, 200 if ready else 503, _NO_STORE)

    async def _passes(self, name: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await check()
        except Exception as error:  # noqa: BLE001 - the boundary to whatever is checked; a failure is the answer
            _log.warning("readiness check %s failed: %s", name, type(error).__name__)
            return False
        return True

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.alive, methods=["GET"]),
            Route("/readyz", self.ready, methods=["GET"]),
        ]


_NO_STORE: Final = {"cache-control": "no-store"}
