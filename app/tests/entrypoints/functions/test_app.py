"""The function app as Azure sees it: names, triggers and bindings, read by the azure-functions library itself."""

from __future__ import annotations

import re
import runpy
from typing import Any

import pytest
from app.tests.functions_host import Worker
from app.tests.functions_host.host import PROJECT, seconds_between

from hubwire.hub.methods import methods_of
from meschain.entrypoints.functions import Instance, make_function_app
from meschain.entrypoints.functions.timer import SCHEDULE, STAY_SECONDS
from meschain.hubs.admin import AdminHub
from meschain.hubs.dashboard import DashboardHub
from meschain.hubs.marketplace import MarketplaceHub

FUNCTION_TIMEOUT_SECONDS = 300
"""What host.json asks for, and every plan grants."""


def never() -> Any:
    raise AssertionError("looking functions up opens nothing")


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker(make_function_app(Instance(never)))


@pytest.mark.parametrize(
    ("name", "route", "methods"),
    [
        ("negotiate", "api/negotiate", ["POST", "OPTIONS"]),
        ("upstream", "api/upstream", ["POST"]),
        ("login", "api/login", ["POST", "OPTIONS"]),
        ("refresh", "api/refresh", ["POST", "OPTIONS"]),
        ("logout", "api/logout", ["POST", "OPTIONS"]),
        ("session", "api/session", ["GET", "OPTIONS"]),
        ("sync_report", "api/sync-jobs/{id}/progress", ["POST"]),
        ("api", "api/{*rest}", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
        ("alive", "healthz", ["GET", "HEAD"]),
        ("ready", "readyz", ["GET", "HEAD"]),
        ("pages", "{*path}", ["GET", "HEAD"]),
    ],
)
def test_an_http_function_has_its_route_and_is_open_to_everybody(
    worker: Worker, name: str, route: str, methods: list[str]
) -> None:
    assert worker.functions[name].bindings == [
        {
            "type": "httpTrigger",
            "direction": "IN",
            "name": "request",
            "route": route,
            "methods": methods,
            "authLevel": "ANONYMOUS",
        },
        {"type": "http", "direction": "OUT", "name": "$return"},
    ]


def test_the_timer_function_is_called_by_the_seconds_and_not_while_functions_start(worker: Worker) -> None:
    assert worker.functions["background"].bindings == [
        {
            "type": "timerTrigger",
            "direction": "IN",
            "name": "timer",
            "schedule": SCHEDULE,
            "runOnStartup": False,
            "useMonitor": False,
        }
    ]


def test_a_call_of_the_timer_ends_before_the_host_would_end_it_and_shortly_before_the_next() -> None:
    assert STAY_SECONDS < FUNCTION_TIMEOUT_SECONDS / 2
    interval = seconds_between(SCHEDULE)
    assert 0 < -STAY_SECONDS % interval <= interval / 2


def test_each_event_of_each_hub_has_a_function(worker: Worker) -> None:
    expected = {
        (hub.name, category, event)
        for hub in (AdminHub, MarketplaceHub, DashboardHub)
        for category, event in [
            ("connections", "connected"),
            ("connections", "disconnected"),
            *(("messages", method) for method in methods_of(hub)),
        ]
    }
    triggers = [function.trigger for function in worker.by_trigger("signalRTrigger")]
    found = [(trigger["hubName"], trigger["category"], trigger["event"]) for trigger in triggers]
    assert sorted(found) == sorted(expected)
    assert ("MesChainAdminHub", "messages", "HandleAdminCommand") in expected


def test_a_trigger_says_what_the_extension_asks_for(worker: Worker) -> None:
    assert worker.functions["MesChainDashboardHub_SendNotification"].bindings == [
        {
            "type": "signalRTrigger",
            "direction": "IN",
            "name": "event",
            "hubName": "MesChainDashboardHub",
            "category": "messages",
            "event": "SendNotification",
            "connectionStringSetting": "AzureSignalRConnectionString",
        }
    ]


def test_names_are_such_as_the_host_takes(worker: Worker) -> None:
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,127}", name) for name in worker.functions)


def test_the_extension_of_signalr_can_be_left_out() -> None:
    worker = Worker(make_function_app(Instance(never), with_triggers=False))
    assert worker.by_trigger("signalRTrigger") == []
    assert {"upstream", "background"} <= worker.functions.keys()


def test_what_is_deployed_is_this_app() -> None:
    deployed = Worker(runpy.run_path(str(PROJECT / "function_app.py"))["app"])
    assert deployed.functions.keys() == Worker(make_function_app(Instance(never))).functions.keys()
