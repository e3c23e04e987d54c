from __future__ import annotations

import json
from dataclasses import replace

import msgspec
from app.tests.legacy.happenings import ADMIN, OPTIONS, SEEN, VIEWER, after, arrived, said, step
from app.tests.services.fakes import some_order

from meschain.legacy.commands import StartSync
from meschain.legacy.panel import PanelConversation, sync_id


def panel() -> PanelConversation:
    return PanelConversation(ADMIN, 1, OPTIONS)


def subscribe(page: PanelConversation, interval: object) -> float:
    confirmed, _ = said(page.receive(json.dumps({"action": "subscribe_dashboard", "interval": interval}), after(0)))
    asked: float = confirmed["interval"]
    return asked


def test_it_is_updated_at_the_interval_that_it_asked_for() -> None:
    page = panel()
    said(page.greet(after(0)))
    assert said(page.due(after(100))) == []
    assert subscribe(page, 30) == 30
    assert said(page.due(after(29.9))) == []
    assert len(said(page.due(after(30)))) == 1
    assert said(page.due(after(59.9))) == []
    assert len(said(page.due(after(60)))) == 1


def test_an_interval_that_makes_no_sense_gets_one_that_does() -> None:
    for asked, first_update in ((0.001, 5), (-1, 5), (1e9, 3600), ("soon", 30), (None, 30), (True, 30)):
        page = panel()
        subscribe(page, asked)
        assert said(page.due(after(first_update - 0.1))) == []
        assert len(said(page.due(after(first_update)))) == 1


def test_each_order_is_shown_once_and_the_newest_last() -> None:
    page = panel()
    newest_first = [some_order(number) for number in range(12, 0, -1)]
    (first,) = said(page.greet(after(0)), replace(SEEN, orders=newest_first))
    shown = [row["id"] for row in first["data"]["recent_orders"]]
    assert shown == [order.order_number for order in reversed(newest_first[:10])]
    (again,) = said(page.greet(after(1)), replace(SEEN, orders=[some_order(13), *newest_first]))
    assert [row["id"] for row in again["data"]["recent_orders"]] == [some_order(13).order_number]


def test_a_buyers_name_is_text() -> None:
    evil = msgspec.structs.replace(some_order(1), customer="<script>alert('x')</script>", order_number='"&')
    (update,) = said(panel().greet(after(0)), replace(SEEN, orders=[evil]))
    (row,) = update["data"]["recent_orders"]
    assert row["customer"] == "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"
    assert row["id"] == "&quot;&amp;"


def test_a_sync_is_told_once_per_word_with_the_id_of_its_beginning() -> None:
    page = panel()
    asked = page.receive('{"action": "manual_sync", "marketplace": "amazon"}', after(0))
    assert isinstance(asked, StartSync)
    job = "0123456789abcdef0123456789abcdef"
    (started,) = arrived(asked.started(job))
    words = []
    for status in ("queued", "running", "running", "success"):
        for told in arrived(page.hear(step(job_id=job, status=status), after(1))):
            assert told["sync_id"] == started["sync_id"] == sync_id(job)
            words.append(told["status"])
    assert words == ["in_progress", "completed"]
    (failed,) = arrived(page.hear(step(job_id="f" * 32, status="error"), after(2)))
    assert failed["status"] == "failed"


def test_a_refusal_has_the_panels_own_form() -> None:
    asked = panel().receive('{"action": "manual_sync"}', after(0))
    assert isinstance(asked, StartSync)
    (refused,) = arrived(asked.refused("You may not start this sync."))
    assert (refused["type"], refused["message"]) == ("error", "You may not start this sync.")


def test_who_may_not_see_performance_is_told_so() -> None:
    (answer,) = said(PanelConversation(VIEWER, 1, OPTIONS).receive('{"action": "get_performance"}', after(0)))
    assert answer["message"] == "Performance monitor not available"


def test_every_figure_is_a_number_whatever_is_known() -> None:
    (update,) = said(panel().greet(after(0)), replace(SEEN, marketplaces={}, orders=[]))
    figures = [*update["data"]["overview"].values(), *update["data"]["performance"].values()]
    assert all(isinstance(figure, int | float) for figure in figures)
    assert update["data"]["marketplace_status"]["ozon"] == {
        "status": "unknown", "last_sync": 0, "products_synced": 0, "errors": 0,
    }  # fmt: skip
