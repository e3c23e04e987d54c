"""What is done once before any process serves: the folder, the secrets, the migrations, and in a demo its shop.

Several processes may then open the same files and databases without doing any of it again, or at once.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from meschain.bootstrap.shop import fill_demo_shop
from meschain.bootstrap.stores import make_stores
from meschain.domain.rollout import Side
from meschain.services.clock import SystemClock
from meschain.services.ports import Clock
from meschain.settings import Settings
from meschain.state.database import Database, StateUnavailable
from meschain.state.demo_file import signing_secrets


async def prepare(settings: Settings, clock: Clock | None = None) -> None:
    """Make and bring up to date what `build` opens. Call it in one process, before the first `build`.

    Raises: StateUnavailable, ShopUnavailable or DemoFileBroken with a text for the operator.
    """
    clock = clock or SystemClock()
    _make_folder(settings.data_dir.expanduser())
    signing_secrets(settings)  # which makes those of a demo
    async with AsyncExitStack() as stack:
        database = await Database.open(settings.state_url)
        stack.push_async_callback(database.close)
        stores = make_stores(database, clock)
        if not settings.green_signalr:
            # Another roll-out begins with what happens then, and not with what the last one had come to.
            await stores.events.forget_way(Side.GREEN)
        if settings.demo:
            await fill_demo_shop(settings, stores, clock, stack)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateUnavailable(
            f"The folder {folder} cannot be made ({error.strerror}); choose another data_dir."
        ) from None
