from __future__ import annotations

import json

import pytest

from meschain.legacy.dialects import BY_TYPE, EITHER, candidates, told_by
from meschain.legacy_settings import Dialect


@pytest.mark.parametrize(
    ("port", "path", "only", "expected"),
    [
        (8080, "/", None, EITHER),
        (8080, "/admin-realtime", None, EITHER),
        (8081, "/", None, (Dialect.NATIVE,)),
        (8081, "/ws", None, BY_TYPE),
        (443, "/ws/", None, BY_TYPE),
        (8080, "/legacy/panel", None, (Dialect.PANEL,)),
        (8081, "/legacy/role/", None, (Dialect.ROLE,)),
        (8080, "/legacy/academic", None, EITHER),
        (8080, "/legacy/role", Dialect.NATIVE, (Dialect.NATIVE,)),
    ],
)
def test_what_was_dialled_tells_what_may_be_spoken(
    port: int, path: str, only: Dialect | None, expected: tuple[Dialect, ...]
) -> None:
    assert candidates(port, path, only) == expected


@pytest.mark.parametrize(
    ("frame", "among", "expected"),
    [
        ({"action": "subscribe_dashboard", "interval": 30}, EITHER, Dialect.PANEL),
        ({"action": "manual_sync"}, EITHER, Dialect.PANEL),
        ({"action": "subscribe", "marketplace": "amazon"}, EITHER, Dialect.RATCHET),
        ({"action": "dance"}, EITHER, Dialect.RATCHET),
        ("nothing like JSON", EITHER, Dialect.RATCHET),
        ([], EITHER, Dialect.RATCHET),
        ({"action": []}, EITHER, Dialect.RATCHET),
        ({"action": {}}, EITHER, Dialect.RATCHET),
        ({"type": {}}, BY_TYPE, Dialect.ROLE),
        ({"type": ["subscribe"]}, BY_TYPE, Dialect.ROLE),
        ({"type": "auth", "data": {}}, BY_TYPE, Dialect.ROLE),
        ({"type": "auth", "token": "x"}, BY_TYPE, Dialect.ROLE),
        ({"type": "subscribe", "data": {"channel": "orders"}}, BY_TYPE, Dialect.ROLE),
        ({"type": "subscribe", "platform": "n11"}, BY_TYPE, Dialect.NATIVE),
        ({"type": "dashboard_request"}, BY_TYPE, Dialect.NATIVE),
        ({"action": "subscribe_dashboard"}, (Dialect.NATIVE,), Dialect.NATIVE),
    ],
)
def test_the_first_frame_tells_the_rest(frame: object, among: tuple[Dialect, ...], expected: Dialect) -> None:
    text = frame if isinstance(frame, str) else json.dumps(frame)
    assert told_by(text, among) is expected
    assert told_by(text.encode(), among) is expected


def test_json_too_deep_for_a_parser_tells_nothing() -> None:
    assert told_by("[" * 200_000, EITHER) is Dialect.RATCHET
