"""What holds pages together where a service has their connections: the application or the service is killed alone."""

from __future__ import annotations

from playwright.sync_api import expect
from web.e2e.person import Open, Person
from web.e2e.server import SplitServer

REMEMBER_CHANGES = """() => {
    const status = document.querySelector('#connection-status');
    window.statuses = [status.className];
    new MutationObserver(() => window.statuses.push(status.className)).observe(status, { attributes: true });
}"""


def remember_changes(person: Person) -> None:
    """Write down in the page what its connection's light shows from now on."""
    person.page.evaluate(REMEMBER_CHANGES)


def expect_never_disturbed(person: Person) -> None:
    statuses = person.page.evaluate("window.statuses")
    assert all("connected" in status.split() for status in statuses), statuses


def sync_from_the_page(person: Person, marketplace: str) -> None:
    person.page.click(f'[data-sync="{marketplace}"]')
    expect(person.page.locator(f"#{marketplace}-progress-text")).to_have_text("100%")


def test_pages_stay_connected_while_the_application_is_killed_and_work_when_it_is_back(
    split_server: SplitServer, open_window: Open
) -> None:
    admin, manager = open_window(split_server, "superadmin"), open_window(split_server, "manager")
    for person in (admin, manager):
        person.wait_until_live()
        remember_changes(person)
    split_server.kill_application()
    split_server.start_application()
    # Called over the connection of before; told to the group that its page joined before.
    sync_from_the_page(admin, "n11")
    expect(manager.page.locator("#n11-progress-text")).to_have_text("100%")
    for person in (admin, manager):
        expect_never_disturbed(person)


def test_pages_come_back_by_themselves_when_the_service_was_killed(
    split_server: SplitServer, open_window: Open
) -> None:
    admin, manager = open_window(split_server, "superadmin"), open_window(split_server, "manager")
    for person in (admin, manager):
        person.wait_until_live()
        person.page.evaluate("window.thePageWasNotReloaded = true")
    split_server.service.kill()
    for person in (admin, manager):
        expect(person.page.locator("#connection-status")).to_have_text("RECONNECTING...")
    split_server.service.start()
    for person in (admin, manager):
        person.wait_until_live()
        assert person.page.evaluate("window.thePageWasNotReloaded") is True
    sync_from_the_page(admin, "trendyol")
    expect(manager.page.locator("#trendyol-progress-text")).to_have_text("100%")
