"""Pages change sides while they are looked at: no event is lost or shown twice, and nobody notices anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from app.tests.program import free_port
from playwright.sync_api import expect
from web.e2e.person import Open
from web.e2e.server import RolloutServer
from web.e2e.test_behind_a_service import expect_never_disturbed, remember_changes

pytestmark = pytest.mark.timeout(360)

REMEMBER_EVENTS = """() => {
    const { dataset } = document.documentElement;
    window.shown = {};
    document.addEventListener('signalr:moved', () => (dataset.moves = String(+(dataset.moves ?? '0') + 1)));
    document.addEventListener('signalr:orderNotification', ({ detail }) => {
        window.shown[detail.eventId] = (window.shown[detail.eventId] ?? 0) + 1;
        dataset[`order${detail.orderId}`] = 'shown';
    });
}"""
"""Which orders were shown, and how often the connection has moved, as attributes of the page; and how often each event
was: the demo shop's orders move on, which are events of their own."""
DOUBLES = "() => Object.entries(window.shown).filter(([, times]) => times !== 1)"


@pytest.fixture
def rollout_server(tmp_path: Path) -> Iterator[RolloutServer]:
    server = RolloutServer(tmp_path / "data", free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_the_dial_moves_pages_to_the_other_side_and_back_and_they_do_not_notice(
    rollout_server: RolloutServer, open_window: Open
) -> None:
    people = [open_window(rollout_server, "superadmin"), open_window(rollout_server, "manager")]
    for person in people:
        person.wait_until_live()
        remember_changes(person)
        person.page.evaluate(REMEMBER_EVENTS)
    dial = open_window(rollout_server, "admin").page
    dial.goto(f"{rollout_server.url}/rollout.html")
    expect(dial.locator("#plan-state")).to_have_text("Not started")
    expect(dial.locator("#rollback")).to_be_disabled()
    held = dial.locator("#sides tbody tr").first.locator("td")

    def moved(times: int, blue: str, green: str) -> None:
        order = rollout_server.place_order("trendyol")
        for person in people:
            page = person.page.locator("html")
            expect(page).to_have_attribute("data-moves", str(times))
            expect(page).to_have_attribute(f"data-order{order}", "shown")
        expect(held).to_have_text([blue, green])

    dial.locator("#dial").fill("100")
    dial.click("#set")
    expect(dial.locator("#plan-state")).to_have_text("Running")
    moved(1, "0", "2")
    dial.click("#rollback")
    expect(dial.locator("#plan-state")).to_have_text("Rolled back")
    moved(2, "2", "0")
    expect(dial.locator("#history li")).to_have_count(2)
    for person in people:
        assert person.page.evaluate(DOUBLES) == []
        expect_never_disturbed(person)
