"""Logging in and out, and who lands where."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from web.e2e.person import Open
from web.e2e.server import Server

HOMES = [
    ("superadmin", "admin", ["admin", "marketplace", "analytics"]),
    ("admin", "admin", ["admin", "marketplace", "analytics"]),
    ("manager", "marketplace", ["marketplace", "analytics"]),
    ("dropshipper", "analytics", ["marketplace", "analytics"]),
    ("technical", "analytics", ["analytics"]),
    ("user", "analytics", ["analytics"]),
    ("viewer", "analytics", ["analytics"]),
]
OF_ADMINISTRATORS = ["jobs", "inbox", "alerts", "people", "audit", "rollout", "legacy"]
OPERATIONS = {"superadmin": OF_ADMINISTRATORS, "admin": OF_ADMINISTRATORS, "manager": ["jobs"]}


@pytest.mark.parametrize(("username", "home", "links"), HOMES)
def test_each_role_lands_on_its_page_and_sees_its_links(
    server: Server, open_window: Open, username: str, home: str, links: list[str]
) -> None:
    person = open_window(server, username)
    person.page.wait_for_url(f"**/{home}.html")
    person.wait_until_live()
    shown = person.page.locator("#side-menu ul").first.locator("a")
    hrefs = [link.get_attribute("href") for link in shown.all()]
    assert hrefs == [f"/{name}.html" for name in links]
    behind = [link.get_attribute("href") for link in person.page.locator("#side-menu a").all()][len(links) :]
    operations = [f"/{name}.html" for name in OPERATIONS.get(username, [])]
    assert [href for href in behind if href is not None and not href.startswith("#")] == operations


def test_a_role_without_the_right_is_told_so_and_refused_by_the_server(server: Server, open_window: Open) -> None:
    person = open_window(server, "viewer")
    person.go("admin")
    expect(person.page.locator(".refusal")).to_contain_text("This page is not for your role")
    expect(person.page.get_by_role("link", name="To your start page")).to_have_attribute("href", "/analytics.html")
    statuses = person.page.evaluate(
        """async () => {
            const headers = { Authorization: `Bearer ${localStorage.getItem('auth_token')}` };
            const dashboard = await fetch('/api/dashboard', { headers });
            const hub = await fetch('/api/negotiate?hub=MesChainAdminHub', { method: 'POST', headers });
            return [dashboard.status, hub.status];
        }"""
    )
    assert statuses == [403, 403]


@pytest.mark.parametrize("page", ["admin", "marketplace", "analytics", "legacy", "index"])
def test_pages_ask_for_a_log_in(server: Server, open_window: Open, page: str) -> None:
    person = open_window(server, "viewer", logged_in=False)
    person.go(page)
    person.page.wait_for_url("**/login.html*")


def test_a_wrong_password_is_said_and_leaves_the_name(server: Server, open_window: Open) -> None:
    person = open_window(server, "viewer", logged_in=False)
    person.go("login")
    person.page.fill("#username", "viewer")
    person.page.fill("#password", "wrong")
    person.page.click("#login-submit")
    expect(person.page.get_by_role("alert")).to_have_text("User name or password is wrong.")
    expect(person.page.locator("#username")).to_have_value("viewer")
    expect(person.page.locator("#password")).to_be_focused()


def test_throttling_counts_the_seconds_down(server: Server, open_window: Open) -> None:
    person = open_window(server, "viewer", logged_in=False)
    person.page.route(
        "**/api/login",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "5"}, json={"error": "slow down"}),
    )
    person.go("login")
    person.page.fill("#username", "viewer")
    person.page.fill("#password", "x")
    person.page.click("#login-submit")
    expect(person.page.get_by_role("alert")).to_contain_text("Try again in")
    expect(person.page.locator("#login-submit")).to_be_disabled()
    expect(person.page.locator("#login-submit")).to_be_enabled()
    expect(person.page.get_by_role("alert")).to_have_text("You can try again now.")


def test_a_second_factor_is_explained(server: Server, open_window: Open) -> None:
    person = open_window(server, "viewer", logged_in=False)
    answer = {"error": "a second factor is required", "code": "second_factor_required"}
    person.page.route("**/api/login", lambda route: route.fulfill(status=403, json=answer))
    person.go("login")
    person.page.fill("#username", "viewer")
    person.page.fill("#password", "x")
    person.page.click("#login-submit")
    expect(person.page.get_by_role("alert")).to_contain_text("second factor")


def test_log_in_by_keyboard_alone(server: Server, open_window: Open) -> None:
    person = open_window(server, "manager", logged_in=False)
    person.go("login")
    expect(person.page.locator("#username")).to_be_focused()
    person.page.keyboard.type("manager")
    person.page.keyboard.press("Tab")
    person.page.keyboard.type(server.passwords["manager"])
    person.page.keyboard.press("Enter")
    person.page.wait_for_url("**/marketplace.html")
    person.wait_until_live()
    person.page.keyboard.press("Tab")
    expect(person.page.locator(".skip")).to_be_focused()


def test_logging_out_ends_the_session_in_every_tab(server: Server, open_window: Open) -> None:
    person = open_window(server, "viewer")
    person.wait_until_live()
    other = person.page.context.new_page()
    other.goto(f"{server.url}/analytics.html")
    expect(other.locator("#connection-status.connected")).to_be_visible()
    person.page.click("#logout")
    person.page.wait_for_url("**/login.html*")
    other.wait_for_url("**/login.html*")
    assert person.page.evaluate("localStorage.getItem('auth_token')") is None
    refreshed = person.page.evaluate("fetch('/api/refresh', { method: 'POST' }).then((answer) => answer.status)")
    assert refreshed == 401


def test_a_token_about_to_expire_is_renewed_without_a_word(server: Server, open_window: Open) -> None:
    person = open_window(server, "viewer")
    person.wait_until_live()
    # A token whose time has come, as the browser reads it; the server would refuse it.
    person.page.evaluate(
        """() => {
            const claims = btoa(JSON.stringify({ exp: Date.now() / 1000 - 5 })).replaceAll('=', '');
            localStorage.setItem('auth_token', `h.${claims}.s`);
        }"""
    )
    person.page.reload()
    person.wait_until_live()
    assert person.page.url.endswith("/analytics.html")
