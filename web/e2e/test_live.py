"""The pages live: figures, orders, syncs, alerts, and a server that dies and comes back."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from playwright.sync_api import expect
from web.e2e.person import Open, Person
from web.e2e.server import Server

from meschain.bootstrap import DEMO_SHOP_FILE
from meschain.opencart.demo.drafts import Buyer, draft_order
from meschain.opencart.demo.shop import DemoShop
from meschain.services.clock import SystemClock

MARKUP = "<img src=x onerror=alert(1)>"


def test_figures_change_without_a_reload(server: Server, open_window: Open) -> None:
    person = open_window(server, "superadmin")
    person.wait_until_live()
    person.page.evaluate("window.thePageWasNotReloaded = true")
    first = person.page.locator("#last-refresh-time").text_content()
    expect(person.page.locator("#last-refresh-time")).not_to_have_text(first or "")
    expect(person.page.locator("#system-uptime")).to_contain_text("m")
    expect(person.page.locator("#daily-revenue")).to_contain_text("₺")
    assert person.page.evaluate("window.thePageWasNotReloaded") is True


def test_analytics_shows_the_metrics_of_the_role_live(server: Server, open_window: Open) -> None:
    person = open_window(server, "technical")
    expect(person.page.locator("#metric-activeProducts")).to_have_text("60")
    expect(person.page.locator("#performance-connections")).to_contain_text("1")
    expect(person.page.locator("#business")).to_be_hidden()
    expect(person.page.locator("#own")).to_be_hidden()
    dropshipper = open_window(server, "dropshipper")
    expect(dropshipper.page.locator("#own")).to_contain_text("no source")
    expect(dropshipper.page.locator("#performance")).to_be_hidden()


def test_an_order_appears_on_the_dashboard(server: Server, open_window: Open) -> None:
    person = open_window(server, "admin")
    person.wait_until_live()
    number = server.place_order()
    expect(person.page.locator(f'#recent-orders [data-order="{number}"]')).to_have_count(1)
    expect(person.page.locator("#logViewer")).to_contain_text(number)


def test_an_order_of_a_granted_marketplace_appears_on_the_panel(server: Server, open_window: Open) -> None:
    person = open_window(server, "manager")
    person.wait_until_live()
    before = int(person.page.locator("#trendyol-ordersToday").text_content() or "0")
    number = server.order_number(server.place_order("trendyol"))
    expect(person.page.locator("#trendyol-ordersToday")).not_to_have_text(str(before))
    # Not the first of the list: the demo shop sells meanwhile, and older orders move on.
    expect(person.page.locator(f'#recent-orders [data-order="{number}"]')).to_contain_text("Trendyol")
    # Marketplaces that are not granted have no card.
    expect(person.page.locator('[data-marketplace="etsy"]')).to_have_count(0)


def test_a_sync_from_a_button_reaches_the_end(server: Server, open_window: Open) -> None:
    admin = open_window(server, "superadmin")
    admin.wait_until_live()
    # What the bar went through, written down in the page: a sync may be over before a test has looked.
    admin.page.evaluate(
        """() => {
            window.seen = [];
            document.addEventListener('signalr:marketplaceSyncUpdate', ({ detail }) => {
                if (detail.marketplace === 'hepsiburada') window.seen.push([detail.progress, detail.completed]);
            });
        }"""
    )
    admin.page.click('[data-sync="hepsiburada"]')
    expect(admin.page.locator("#hepsiburada-progress-text")).to_have_text("100%")
    expect(admin.page.locator("#hepsiburada-progress-bar")).to_have_attribute("aria-valuenow", "100")
    expect(admin.page.locator("#hepsiburada-sync-status")).to_have_class("sync-status success")
    expect(admin.page.locator('[data-sync="hepsiburada"]')).to_be_enabled()
    seen = admin.page.evaluate("window.seen")
    assert seen[-1] == [100, True]
    assert [progress for progress, _ in seen] == sorted(progress for progress, _ in seen)


def test_a_manager_syncs_and_a_dropshipper_may_not(server: Server, open_window: Open) -> None:
    manager = open_window(server, "manager")
    dropshipper = open_window(server, "dropshipper")
    dropshipper.go("marketplace")
    dropshipper.wait_until_live()
    expect(dropshipper.page.locator('[data-marketplace="n11"]')).to_contain_text("Read only")
    expect(dropshipper.page.locator("[data-sync]")).to_have_count(0)
    manager.wait_until_live()
    manager.page.click('[data-sync="n11"]')
    expect(manager.page.locator("#n11-progress-text")).to_have_text("100%")
    # Who may only read sees it happen all the same.
    expect(dropshipper.page.locator("#n11-progress-text")).to_have_text("100%")


def test_an_alert_reaches_a_second_browser(server: Server, open_window: Open) -> None:
    first = open_window(server, "superadmin")
    second = open_window(server, "admin")
    first.wait_until_live()
    second.wait_until_live()
    first.page.fill("#alert-message", "Warehouse closes at noon <b>today</b>")
    first.page.select_option("#alert-level", "warning")
    first.page.keyboard.press("Tab")
    first.page.get_by_role("button", name="Send alert").click()
    for person in (first, second):  # before all else: it passes by itself
        expect(person.page.locator(".toast")).to_contain_text("Warehouse closes at noon")
    for person in (first, second):
        row = person.page.locator("#alerts-list li").first
        expect(row).to_contain_text("Warehouse closes at noon <b>today</b>")
        expect(row).to_contain_text("Warning")
    expect(first.page.locator("#alert-message")).to_have_value("")


def test_a_name_that_looks_like_markup_is_shown_as_text(server: Server, open_window: Open) -> None:
    admin = open_window(server, "superadmin")
    manager = open_window(server, "manager")
    admin.wait_until_live()
    manager.wait_until_live()
    with ThreadPoolExecutor(1) as executor:  # this thread's event loop is the browser's
        executor.submit(asyncio.run, _place_order_of(server, Buyer(0, MARKUP, "Yılmaz"), "trendyol")).result()
    for person in (admin, manager):
        expect(person.page.locator("#recent-orders")).to_contain_text(MARKUP)
        expect(person.page.locator("#recent-orders img")).to_have_count(0)


def test_a_server_that_was_killed_is_found_again_and_the_groups_are_back(own_server: Server, open_window: Open) -> None:
    admin = open_window(own_server, "superadmin")
    manager = open_window(own_server, "manager")
    for person in (admin, manager):
        person.wait_until_live()
        person.page.evaluate("window.thePageWasNotReloaded = true")
    own_server.kill()
    for person in (admin, manager):
        expect(person.page.locator("#connection-status")).to_have_text("RECONNECTING...")
        expect(person.page.locator(".notice")).to_be_visible()
        expect(person.page.locator("body")).to_have_attribute("data-connection", "stale")
    own_server.start()
    for person in (admin, manager):
        person.wait_until_live()
        expect(person.page.locator(".notice")).to_be_hidden()
        assert person.page.evaluate("window.thePageWasNotReloaded") is True
    # Events arrive again: those of the role's group, and those of the groups that were joined.
    _count_events(admin, "orderNotification")
    _count_events(manager, "orderNotification")
    own_server.place_order("trendyol")
    for person in (admin, manager):
        # Not wait_for_function: it polls by eval, which the page's policy forbids.
        expect(person.page.locator("html")).not_to_have_attribute("data-counted", "0")
    admin.page.click('[data-sync="trendyol"]')
    expect(manager.page.locator("#trendyol-progress-text")).to_have_text("100%")


def _count_events(person: Person, target: str) -> None:
    person.page.evaluate(
        """(target) => {
            const { dataset } = document.documentElement;
            dataset.counted = '0';
            document.addEventListener(`signalr:${target}`, () => { dataset.counted = String(+dataset.counted + 1); });
        }""",
        target,
    )


async def _place_order_of(server: Server, buyer: Buyer, marketplace: str) -> None:
    chance = random.Random(7)  # noqa: S311 - which products, nothing more
    shop = await DemoShop.open(server.data_dir / DEMO_SHOP_FILE, clock=SystemClock(), random=chance)
    try:
        driver = shop.driver()
        draft = replace(draft_order(chance, marketplace), buyer=buyer)
        await driver.confirm(await driver.begin_checkout(draft), draft)
    finally:
        await shop.close()
