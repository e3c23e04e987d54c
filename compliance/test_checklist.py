"""No row of the checklist is forgotten: each client shows it, or the table of exclusions says why not."""

from __future__ import annotations

from collections.abc import Iterable

import compliance.test_pysignalr as pysignalr_tests
import compliance.test_signalrcore as signalrcore_tests
import pytest
from compliance.checklist import Duty, duties, exclusions, shown_by
from compliance.javascript import cases


def _shown_in(runtime: str, client: str) -> set[Duty]:
    return {
        Duty(case.row, None if case.transport is None else f"{case.transport}-{case.protocol}")
        for case in cases(runtime)
        if case.client == client
    }


SHOWN = {
    "node signalr-10": _shown_in("node", "signalr-10"),
    "node signalr-8": _shown_in("node", "signalr-8"),
    "chromium signalr-10": _shown_in("chromium", "signalr-10"),
    "chromium signalr-8": _shown_in("chromium", "signalr-8"),
    "pysignalr": set(shown_by(pysignalr_tests)),
    "signalrcore": set(shown_by(signalrcore_tests)),
}

CAN_ONLY = {"pysignalr": ("WebSockets-json", "WebSockets-messagepack", None)}
"""Clients that lack whole transports."""


def _is_shown(duty: Duty, shown: Iterable[Duty]) -> bool:
    return any(each.row == duty.row and duty.over in (None, each.over) for each in shown)


@pytest.mark.parametrize("name", SHOWN)
def test_every_row_is_shown_or_excluded_with_a_reason(name: str) -> None:
    client = name.split()[0]
    forgotten = [
        duty
        for duty in duties()
        if duty.over in CAN_ONLY.get(client, (duty.over,))
        and not _is_shown(duty, SHOWN[name])
        and not any(each.covers(client, duty) for each in exclusions())
    ]
    assert forgotten == []


@pytest.mark.parametrize("name", SHOWN)
def test_no_exclusion_names_a_row_that_is_shown(name: str) -> None:
    client = name.split()[0]
    stale = [
        (duty, each.reason)
        for duty in duties()
        for each in exclusions()
        if each.covers(client, duty) and _is_shown(duty, SHOWN[name])
    ]
    assert stale == []


def test_every_exclusion_has_a_reason_and_is_of_a_known_client_and_row() -> None:
    rows = {duty.row for duty in duties()}
    clients = {name.split()[0] for name in SHOWN}
    for each in exclusions():
        assert len(each.reason) > 20, each
        assert set(each.rows) <= rows, each
        assert set(each.by) <= clients, each
