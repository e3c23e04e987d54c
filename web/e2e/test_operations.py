"""The pages for operators: inbox with replay, jobs with cancel, alerts, who is online, the audit trail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from app.tests.program import free_port
from playwright.sync_api import Locator, Route, expect
from web.e2e.person import WAIT_MILLISECONDS, Open, Person
from web.e2e.working_shop import SYNCED, WorkingShop

PAGES = ("inbox", "jobs", "alerts", "people", "audit")
UNNAMED = """() => [...document.querySelectorAll('main button, main select, main input')]
    .filter((each) => !each.textContent.trim() && !each.ariaLabel && !(each.labels?.length > 0))
    .map((each) => each.outerHTML)"""
"""What a screen reader could not name."""
MARKUP = "<img src=x onerror=alert(1)>"
REMEMBER_TOASTS = """() => {
    window.toasts = [];
    new MutationObserver((changes) => {
        for (const change of changes) for (const node of change.addedNodes) window.toasts.push(node.textContent);
    }).observe(document.getElementById('toasts'), { childList: true });
}"""
"""What a page has told in passing, in the order in which it did."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkingShop]:
    """One for all tests here: each looks for what it made itself."""
    shop = WorkingShop(tmp_path_factory.mktemp("operations") / "data", free_port())
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


def at(open_window: Open, shop: WorkingShop, username: str, page: str, **window: object) -> Person:
    """Somebody who has that page open, live."""
    person = open_window(shop, username, **window)
    person.go(page)
    person.wait_until_live()
    return person


def test_a_dead_webhook_is_seen_as_it_comes_and_replayed(shop: WorkingShop, open_window: Open) -> None:
    admin = at(open_window, shop, "admin", "inbox")
    shop.receive_what_nobody_understands("msg_<b>replayed</b>")
    row = admin.page.locator("#inbox-rows tr").filter(has_text="msg_<b>replayed</b>")
    expect(row).to_contain_text("Given up")
    expect(admin.page.locator("#inbox-rows b")).to_have_count(0)
    row.get_by_role("button", name="order.paid").click()
    dialog = admin.page.get_by_role("dialog")
    expect(dialog.locator("pre")).to_contain_text("listings/1")
    expect(dialog.locator(".tries li")).to_have_count(1)
    dialog.get_by_role("button", name="Replay").click()
    expect(dialog).to_have_count(0)
    number = row.get_attribute("data-delivery")
    expect(admin.page.locator(".toast")).to_contain_text(f"Delivery {number} is worked on again.")
    _tried_twice(admin, number)
    row.get_by_role("button", name="order.paid").click()
    expect(dialog.locator(".tries li")).to_have_count(2)
    dialog.get_by_role("button", name="Drop").click()
    admin.page.get_by_role("dialog").last.get_by_role("button", name="Drop").click()
    expect(row).to_contain_text("Dropped")


def _tried_twice(person: Person, number: str | None) -> None:
    """Wait for it in the page, as the page itself would ask."""
    person.page.evaluate(
        """async (number) => {
            const headers = { Authorization: `Bearer ${localStorage.getItem('auth_token')}` };
            for (let tries = 0; tries < 2; ) {
                tries = (await (await fetch(`/api/inbox/${number}`, { headers })).json()).tries.length;
            }
        }""",
        number,
    )


def test_all_dead_webhooks_are_replayed_at_once(shop: WorkingShop, open_window: Open) -> None:
    admin = at(open_window, shop, "admin", "inbox")
    for number in range(2):
        shop.receive_what_nobody_understands(f"msg_dead_{number}")
    expect(admin.page.locator("#inbox-rows tr").filter(has_text="msg_dead_")).to_have_count(2)
    expect(admin.page.locator("#inbox-dead")).not_to_have_text("0")
    admin.page.click("#inbox-replay-dead")
    admin.page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    expect(admin.page.locator(".toast")).to_contain_text("deliveries are worked on again.")
    admin.page.select_option("#inbox-state", "dropped")
    expect(admin.page.locator("#inbox-rows tr").filter(has_text="msg_dead_")).to_have_count(0)


def test_a_running_job_shows_its_progress_and_is_cancelled(shop: WorkingShop, open_window: Open) -> None:
    admin = at(open_window, shop, "admin", "jobs")
    manager = at(open_window, shop, "manager", "jobs")
    expect(manager.page.locator("[data-schedule] select")).to_have_count(0)
    admin.page.select_option("#jobs-start", SYNCED)
    admin.page.get_by_role("button", name="Start a sync").click()
    job = shop.program.next_job()
    rows = [person.page.locator(f"#jobs-running [data-job='{job['jobId']}']") for person in (admin, manager)]
    for row in rows:
        expect(row).to_contain_text("Running")
    _report_until_shown(shop, job, rows[0])
    expect(rows[1].get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    expect(rows[1]).to_contain_text("120 of 300, 2 failed")
    rows[0].get_by_role("button", name="Cancel the sync of n11").click()
    for person, row in zip((admin, manager), rows, strict=True):
        expect(row).to_have_count(0)
        expect(person.page.locator(f"#jobs-rows [data-job='{job['jobId']}']")).to_contain_text("Cancelled")


def _report_until_shown(shop: WorkingShop, job: dict[str, object], row: Locator) -> None:
    """Of reports within a quarter of a second the job keeps the first."""
    deadline = time.monotonic() + WAIT_MILLISECONDS / 1000
    while time.monotonic() < deadline:
        shop.program.report(job, processed=120, failed=2, total=300)
        with suppress(AssertionError):
            expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40", timeout=1000)
            return
    raise AssertionError("the report is not shown")


def test_a_schedule_is_set(shop: WorkingShop, open_window: Open) -> None:
    admin = at(open_window, shop, "admin", "jobs")
    ozon = admin.page.locator("[data-schedule=ozon]")
    ozon.locator("select").select_option("360")
    expect(ozon).to_contain_text("set by")
    admin.page.reload()
    expect(ozon.locator("select")).to_have_value("360")
    ozon.locator("select").select_option("0")
    expect(ozon).not_to_contain_text("next at")


def test_an_alert_is_acknowledged_before_the_eyes_of_another(shop: WorkingShop, open_window: Open) -> None:
    sender = open_window(shop, "superadmin")
    sender.wait_until_live()
    sender.page.evaluate(REMEMBER_TOASTS)
    first, second = (at(open_window, shop, name, "alerts") for name in ("admin", "superadmin"))
    sender.page.fill("#alert-message", f"Shelf 7 is empty {MARKUP}")
    sender.page.select_option("#alert-level", "warning")
    sender.page.get_by_role("button", name="Send alert").click()
    rows = [person.page.locator("#alerts-open li").filter(has_text="Shelf 7") for person in (first, second)]
    for row in rows:
        expect(row).to_contain_text(MARKUP)
    expect(first.page.locator("#alerts-open img")).to_have_count(0)
    rows[0].get_by_role("button", name="Acknowledge").click()
    for row in rows:
        expect(row).to_contain_text("Acknowledged by")
    expect(sender.page.locator("#alerts-list")).to_contain_text("acknowledged by")
    rows[1].get_by_role("button", name="Resolve").click()
    for person in (first, second):
        expect(person.page.locator("#alerts-over")).to_contain_text("Shelf 7")
    expect(rows[0]).to_have_count(0)
    # It was news once: the one who raised it was told of it once.
    assert len([told for told in sender.page.evaluate("window.toasts") if "Shelf 7" in told]) == 1


def test_a_rule_is_silenced_and_speaks_again(shop: WorkingShop, open_window: Open) -> None:
    admin = at(open_window, shop, "admin", "alerts")
    rule = admin.page.locator("[data-rule=stock_low]")
    expect(rule).to_contain_text("Products short of stock")
    rule.get_by_role("button", name="Silence").click()
    dialog = admin.page.get_by_role("dialog")
    dialog.locator("#silence-minutes").select_option("15")
    dialog.locator("#silence-reason").fill("Stocktaking")
    admin.page.keyboard.press("Enter")
    expect(rule).to_contain_text("Stocktaking")
    rule.get_by_role("button", name="End").click()
    expect(rule).not_to_contain_text("Stocktaking")


def test_people_come_and_go(shop: WorkingShop, open_window: Open) -> None:
    admin = at(open_window, shop, "admin", "people")
    manager = open_window(shop, "manager")
    manager.wait_until_live()
    name = manager.page.locator(".who strong").text_content() or ""
    row = admin.page.locator("#people-rows tr").filter(has_text=name)
    expect(row).to_contain_text("Marketplace manager")
    expect(admin.page.locator("#people-by-role [data-count=marketplace_manager] dd")).to_have_text("1")
    expect(admin.page.locator("#people-by-hub [data-count=MesChainMarketplaceHub] dd")).to_have_text("1")
    manager.page.context.close()
    expect(row).to_have_count(0)


def test_what_was_done_stands_in_the_audit_trail(shop: WorkingShop, open_window: Open) -> None:
    reader = at(open_window, shop, "superadmin", "audit")
    shop.receive_what_nobody_understands("msg_audited")
    admin = at(open_window, shop, "admin", "inbox")
    name = admin.page.locator(".who strong").text_content() or ""
    looked_at = admin.page.locator("#inbox-rows tr").filter(has_text="msg_audited")
    number = looked_at.get_attribute("data-delivery")
    looked_at.locator(".link").click()
    entry = reader.page.locator("#audit-rows tr").filter(has_text="Delivery looked at").filter(has_text=f": {number}")
    expect(entry).to_contain_text(name)
    expect(entry).to_contain_text("Done")
    reader.page.fill("#audit-action", "DropWebhook")
    reader.page.keyboard.press("Enter")
    expect(entry).to_have_count(0)
    reader.page.fill("#audit-action", "ShowWebhook")
    reader.page.fill("#audit-user", name)
    reader.page.keyboard.press("Enter")
    expect(entry).to_have_count(1)
    reader.page.fill("#audit-user", "own:nobody")
    reader.page.keyboard.press("Enter")
    expect(reader.page.locator("#audit-rows")).to_have_text("No entry matches.")


def test_who_may_not_see_a_page_is_told_so_calmly(shop: WorkingShop, open_window: Open) -> None:
    person = open_window(shop, "dropshipper")
    expect(person.page.locator("#side-menu")).not_to_contain_text("Operations")
    for page in PAGES:
        person.go(page)
        expect(person.page.locator(".refusal")).to_contain_text("This page is not for your role")
    person.page.get_by_role("link", name="To your start page").click()
    person.page.wait_for_url("**/analytics.html")


def test_a_server_that_fails_is_said_and_asked_again(shop: WorkingShop, open_window: Open) -> None:
    person = open_window(shop, "superadmin")
    answers: list[Callable[[Route], None]] = [
        lambda route: route.fulfill(status=500, json={"error": "The server failed to answer."})
    ]
    person.page.route("**/api/presence", lambda route: answers[-1](route))
    person.go("people")
    notice = person.page.locator("#people .notice")
    expect(notice).to_have_text("This could not be loaded. The server failed to answer.Try again")
    answers.append(lambda route: route.abort())
    notice.get_by_role("button", name="Try again").click()
    expect(notice).to_contain_text("The server could not be reached.")
    answers.append(lambda route: route.continue_())
    # By itself: it reads again every few seconds.
    expect(notice).to_be_hidden()
    expect(person.page.locator("#people-rows")).to_contain_text("Super administrator")


def test_they_fit_a_narrow_screen_in_both_languages(shop: WorkingShop, open_window: Open) -> None:
    person = open_window(shop, "superadmin", width=360, locale="tr-TR", dark=True)
    for page in PAGES:
        person.go(page)
        person.wait_until_live()
        for language in ("TR", "EN"):
            person.page.get_by_role("button", name=language, exact=True).click()
            expect(person.page.locator("tbody tr, .list li").first).to_be_visible()
            assert person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page
        assert person.page.evaluate(UNNAMED) == [], page
