"""Events as Azure Functions hands them to a function with a `signalRTrigger`: a JSON text (azure-serverless 5.4).

The host has checked the signature and taken the request apart. Here it is put together again, so that it goes the same
way as one by HTTP (`AzureHubs.handle_checked`), and the answer is made into what a function returns. Knows no function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from hubwire.azure import upstream_headers as headers
from hubwire.azure.upstream_endpoint import UpstreamAnswer, UpstreamRequest
from hubwire.errors import InvalidMessage
from hubwire.wire.json_codec import JsonCodec
from hubwire.wire.serverless import CONNECTED, CONTENT_TYPES, disconnected_payload, read_completion

_INVOCATION_ID: Final = "0"
"""The host keeps the client's own to itself, and does not tell whether there is one."""

_OK: Final = 200


class FunctionFailed(Exception):
    """What a function raises so that the host refuses the connection, or answers the call with this text as error."""


class _Context(msgspec.Struct, rename="pascal"):
    """The members of the text. `Headers` is not needed: it repeats the others."""

    hub: str
    category: str
    event: str
    connection_id: str
    user_id: str | None = None
    arguments: list[Any] | None = None
    error: str | None = None
    query: dict[str, str] | None = None
    claims: dict[str, str] | None = None


_decoder = msgspec.json.Decoder(_Context)
_encode = msgspec.json.Encoder().encode
_codec = JsonCodec()


def request_of_trigger(text: str) -> UpstreamRequest:
    """The upstream request behind a trigger's text; a call asks for a result.

    Raises: InvalidMessage.
    """
    try:
        context = _decoder.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidMessage(f"Error reading the text of a signalRTrigger: {error}") from error
    if "," in (context.user_id or ""):
        # The host takes the claims apart at commas, and keeps the first of two with one name. So an id such as
        # `x, hubwire.claims: ...` would bring claims of its own, and nothing would be left to show it.
        raise InvalidMessage(
            "A user id with a comma cannot be told from claims here; send the events of its hub to the HTTP upstream."
        )
    fields = {
        headers.HUB: context.hub,
        headers.CATEGORY: context.category,
        headers.EVENT: context.event,
        headers.CONNECTION_ID: context.connection_id,
        headers.USER_CLAIMS: headers.write_claims(context.claims or {}),
        headers.CLIENT_QUERY: f"?{urlencode(context.query or {})}",
        "content-type": CONTENT_TYPES["json"],
    }
    if context.user_id is not None:
        fields[headers.USER_ID] = context.user_id
    return UpstreamRequest("POST", _as_latin_1(fields), _payload(context))


def result_of_trigger(answer: UpstreamAnswer) -> object:
    """What the function returns for this answer. Raises: FunctionFailed."""
    if answer.status != _OK:
        raise FunctionFailed(answer.body.decode(errors="replace") or "The connection is refused.")
    if not answer.body:
        return None
    completion = read_completion(_codec, answer.body, _INVOCATION_ID)
    if completion.error is not None:
        raise FunctionFailed(completion.error)
    return completion.result


def _payload(context: _Context) -> bytes:
    if context.category.lower() == headers.MESSAGES:
        call = {
            "type": 1,
            "invocationId": _INVOCATION_ID,
            "target": context.event,
            "arguments": context.arguments or [],
        }
        return _encode(call)
    if context.event.lower() == headers.CONNECTED:
        return CONNECTED
    return disconnected_payload(context.error)


def _as_latin_1(fields: Mapping[str, str]) -> dict[str, str]:
    """As HTTP servers hand out headers of UTF-8, so that they are read as any others."""
    return {name: value.encode(errors="replace").decode("latin-1") for name, value in fields.items()}
