"""The way to the server where there is no socket: POSTs one by one (signalr-protocol 2.0). Knows no messages."""

from __future__ import annotations

import asyncio

from hubwire.client.errors import TransportFailed
from hubwire.client.http import HTTP_ERRORS, HttpClient, described

_MAXIMUM_ANSWER_BYTES = 4 * 1024


class Poster:
    """Sends what was given meanwhile in one POST, so that messages keep their order and cost few requests."""

    __slots__ = ("_batch", "_failure", "_http", "_name", "_task", "_turn", "_url")

    def __init__(self, name: str, http: HttpClient, url: str) -> None:
        self._name = name
        self._http = http
        self._url = url
        self._batch: list[bytes] = []
        self._turn: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure: TransportFailed | None = None

    async def send(self, data: bytes) -> None:
        """Take data at once and return when the server has it.

        Raises: TransportFailed.
        """
        if self._failure is not None:  # nothing may arrive behind what was lost
            raise TransportFailed(self._name, "sending has failed before.", status=self._failure.status)
        self._batch.append(data)
        if self._turn is None:
            self._turn = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._post_all())
        # The POST may carry others' messages too: it goes on when this caller gives up.
        await asyncio.shield(self._turn)

    async def stop(self) -> None:
        """Break off; whoever still waits is told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _post_all(self) -> None:
        turn: asyncio.Future[None] | None = None
        try:
            while self._turn is not None:
                batch, turn = b"".join(self._batch), self._turn
                self._batch, self._turn = [], None
                await self._post(batch)
                _settle(turn, None)
        except TransportFailed as error:
            self._failure = error
            _settle(turn, error)
            _settle(self._turn, error)
        finally:
            gone = TransportFailed(self._name, "the connection was closed.")
            _settle(turn, gone)
            _settle(self._turn, gone)
            self._batch, self._turn, self._task = [], None, None

    async def _post(self, batch: bytes) -> None:
        try:
            response = await self._http.request("POST", self._url, body=batch, limit_bytes=_MAXIMUM_ANSWER_BYTES)
        except HTTP_ERRORS as error:
            raise TransportFailed(self._name, f"sending failed: {described(error)}") from error
        if not 200 <= response.status < 300:
            raise TransportFailed(self._name, f"sending failed with status {response.status}.", status=response.status)


def _settle(turn: asyncio.Future[None] | None, error: TransportFailed | None) -> None:
    if turn is None or turn.done():
        return
    if error is None:
        turn.set_result(None)
    else:
        turn.set_exception(error)
        turn.exception()  # seen: whoever waited may have left
