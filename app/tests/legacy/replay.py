"""Replays recorded conversations of the old clients, and compares what is answered by its structure.

A recording is a list of steps: what the client sends, what happens in the shop, and what the server sends. Where a
value differs each time its kind stands in angle brackets. What is pushed meanwhile and is not in the recording is
passed over.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

import aiohttp

CONVERSATIONS: Final = Path(__file__).parent / "conversations"
WAIT_SECONDS: Final = 60.0

Happen = Callable[[str, str], Awaitable[None]]
"""Takes what is to happen in the shop, and its argument."""

_NUMBER: Final = (int, float)
_KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "<int>": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "<number>": lambda value: isinstance(value, _NUMBER) and not isinstance(value, bool),
    "<percent>": lambda value: isinstance(value, _NUMBER) and 0 <= value <= 100,
    "<positive>": lambda value: isinstance(value, _NUMBER) and value > 0,
    "<seconds>": lambda value: isinstance(value, int) and value > 1_700_000_000,
    "<seconds or 0>": lambda value: isinstance(value, int) and (value == 0 or value > 1_700_000_000),
    "<text>": lambda value: isinstance(value, str) and value != "",
    "<time>": lambda value: _is(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value),
    "<time or empty>": lambda value: _is(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?", value),
    "<iso>": lambda value: _is(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value),
    "<client id>": lambda value: _is(r"[0-9a-f]{13}", value),
    "<sync id>": lambda value: _is(r"sync_[0-9a-f]{13}\.\d{8}", value),
    "<message id>": lambda value: _is(r"msg_\d{13}_[0-9a-z]{9}", value),
    "<rate>": lambda value: _is(r"\d+%", value),
}

PUSHED: Final = frozenset(
    {
        "realtime_update", "periodic_update", "sync_completed", "sync_status_update", "dashboard_update", "new_order",
        "trendyol_order", "amazon_order", "hepsiburada_order", "ozon_order", "ebay_sale", "stock_alert",
        "marketplace_sync", "system_alert", "user_activity",
    }
)  # fmt: skip
"""What comes unasked."""


def _is(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def difference(expected: Any, found: Any, path: str = "") -> str:
    """Where they differ, in a few words; empty: nowhere."""
    if isinstance(expected, str) and expected in _KINDS:
        return "" if _KINDS[expected](found) else f"{path}: {found!r} is no {expected}"
    if isinstance(expected, dict) and set(expected) == {"<each>"}:
        if not isinstance(found, list):
            return f"{path}: {found!r} is no list"
        return next(filter(None, (difference(expected["<each>"], each, f"{path}[]") for each in found)), "")
    if isinstance(expected, dict) and set(expected) == {"<keyed>"}:
        if not isinstance(found, dict):
            return f"{path}: {found!r} is no object"
        return next(filter(None, (difference(expected["<keyed>"], each, f"{path}.*") for each in found.values())), "")
    if isinstance(expected, dict) and isinstance(found, dict):
        if set(expected) != set(found):
            return f"{path}: {sorted(found)} instead of {sorted(expected)}"
        return next(filter(None, (difference(expected[key], found[key], f"{path}.{key}") for key in expected)), "")
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{path}: {len(found)} elements instead of {len(expected)}: {found!r}"
        pairs = enumerate(zip(expected, found, strict=True))
        return next(filter(None, (difference(one, other, f"{path}[{at}]") for at, (one, other) in pairs)), "")
    return "" if expected == found else f"{path}: {found!r} instead of {expected!r}"


def recording(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CONVERSATIONS / f"{name}.json").read_text(encoding="utf-8"))
    return found


async def replay(conversation: Mapping[str, Any], url: str, http: aiohttp.ClientSession, happen: Happen) -> None:
    """Play the client of a recording against a server. Raises: AssertionError where the server says something else."""
    socket = await http.ws_connect(url)
    speaks_first = "client" in conversation["steps"][0]
    try:
        for step in conversation["steps"]:
            ((who, what),) = step.items()
            if who == "client":
                await socket.send_str(what if isinstance(what, str) else json.dumps(what))
            elif who == "server":
                await _expect(socket, what, PUSHED | {"welcome"} if speaks_first else PUSHED)
            elif who == "shop":
                await happen(*what)
            elif who == "cut":
                assert what is True
                socket._response.connection.transport.abort()  # type: ignore[union-attr] # a network that breaks
                socket = await http.ws_connect(url)
            else:
                raise ValueError(f"a recording has no steps named {who}")
    finally:
        await socket.close()


def _without_stock_alerts(message: Any) -> Any:
    """Whether an order makes a product short is up to what its buyer took, so no recording says."""
    if message["type"] != "realtime_update":
        return message
    updates = message["data"]["updates"]
    if isinstance(updates, list):
        left: Any = [event for event in updates if event["type"] != "stock_alert"]
    else:
        by_code = {code: [each for each in events if each["type"] != "stock_alert"] for code, events in updates.items()}
        left = {code: events for code, events in by_code.items() if events}
    return {**message, "data": {**message["data"], "updates": left}}


async def _expect(
    socket: aiohttp.ClientWebSocketResponse, expected: Mapping[str, Any], passed_over: AbstractSet[str]
) -> None:
    """Read until it comes; only what is passed over may come before it.

    The stream's greeting is where the client speaks first: a slow machine sends it before it has read what was said.
    """
    passed = []
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                message = await socket.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, f"{message!r} instead of {expected!r}"
                found = _without_stock_alerts(json.loads(message.data))
                wrong = difference(expected, found)
                if not wrong:
                    return
                passed.append(wrong)
                is_answer = found["type"] not in passed_over and found["type"] != expected["type"]
                assert not is_answer, f"{found!r} instead of {expected!r}"
                assert found["type"] in passed_over, wrong
    except TimeoutError:
        raise AssertionError(f"{expected!r} did not come; {passed}") from None
