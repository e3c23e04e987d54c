"""What is under way for one connection and has to stop with it: streams, cancellable calls, uploads, questions.

Made with the first of them, so that a connection at rest carries none of it. Knows no session and no transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from hubwire.errors import ClientResultError, ClientResultTimeout, ConnectionGone, HubError
from hubwire.server.uploads import Upload
from hubwire.wire.messages import Completion

CONNECTION_CLOSED = "The underlying connection was closed."
"""What the reader of an upload is told when the client is gone. The reference server's words."""


@dataclass(frozen=True, slots=True)
class _Question:
    answer: asyncio.Future[object]
    target: str
    timeout_seconds: float


class Activity:
    """Keeps it and stops it. Nothing may be added after `end`."""

    __slots__ = ("_by_invocation", "_questions", "_room", "_running", "_uploads")

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._by_invocation: dict[str, asyncio.Task[None]] = {}
        self._uploads: dict[str, Upload] = {}
        self._questions: dict[str, _Question] = {}
        self._room = asyncio.Event()

    # Calls that can be cancelled

    def add(self, task: asyncio.Task[None], invocation_id: str | None) -> None:
        """Cancel this task with the connection, or when its invocation is cancelled."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if invocation_id is not None:
            self._by_invocation.setdefault(invocation_id, task)

    def cancel(self, invocation_id: str) -> None:
        """Stop the call of that id, if there is one that can be stopped."""
        task = self._by_invocation.pop(invocation_id, None)
        if task is not None:
            # In a later turn: a task that has not begun yet would end without a word, and be answered by nobody.
            asyncio.get_running_loop().call_soon(_stop, task)

    def finish(self, invocation_id: str | None, uploads: Sequence[Upload]) -> None:
        """The present task's call has ended; its ids are free."""
        if invocation_id is not None and self._by_invocation.get(invocation_id) is asyncio.current_task():
            del self._by_invocation[invocation_id]
        for upload in uploads:
            if self._uploads.get(upload.stream_id) is upload:
                del self._uploads[upload.stream_id]
            upload.drop()

    # Uploads

    def open_uploads(
        self, stream_ids: Sequence[str], on_read: Callable[[str], None], on_close: Callable[[str], None]
    ) -> Sequence[Upload]:
        """Make the uploads of one call."""
        uploads = [Upload(stream_id, on_read, on_close) for stream_id in stream_ids]
        self._uploads.update(zip(stream_ids, uploads, strict=True))
        return uploads

    def put_item(self, stream_id: str, item: object) -> None:
        upload = self._uploads.get(stream_id)
        if upload is not None:
            upload.put(item)

    def end_upload(self, stream_id: str, error: str | None) -> None:
        """The client has ended it; its words are for whoever reads it."""
        upload = self._uploads.pop(stream_id, None)
        if upload is not None:
            upload.end(None if error is None else HubError(error))

    # Questions

    def expect(self, question_id: str, answer: asyncio.Future[object], target: str, timeout_seconds: float) -> None:
        """Keep a question until it is settled."""
        self._questions[question_id] = _Question(answer, target, timeout_seconds)

    def settle(self, question_id: str) -> None:
        """Forget it."""
        self._questions.pop(question_id, None)

    def answer(self, completion: Completion) -> None:
        question = self._questions.get(completion.invocation_id)
        if question is None or question.answer.done():
            return
        if completion.error is not None:
            question.answer.set_exception(ClientResultError(completion.error))
        else:
            question.answer.set_result(completion.result)  # None when the client's method returns nothing

    def give_up(self, question_id: str, connection_id: str) -> None:
        """No answer came in time."""
        question = self._questions.get(question_id)
        if question is not None and not question.answer.done():
            question.answer.set_exception(ClientResultTimeout(connection_id, question.target, question.timeout_seconds))

    # Room to write

    async def until_room(self) -> None:
        """Return when somebody has said that there is room; there may be none any more."""
        self._room.clear()
        await self._room.wait()

    def tell_room(self) -> None:
        """The client takes data again."""
        self._room.set()

    # The end

    def end(self, connection_id: str) -> Collection[asyncio.Task[None]]:
        """The connection has ended: stop everything. Returns the tasks that have been told to stop."""
        for question in self._questions.values():
            if not question.answer.done():
                question.answer.set_exception(ConnectionGone(connection_id, had_been_asked=True))
        for upload in self._uploads.values():
            upload.end(HubError(CONNECTION_CLOSED))
        self._uploads.clear()
        running = tuple(self._running)
        for task in running:
            _stop(task)
        return running


def _stop(task: asyncio.Task[None]) -> None:
    if not task.cancelling():  # a second cancellation would hit the method's cleaning up
        task.cancel()
