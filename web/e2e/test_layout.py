"""How pages look: languages, themes, awkward widths, and awkward data, which a test puts into their connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from web.e2e.person import Open, Person
from web.e2e.server import Server

RECORD_END = "\x1e"

PAGES = [("admin", "superadmin"), ("marketplace", "manager"), ("analytics", "admin")]

OUTSIDE_THEIR_CARD = """() => [...document.querySelectorAll('.card *')]
    .filter((element) => !element.closest('.u-wrap, .visually-hidden, svg'))
    .filter((element) => element.getBoundingClientRect().right > element.closest('.card').getBoundingClientRect().right)
    .map((element) => element.outerHTML.slice(0, 80))"""


class Line:
    """The hub connection of a page, into which a test puts events."""

    def __init__(self, page: Page) -> None:
        self._sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/client/**", self._connect)

    def _connect(self, socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        self._sockets.append(socket)

    def send(self, target: str, argument: dict[str, Any]) -> None:
        self._sockets[-1].send(json.dumps({"type": 1, "target": target, "arguments": [argument]}) + RECORD_END)


def _with_line(person: Person) -> Line:
    line = Line(person.page)
    person.log_in()
    person.wait_until_live()
    return line


@pytest.mark.parametrize(("page", "username"), PAGES)
def test_both_languages_and_both_themes(server: Server, open_window: Open, page: str, username: str) -> None:
    person = open_window(server, username, locale="tr-TR", dark=True)
    person.go(page)
    person.wait_until_live()
    html = person.page.locator("html")
    expect(html).to_have_attribute("lang", "tr")
    expect(person.page.locator("#connection-status")).to_have_text("BAĞLI")
    dark = person.page.evaluate("getComputedStyle(document.body).backgroundColor")
    person.page.get_by_role("button", name="EN", exact=True).click()
    expect(html).to_have_attribute("lang", "en")
    expect(person.page.locator("#connection-status")).to_have_text("CONNECTED")
    person.page.click("#themeToggle")
    expect(html).to_have_attribute("data-theme", "light")
    assert person.page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    person.page.reload()
    person.wait_until_live()
    expect(html).to_have_attribute("data-theme", "light")
    expect(html).to_have_attribute("lang", "en")


@pytest.mark.parametrize(("page", "username"), PAGES)
@pytest.mark.parametrize("locale", ["en-US", "tr-TR"])
def test_nothing_is_wider_than_a_narrow_screen(
    server: Server, open_window: Open, page: str, username: str, locale: str
) -> None:
    person = open_window(server, username, width=400, locale=locale)
    person.go(page)
    person.wait_until_live()
    expect(person.page.locator(".value:empty")).to_have_count(0)
    assert person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    person.page.locator(".menu-button").click()
    expect(person.page.locator("#logout")).to_be_visible()
    assert person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_narrow_log_in_page_fits(server: Server, open_window: Open) -> None:
    person = open_window(server, "viewer", logged_in=False, width=400)
    person.go("login")
    expect(person.page.locator("#demo-banner")).to_be_visible()
    assert person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize(("page", "username"), PAGES)
def test_every_page_says_that_this_is_a_demo(server: Server, open_window: Open, page: str, username: str) -> None:
    person = open_window(server, username)
    person.go(page)
    expect(person.page.get_by_role("note")).to_contain_text("Demo shop")


@pytest.mark.parametrize(("page", "username"), [("admin", "superadmin"), ("marketplace", "manager")])
@pytest.mark.parametrize("width", [768, 1024, 1200])
def test_nothing_stands_outside_its_card(
    server: Server, open_window: Open, page: str, username: str, width: int
) -> None:
    person = open_window(server, username, width=width, locale="tr-TR")
    person.go(page)
    person.wait_until_live()
    expect(person.page.locator("[data-sync]").first).to_be_visible()
    assert person.page.evaluate(OUTSIDE_THEIR_CARD) == []


def test_long_names_and_states_leave_each_other_room(server: Server, open_window: Open) -> None:
    person = open_window(server, "superadmin", logged_in=False, width=400)
    line = _with_line(person)
    order = {
        "eventId": "long",
        "marketplace": "hepsiburada",
        "orderNumber": "9" * 40,
        "customer": "Abdurrahmangazi Muhammetoğlu-Şahinbaşoğlu",
        "shopStatus": "Waiting for the payment to be confirmed",
        "total": 125000,
        "currency": "JPY",
        "currencyDecimals": 0,
        "occurredAt": "2099-01-01T00:00:00Z",
    }
    line.send("orderNotification", order)
    row = person.page.locator(f'[data-order="{"9" * 40}"]')
    expect(row).to_contain_text("¥125,000")
    # In one go: the list is written anew with the next order of the demo shop.
    width = person.page.evaluate(
        "number => document.querySelector(`[data-order='${number}'] .main`).getBoundingClientRect().width", "9" * 40
    )
    assert width > 100
    assert person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_persistent_notification_outlasts_the_passing_ones(server: Server, open_window: Open) -> None:
    person = open_window(server, "superadmin", logged_in=False)
    line = _with_line(person)
    line.send("receiveNotification", {"id": "kept", "title": "Stock", "message": "Count shelf 7", "persistent": True})
    line.send("receiveNotification", {"id": "kept", "message": "Count shelf 7", "persistent": True})
    for number in range(8):
        line.send("receiveNotification", {"id": f"passing {number}", "message": "Passing", "duration": 200})
    expect(person.page.locator(".toast").filter(has_text="Passing")).to_have_count(0)
    expect(person.page.locator(".toast")).to_have_text("Info: StockCount shelf 7×")
    person.page.get_by_role("button", name="Close").click()
    expect(person.page.locator(".toast")).to_have_count(0)


def test_rows_that_are_none_do_not_keep_the_others_out(server: Server, open_window: Open) -> None:
    person = open_window(server, "superadmin", logged_in=False)
    line = _with_line(person)
    alert = {"id": "a", "message": "Seen all the same", "level": "error", "timestamp": "2099-01-01T00:00:00Z"}
    line.send("updateAdminDashboard", {"systemStatus": None, "recentOrders": None, "recentAlerts": [None, {}, alert]})
    expect(person.page.locator("#alerts-list")).to_contain_text("Seen all the same")
