"""What the pages are made of: element ids, policy, the log, the client as one file."""

from __future__ import annotations

import urllib.request

import pytest
from playwright.sync_api import expect
from web.e2e.person import Open
from web.e2e.server import Server

from meschain.domain.marketplaces import MARKETPLACES

GEMINI_IDS = [
    "active-sessions",
    "api-health",
    "database-status",
    "response-time-chart",
    "throughput-chart",
    "error-rate",
    "system-uptime",
    "active-users",
    "daily-transactions",
    "daily-revenue",
    "conversion-rate",
    "connection-status",
    "cache-status",
    "disk-usage-progress",
    "disk-usage-text",
    "memory-usage-progress",
    "memory-usage-text",
    "response-time",
    "throughput",
    "concurrent-users",
    "total-active-users",
    "error-rate-chart",
    "user-activity-chart",
    "security-score",
    "failed-logins",
    "active-threats",
    "vulnerability-count",
    "certificate-status",
    "last-refresh-time",
    "alerts-list",
    "critical-status-indicator",
    "system-health-indicator",
    "alert-sound",
    "logLevelFilter",
    "logSearchFilter",
    "logViewer",
    "themeToggle",
    "themeIcon",
    "themeText",
]
MARKETPLACE_IDS = [
    "sync-status",
    "last-sync",
    "progress",
    "sync-progress",
    "product-count",
    "error-count",
    "progress-bar",
    "progress-text",
]


def test_every_element_id_of_older_pages_is_there_once(server: Server, open_window: Open) -> None:
    person = open_window(server, "superadmin")
    person.wait_until_live()
    wanted = GEMINI_IDS + [f"{code}-{suffix}" for code in MARKETPLACES for suffix in MARKETPLACE_IDS]
    missing = person.page.evaluate(
        "(ids) => ids.filter((id) => document.querySelectorAll(`[id='${id}']`).length !== 1)", wanted
    )
    assert missing == []
    charts = person.page.evaluate(
        "() => ['response-time-chart', 'throughput-chart'].map((id) => document.getElementById(id).tagName)"
    )
    assert charts == ["CANVAS", "CANVAS"]
    identity = person.page.evaluate("() => document.querySelector('meta[name=user-role]').content")
    assert identity == "super_admin"


def test_a_figure_without_a_source_is_no_zero(server: Server, open_window: Open) -> None:
    person = open_window(server, "superadmin")
    person.wait_until_live()
    expect(person.page.locator("#api-health")).to_have_text("NO SOURCE")
    person.page.locator("summary").click()
    expect(person.page.locator("#security-score")).to_have_text("no source")


def test_the_log_has_filters_by_level_and_text(server: Server, open_window: Open) -> None:
    person = open_window(server, "superadmin")
    person.wait_until_live()
    log = person.page.locator("#logViewer")
    expect(log).to_contain_text("Figures arrived")
    person.page.fill("#logSearchFilter", "live server")
    expect(log.locator("li")).to_have_count(1)
    expect(log).to_contain_text("Connected to the live server")
    person.page.select_option("#logLevelFilter", "critical")
    expect(log).to_contain_text("No entry matches.")


@pytest.mark.parametrize(
    "page",
    [
        "index",
        "login",
        "admin",
        "marketplace",
        "analytics",
        "inbox",
        "jobs",
        "alerts",
        "people",
        "audit",
        "rollout",
        "legacy",
    ],
)
def test_the_policy_allows_nothing_inline_and_the_page_has_nothing_inline(server: Server, page: str) -> None:
    with urllib.request.urlopen(f"{server.url}/{page}.html") as answer:  # noqa: S310 - our own server
        policy = answer.headers["Content-Security-Policy"]
        html = answer.read().decode()
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert " style=" not in html
    assert " on" not in "".join(part.partition(">")[0] for part in html.split("<button")[1:])
    assert "<script>" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "https://" not in html


def test_the_client_as_one_file_starts_from_meta_tags_on_any_page(server: Server, open_window: Open) -> None:
    person = open_window(server, "superadmin")
    person.wait_until_live()
    identity = person.page.evaluate("document.querySelector('meta[name=user-id]').content")
    # A document of the same origin without anything of ours in it, made into an older page.
    person.page.goto(f"{server.url}/boot.js")
    person.page.evaluate(
        """(identity) => {
            const add = (tag, values) => document.body.append(Object.assign(document.createElement(tag), values));
            document.body.replaceChildren();
            add('meta', { name: 'user-id', content: identity });
            add('meta', { name: 'user-role', content: 'super_admin' });
            add('span', { id: 'connection-status' });
            add('span', { id: 'daily-revenue' });
            add('script', { src: '/assets/meschain-signalr.js' });
        }""",
        identity,
    )
    expect(person.page.locator("#connection-status.connected")).to_be_visible()
    expect(person.page.locator("#daily-revenue")).to_contain_text("₺")
    made = person.page.evaluate("new MesChainSignalR('x', 'viewer', { autoStart: false }).getConnectionState()")
    assert made == "Disconnected"
