"""A service in a process of its own, with clients really connected. Serves until its input is closed.

Not in the judge's process: its clients draw random numbers when they reconnect, which hypothesis would notice.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import aiohttp
import requests

from hubwire.azure.jwt import ClientTokens
from hubwire.azure.rest_tokens import RestTokens
from hubwire.client import AutomaticReconnect, HubConnection
from hubwire.server.service import SignalRService
from hubwire.testing import serving

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
BASE_URL = "http://127.0.0.1"
HUB = "chat"
GROUP = "red"
USERS = ("ada", "ada", "bob", None)


async def serve() -> None:
    """Serve, print the address once everybody is there, and stop when the input ends."""
    service = SignalRService([KEY], [BASE_URL])
    client_tokens = ClientTokens([KEY], [BASE_URL])
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(service.hubs, service))
        async with aiohttp.ClientSession() as session:
            for known in dict.fromkeys(each for each in USERS if each is not None):
                path = f"/api/hubs/{HUB}/users/{known}/groups/{GROUP}"
                token, _ = RestTokens([KEY], [BASE_URL]).sign(path)
                headers = {"Authorization": f"Bearer {token}"}
                async with session.put(f"{url}{path}?api-version=2022-06-01", headers=headers) as answer:
                    assert answer.status == 200
        for user_id in USERS:
            client = HubConnection(
                f"{url}/client/?hub={HUB}",
                access_token=client_tokens.sign(HUB, user_id=user_id),
                reconnect=AutomaticReconnect(),
            )
            await stack.enter_async_context(client)
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class RestService:
    """The running service as judges see it."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url
        self._session = session
        self._tokens = RestTokens([KEY], [BASE_URL])

    def send(self, **fields: Any) -> requests.Response:
        """Send a request, with a token for its address. Takes the fields of `requests.Request`."""
        request = self._session.prepare_request(requests.Request(**fields))
        request.headers["Authorization"] = f"Bearer {self._tokens.sign(request.path_url.partition('?')[0])[0]}"
        return self._session.send(request, allow_redirects=False, timeout=60)

    def connection_id(self) -> str:
        """Of somebody who is connected now; an unknown one where everybody has just been closed."""
        url = f"{self.url}/api/hubs/{HUB}/groups/{GROUP}/connections?api-version=2024-12-01"
        members = self.send(method="GET", url=url).json()["value"]
        return str(members[0]["connectionId"]) if members else "gone"


@contextmanager
def running_service() -> Iterator[RestService]:
    """The service, ready, while inside."""
    with (
        subprocess.Popen(
            [sys.executable, "-m", "compliance.azure.rest_service"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        requests.Session() as session,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, "The service did not start; its standard error says why."
        yield RestService(url, session)
        process.stdin.close()
        assert process.wait(30) == 0


if __name__ == "__main__":
    asyncio.run(serve())
