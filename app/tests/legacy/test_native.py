from __future__ import annotations

from app.tests.legacy.happenings import ADMIN, OPTIONS, VIEWER, after, arrived, order, said, step

from meschain.legacy.commands import StartSync
from meschain.legacy.native import NativeConversation


def greeted() -> NativeConversation:
    stream = NativeConversation(ADMIN, 1, OPTIONS)
    (greeting,) = said(stream.greet(after(0)))
    assert greeting["dashboard_data"]["total_revenue"] == 1234.5
    return stream


def test_periodic_updates_come_every_ten_seconds_without_being_asked_for() -> None:
    stream = greeted()
    assert said(stream.due(after(9.9))) == []
    assert [each["type"] for each in said(stream.due(after(10)))] == ["periodic_update"]
    assert said(stream.due(after(19.9))) == []
    assert len(said(stream.due(after(20)))) == 1


def test_the_end_of_a_sync_is_told_and_its_steps_are_not() -> None:
    stream = greeted()
    assert stream.hear(step(completed=False, status="running"), after(1)) == ()
    (told,) = arrived(stream.hear(step(completed=True, status="success", processed=10, failed=2), after(2)))
    assert (told["type"], told["status"], told["records_updated"]) == ("sync_completed", "success", 8)
    assert stream.hear(order(1), after(3)) == ()


def test_what_may_not_be_seen_is_not_told() -> None:
    stream = NativeConversation(VIEWER, 1, OPTIONS)
    assert stream.hear(step(completed=True, status="success"), after(0)) == ()


def test_a_refused_sync_is_passed_over_in_silence() -> None:
    asked = greeted().receive('{"type": "manual_sync"}', after(0))
    assert isinstance(asked, StartSync)
    assert asked.marketplace == "all"
    assert list(asked.refused("You may not start this sync.")) == []


def test_nothing_that_is_not_understood_is_answered() -> None:
    stream = greeted()
    odd = ("", "null", "[]", "7", '"text"', "{}", '{"type": 3}', '{"type": "subscribe"}', '{"action": "ping"}', b"\xff")
    for frame in odd:
        assert said(stream.receive(frame, after(0))) == []
