"""How the dialect of a connection to an old WebSocket server is told. Pure; knows no answer to anything.

No dialect names itself. What was dialled decides where it can: a path of its own, the port of the native server, the
path of the role client. What is left are the marketplace stream and the panel, on one port and one path, both greeted
before the client must say anything: there the first frame decides, or a short silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from meschain.legacy_settings import Dialect

RATCHET_VERBS: Final = frozenset({"subscribe", "unsubscribe", "get_metrics", "ping"})
PANEL_VERBS: Final = frozenset({"subscribe_dashboard", "manual_sync", "get_performance", "get_marketplace_status"})
NATIVE_VERBS: Final = frozenset(
    {"subscribe", "dashboard_request", "manual_sync", "performance_request", "marketplace_status"}
)

NATIVE_PORT: Final = 8081
ROLE_PATH: Final = "/ws"
_PREFIX: Final = "/legacy/"

EITHER: Final = (Dialect.RATCHET, Dialect.PANEL)
"""What a connection may be that dialled the shared port."""
BY_TYPE: Final = (Dialect.ROLE, Dialect.NATIVE)
"""What one may be that dialled the path of the role client."""


def candidates(port: int, path: str, only: Dialect | None = None) -> tuple[Dialect, ...]:
    """What whoever dialled this may speak, the one first that it is when it says nothing.

    Args:
        only: the listener's own, whatever is dialled.
    """
    if only is not None:
        return (only,)
    if path.startswith(_PREFIX):
        name = path.removeprefix(_PREFIX).rstrip("/")
        if name in set(Dialect):
            return (Dialect(name),)
    if path.rstrip("/") == ROLE_PATH:
        return BY_TYPE
    return (Dialect.NATIVE,) if port == NATIVE_PORT else EITHER


def told_by(frame: str | bytes, among: tuple[Dialect, ...]) -> Dialect:
    """Which of them the first frame shows; the first one when it shows nothing."""
    if len(among) == 1:
        return among[0]
    message = parsed(frame)
    if not isinstance(message, dict):
        return among[0]
    if Dialect.PANEL in among and word(message, "action") in PANEL_VERBS:
        return Dialect.PANEL
    if Dialect.NATIVE in among and word(message, "type") in NATIVE_VERBS and not isinstance(message.get("data"), dict):
        return Dialect.NATIVE
    return among[0]


def parsed(frame: str | bytes) -> Any:
    """What a frame says as JSON; None: it is none."""
    try:
        return json.loads(frame)
    except (ValueError, RecursionError):
        return None


def word(message: Mapping[str, object], key: str, default: str = "") -> str:
    """A text of a message; the default for one that is missing, empty or no text."""
    value = message.get(key)
    return value if isinstance(value, str) and value else default
