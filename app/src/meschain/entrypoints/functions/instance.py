"""The application within one instance of the Functions app: opened at the first call, kept for the calls after it.

Azure starts instances when it likes and ends them without a word. So nothing is opened while functions are looked up,
one task owns what is open, and whatever must survive is in the database. Knows no trigger and no binding.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from meschain.bootstrap import SYNC_JOBS, Application, build, prepare
from meschain.entrypoints.background import background
from meschain.settings import Settings, SettingsError, load_settings

NO_SERVICE: Final = (
    "azure_signalr is missing; a function cannot hold connections, so set MESCHAIN_AZURE_SIGNALR to the connection "
    "string of the service that does."
)
NO_GREEN: Final = (
    "green_signalr is set; functions know one service only, so roll out with `meschain serve`, and change "
    "azure_signalr here at its end."
)

_log = logging.getLogger(__name__)


class InstanceUnavailable(Exception):
    """The application could not be opened; the log says why, and the next call tries again."""

    def __init__(self) -> None:
        super().__init__("The application cannot be opened now; its log says why. Try again in a moment.")


def settings_of_environment() -> Settings:
    """The app settings of the Functions app. Raises: SettingsError.

    Without `data_dir` a folder that comes and goes with the instance, as the app's own cannot be written in Azure; what
    has to last is in the databases.
    """
    loaded = load_settings()
    if "data_dir" in loaded.sources:
        return loaded.settings
    return load_settings(overrides={"data_dir": Path(gettempdir()) / "meschain"}).settings


class Instance:
    """Opens the application once, whatever the number of calls that wait for it.

    Args:
        load: gives the settings.
        leave_out: exclusive background work that is not to run, by name.
    """

    def __init__(
        self, load: Callable[[], Settings] = settings_of_environment, *, leave_out: frozenset[str] = frozenset()
    ) -> None:
        self._load: Final = load
        self._leave_out: Final = leave_out
        self._keeper: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[Application] | None = None
        self._work_wanted = asyncio.Event()

    async def application(self) -> Application:
        """The application, open. Raises: InstanceUnavailable."""
        if self._keeper is None or self._keeper.done() or self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep(self._opened), name="meschain application")
        # Shielded: a call that is given up must not take the application from the others that wait for it.
        return await asyncio.shield(self._opened)

    async def begin_work(self) -> None:
        """Let this instance do the work of one process for all, whenever it holds the lease, and syncs, from now on.

        Returns once it competes for the lease. Raises: InstanceUnavailable.
        """
        await self.application()
        self._work_wanted.set()

    async def close(self) -> None:
        """Give the lease back and close everything. Azure never asks for it; who runs the functions elsewhere may."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        self._keeper = self._opened = None
        self._work_wanted.clear()

    async def _keep(self, opened: asyncio.Future[Application]) -> None:
        """Open, say so, and stay until cancelled: task groups want to be left by the task that entered them."""
        try:
            settings = self._load()
            await prepare(settings)
            async with AsyncExitStack() as stack:
                application = await stack.enter_async_context(build(settings))
                await stack.enter_async_context(application.hubs.lifespan())
                # Syncs are left to the instance that Azure keeps busy: another one may be gone in the middle of them.
                beside = {name: work for name, work in application.everywhere.items() if name != SYNC_JOBS}
                syncs = {name: work for name, work in application.everywhere.items() if name == SYNC_JOBS}
                state, clock = application.background_state, application.clock
                await stack.enter_async_context(background(beside, state, clock))
                if application.events is None:
                    raise SettingsError([NO_GREEN if settings.green_signalr else NO_SERVICE])
                opened.set_result(application)
                await self._work_wanted.wait()
                exclusive = {name: work for name, work in application.exclusive.items() if name not in self._leave_out}
                async with background(syncs, state, clock, exclusive=exclusive, lease=application.lease):
                    await asyncio.Event().wait()
        except Exception:  # noqa: BLE001 - the boundary of the instance: the next call opens it again
            _log.exception("the application could not be opened, or broke; the next call opens it again")
            if not opened.done():
                opened.set_exception(InstanceUnavailable())
        finally:
            if not opened.done():
                opened.cancel()
