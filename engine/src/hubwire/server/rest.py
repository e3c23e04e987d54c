"""The REST data plane as an ASGI application: reads a request, with its limits, and writes the answer.

Mount it with the whole path: `/api/...` is in the tokens. Knows nothing of operations.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from hubwire.azure.rest_calls import RestRequest
from hubwire.azure.rest_errors import ErrorCode, RestAnswer, RestError, invalid
from hubwire.azure.rest_server import V1_PREFIX, RestServer
from hubwire.clock import Clock, SystemClock
from hubwire.server.shutdown import finished_within
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend

_INVOKE = "/:invoke"  # the one operation that takes longer than a moment
_CLOSE = (("connection", "close"),)  # what was not read of a body must not be taken for the next request
_DISCARDED_BYTES = 16 * 1024 * 1024
"""How much of a body that does not count is still taken in, and thrown away. Who sends the whole of it before reading
is cut off otherwise, and never sees the answer. 16 MiB: more than anybody takes for a message."""


class RestApplication:
    """Serves `RestServer` by HTTP; any other path is answered with 404."""

    def __init__(self, rest: RestServer, *, clock: Clock | None = None) -> None:
        self._rest = rest
        self._options = rest.options
        self._clock: Clock = clock or SystemClock()

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"The REST data plane speaks HTTP only; mount it beside what serves {scope['type']!r}.")
        try:
            request = await self._read(scope, receive)
        except RestError as error:
            answer = error.answer(is_text=scope["path"].startswith(V1_PREFIX))
            if scope["method"] == "HEAD":
                answer = RestAnswer(answer.status, b"", answer.fields)
            if _CLOSE[0] in error.fields:
                await _write(answer, send, is_head=scope["method"] == "HEAD", more=True)
                await finished_within(_discard(receive), self._options.body_timeout_seconds, self._clock)
                await send({"type": "http.response.body", "body": b""})
                return
        else:
            if request is None:
                return
            if not request.path.endswith(_INVOKE):
                answer = await self._rest.handle(request)
            elif (unless_left := await self._handle_unless_left(request, receive)) is not None:
                answer = unless_left
            else:
                return
        await _write(answer, send, is_head=scope["method"] == "HEAD")

    async def _handle_unless_left(self, request: RestRequest, receive: AsgiReceive) -> RestAnswer | None:
        """Answer what waits for a client; None: the caller has left, and the client's answer is not waited for."""
        handling = asyncio.ensure_future(self._rest.handle(request))
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((handling, leaving), return_when=asyncio.FIRST_COMPLETED)
            return handling.result() if handling.done() else None
        finally:
            handling.cancel()
            leaving.cancel()

    async def _read(self, scope: AsgiMessage, receive: AsgiReceive) -> RestRequest | None:
        """Return the request, None when its client has left. Raises: RestError."""
        authorization, content_type, head_bytes, length = None, "", 0, b"0"
        for name, value in scope["headers"]:
            head_bytes += len(name) + len(value)
            if name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == b"content-type":
                content_type = value.decode("latin-1")
            elif name == b"content-length":
                length = value
        # Optional in ASGI; escaping again makes another spelling of the same address, which its token is good for too.
        raw_path: bytes = scope.get("raw_path") or quote(scope["path"], safe="/:").encode()
        if head_bytes + len(raw_path) + len(scope["query_string"]) > self._options.maximum_head_bytes:
            raise _too_large("head", "maximum_head_bytes", self._options.maximum_head_bytes)
        limit = self._options.maximum_body_bytes
        if len(length) > 9 or int(length) > limit:
            raise _too_large("body", "maximum_body_bytes", limit)
        message = await receive()
        if message["type"] != "http.request":
            return None
        body = message.get("body", b"")
        if message.get("more_body", False):
            self._check_sender(raw_path, authorization)
            parts = [body]
            body = await self._read_rest(parts, receive)
            if body is None:
                return None
        if len(body) > limit:
            raise _too_large("body", "maximum_body_bytes", limit)
        try:
            path, query = raw_path.decode(), scope["query_string"].decode()
        except UnicodeDecodeError as error:
            raise invalid("The address is no UTF-8; escape each part of it.") from error
        return RestRequest(scope["method"], path, query, authorization, content_type, body)

    def _check_sender(self, raw_path: bytes, authorization: str | None) -> None:
        """Strangers leave nothing here: a thousand bodies of them would be a gigabyte. Raises: RestError."""
        try:
            self._rest.check_sender(raw_path.decode("ascii", "replace"), authorization)
        except RestError as error:
            raise RestError(error.status, error.code, str(error), fields=(*error.fields, *_CLOSE)) from error

    async def _read_rest(self, parts: list[bytes], receive: AsgiReceive) -> bytes | None:
        """Return a body that comes in several parts, as much of it as shows that it is too long; None: it never came.

        Raises: RestError when it takes too long.
        """
        is_complete = False

        async def read() -> None:
            nonlocal is_complete
            size = len(parts[0])
            while size <= self._options.maximum_body_bytes:
                message = await receive()
                if message["type"] != "http.request":
                    return
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if not message.get("more_body", False):
                    break
            is_complete = True

        if not await finished_within(read(), self._options.body_timeout_seconds, self._clock):
            raise RestError(
                400,
                ErrorCode.INVALID,
                f"The body did not come within {self._options.body_timeout_seconds:g} s; send it again.",
                fields=_CLOSE,
            )
        return b"".join(parts) if is_complete else None


def _too_large(what: str, option: str, limit: int) -> RestError:
    return RestError(
        413,
        ErrorCode.TOO_LARGE,
        f"The {what} of the request has more than {limit} bytes; send less, or raise RestOptions.{option}.",
        fields=_CLOSE,
    )


async def _discard(receive: AsgiReceive) -> None:
    """Take in what is left of a body, or as much of it as is reasonable."""
    size = 0
    while size < _DISCARDED_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


async def _write(answer: RestAnswer, send: AsgiSend, *, is_head: bool, more: bool = False) -> None:
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.fields]
    if answer.status != 204 and not is_head:
        fields.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": fields})
    await send({"type": "http.response.body", "body": answer.body, "more_body": more})
