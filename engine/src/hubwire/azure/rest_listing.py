"""The connections of a group, page by page (azure-serverless 3.6).

A page goes on behind the connection id that its continuation token carries, so no server keeps anything between two.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlencode

import msgspec

from hubwire.azure.rest_calls import RestCall
from hubwire.azure.rest_errors import JSON_FIELDS, RestAnswer, invalid
from hubwire.model import Audience
from hubwire.ports import DataPlane

MAXIMUM_PAGE = 200
"""Connections in a page."""


async def list_group(plane: DataPlane, call: RestCall, public_url: str) -> RestAnswer:
    """Answer one page, and where the next one is. Raises: RestError."""
    page_size = call.query.integer("maxpagesize", 1, MAXIMUM_PAGE) or MAXIMUM_PAGE
    top = call.query.integer("top", 1)
    after = _read_token(call.query.text("continuationToken"))
    size = page_size if top is None else min(page_size, top)
    # One more than fits tells whether there is another page.
    members = await plane.members(Audience.group(call.names["group"]), after=after, limit=size + 1)
    page = members[:size]
    answer: dict[str, object] = {
        "value": [
            {"connectionId": each.connection_id}
            if each.user_id is None
            else {"connectionId": each.connection_id, "userId": each.user_id}
            for each in page
        ]
    }
    if len(members) > size and size != top:
        answer["nextLink"] = public_url + call.request.path + "?" + _next_query(call, page[-1].connection_id, top, size)
    return RestAnswer(call.success, msgspec.json.encode(answer), JSON_FIELDS)


def _next_query(call: RestCall, last: str, top: int | None, size: int) -> str:
    parameters = {"api-version": call.version}
    for name in ("application", "maxpagesize"):
        value = call.query.text(name)
        if value is not None:
            parameters[name] = value
    if top is not None:
        parameters["top"] = str(top - size)
    parameters["continuationToken"] = base64.urlsafe_b64encode(last.encode()).decode()
    return urlencode(parameters)


def _read_token(token: str | None) -> str:
    try:
        return base64.b64decode(token or "", altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid("The continuationToken is none of ours; take nextLink as it is.", "continuationToken") from error
