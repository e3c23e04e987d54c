"""The web hook of the SignalR extension: finds the function for an event, and answers as the extension does.

    415  another content type            404  no function for hub, category and event
    400  a header is missing             401  signed by none of the keys, or the system key is missing
    403  `connected` failed              500  the payload cannot be read, or is not what the header says
    200  with a framed Completion when the client waits for one, else empty

Shares no code with the engine, so that each judges the other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from app.tests.functions_host.worker import IndexedFunction, Worker

PATH = "/runtime/webhooks/signalr"

_JSON, _MESSAGE_PACK = "application/json", "application/x-msgpack"

_log = logging.getLogger(__name__)


class SignalRExtension:
    """Answers the service's events by the functions with a `signalRTrigger`."""

    def __init__(self, worker: Worker, access_keys: Sequence[str], system_key: str | None) -> None:
        self._worker = worker
        self._access_keys = access_keys
        self._system_key = system_key
        self._functions: dict[tuple[str, str, str], IndexedFunction] = {}
        for function in worker.by_trigger("signalRTrigger"):
            trigger = function.trigger
            place = trigger["hubName"].lower(), trigger["category"].lower(), trigger["event"].lower()
            if self._functions.setdefault(place, function) is not function:
                raise ValueError(f"{function.name} listens to the same event as {self._functions[place].name}")

    async def answer(self, request: web.Request, invocations: list[str]) -> web.Response:
        """Answer one event."""
        code = request.query.get("code") or request.headers.get("x-functions-key")
        if self._system_key is not None and code != self._system_key:
            return web.Response(status=401)
        if request.content_type not in (_JSON, _MESSAGE_PACK):
            return web.Response(status=415)
        hub, category, event = (request.headers.get(f"X-ASRS-{name}", "") for name in ("Hub", "Category", "Event"))
        place = hub.lower(), category.lower(), event.lower()
        if not all(place):
            return web.Response(status=400)
        function = self._functions.get(place)
        if function is None:
            return web.Response(status=404)
        connection_id = request.headers["X-ASRS-Connection-Id"]
        if not self._is_signed(connection_id, request.headers.get("X-ASRS-Signature", "")):
            return web.Response(status=401)
        try:
            message = _payload(request.content_type, await request.read())
            if category == "messages" and message["target"] != event:
                raise ValueError("the event of the header is not the target of the body")
        except (KeyError, ValueError, TypeError, msgspec.DecodeError) as error:
            return web.Response(status=500, reason=str(error).replace("\n", " ") or "unreadable")
        invocations.append(function.name)
        return await self._call(function, request, message)

    async def _call(self, function: IndexedFunction, request: web.Request, message: dict[str, Any]) -> web.Response:
        context = json.dumps(_context(request, message))
        result, error = None, None
        try:
            result = await self._worker.call_generic(function.name, context)
        except Exception as raised:  # noqa: BLE001 - as the extension does
            _log.debug("the function %s failed", function.name, exc_info=True)
            error = str(raised)
        if request.headers["X-ASRS-Category"].lower() == "connections":
            is_refused = error is not None and request.headers["X-ASRS-Event"].lower() == "connected"
            return web.Response(status=403 if is_refused else 200)
        invocation_id = message.get("invocationId")
        if invocation_id is None:
            return web.Response(status=200)
        return web.Response(status=200, body=_completion(request.content_type, invocation_id, result, error))

    def _is_signed(self, connection_id: str, header: str) -> bool:
        expected = {
            "sha256=" + hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest()
            for key in self._access_keys
        }
        return any(item.strip().lower() in expected for item in header.split(","))


def _context(request: web.Request, message: dict[str, Any]) -> dict[str, Any]:
    """What a function is handed, in the words of the extension."""
    headers = request.headers
    claims: dict[str, str] = {}
    for item in headers.get("X-ASRS-User-Claims", "").split(", "):
        name, separator, value = item.partition(": ")
        if separator:
            claims.setdefault(name, value)
    query: dict[str, str] = {}
    for name, value in parse_qsl(headers.get("X-ASRS-Client-Query", "").removeprefix("?"), keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return {
        "Arguments": message.get("arguments"),
        "Error": message.get("error"),
        "Category": headers["X-ASRS-Category"],
        "Event": headers["X-ASRS-Event"],
        "Hub": headers["X-ASRS-Hub"],
        "ConnectionId": headers["X-ASRS-Connection-Id"],
        "UserId": headers.get("X-ASRS-User-Id"),
        "Headers": {name: ",".join(headers.getall(name)) for name in headers},
        "Query": query,
        "Claims": claims,
    }


def _payload(content_type: str, body: bytes) -> dict[str, Any]:
    """The payload's members by name in the words of the JSON protocol. Raises: what the reading raises."""
    if content_type == _JSON:
        members: dict[str, Any] = json.loads(body)
        return {name[:1].lower() + name[1:]: value for name, value in members.items()}
    kind, _headers, invocation_id, target, arguments, *_streams = msgspec.msgpack.decode(body)
    return {"type": kind, "invocationId": invocation_id, "target": target, "arguments": arguments}


def _completion(content_type: str, invocation_id: str, result: object, error: str | None) -> bytes:
    if content_type == _JSON:
        outcome = {"result": result} if error is None else {"error": error}
        return json.dumps({"type": 3, "invocationId": invocation_id, **outcome}).encode() + b"\x1e"
    kind, value = (1, error) if error is not None else (2, None) if result is None else (3, result)
    message = [3, {}, invocation_id, kind] if kind == 2 else [3, {}, invocation_id, kind, value]
    payload = msgspec.msgpack.encode(message)
    length, prefix = len(payload), bytearray()
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + payload
