"""`python -m app.tests.functions_host --port 7071`: the Functions app of `deploy/functions` on this machine.

With the settings of the environment, as in Azure, and no tool of Azure; in a demo the accounts are made. The SignalR
extension has the keys of AzureSignalRConnectionString, where that is given. Stops by a signal.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import runpy
import signal

from app.tests.functions_host.host import PROJECT, functions_host

from hubwire.azure.connection_string import ConnectionString
from meschain.entrypoints.functions.instance import settings_of_environment
from meschain.entrypoints.functions.triggers import CONNECTION_SETTING
from meschain.entrypoints.running import make_ready


async def serve(port: int, system_key: str | None) -> None:
    await make_ready(settings_of_environment())
    app = runpy.run_path(str(PROJECT / "function_app.py"))["app"]
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with functions_host(
        app, port=port, access_keys=extension_keys(), system_key=system_key, with_timers=True
    ) as (_, address):
        print(f"The functions answer at {address}/", flush=True)  # noqa: T201 - a command
        await stopped.wait()


def extension_keys() -> list[str]:
    text = os.environ.get(CONNECTION_SETTING)
    key = ConnectionString.parse(text).access_key if text else None
    return [] if key is None else [key]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m app.tests.functions_host", description=__doc__)
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--system-key", help="asked for by the web hook of the SignalR extension; none: no key")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.system_key))
