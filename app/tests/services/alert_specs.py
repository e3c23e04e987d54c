"""The promises of `services.alert_ports`, as suites: each implementation inherits one and gives the factory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest
from app.tests.services.fakes import START
from app.tests.services.store_specs import pruned

from meschain.domain.alert_rules import RuleState
from meschain.domain.alerts import ACKNOWLEDGED, FIRING, RESOLVED, Alert
from meschain.services.alert_payloads import row_of
from meschain.services.alert_ports import (
    AlertBook,
    AlertChannel,
    AlertMessage,
    AlertOutbox,
    ChannelUnavailable,
    Silence,
)
from meschain.services.ports import Prunable

RULE = "error_rate"


class Receiver(Protocol):
    """The other side of a channel."""

    def refuse(self, is_refusing: bool) -> None:
        """Take nothing from now on, or everything again."""

    def taken(self) -> int:
        """Messages so far."""


class PrunableBook(AlertBook, Prunable, Protocol): ...


class PrunableOutbox(AlertOutbox, Prunable, Protocol): ...


def some_alert(number: int, age_days: float = 0, rule: str = "") -> Alert:
    return Alert(
        id=f"alert-{number}",
        message=f"Stok uyarısı {number} 🚨",
        level="warning",
        origin="rule" if rule else "person",
        raised_by="Ayşe",
        raised_at=START - timedelta(days=age_days),
        rule=rule,
        value=7.5 if rule else None,
        threshold=5.0 if rule else None,
        unit="%" if rule else "",
    )


def some_message(alert: Alert, channel: str = "mail", number: int = 0) -> AlertMessage:
    return AlertMessage(
        id=f"{alert.id}-{alert.state}-{channel}",
        channel=channel,
        content=row_of(alert),
        created_at=START + timedelta(seconds=number),
    )


def of_mail(alert: Alert) -> Sequence[AlertMessage]:
    return [some_message(alert)]


class AlertBookSpec:
    MOST_MESSAGES = 5

    @pytest.fixture
    def outbox(self) -> PrunableOutbox:
        raise NotImplementedError

    @pytest.fixture
    def book(self, outbox: PrunableOutbox) -> PrunableBook:
        """Takes `MOST_MESSAGES`."""
        raise NotImplementedError

    async def test_latest_gives_the_newest_first_and_no_more_than_asked(self, book: PrunableBook) -> None:
        assert list(await book.latest(10)) == []
        for number in range(4):
            assert await book.add(some_alert(number))
        assert await book.latest(3) == [some_alert(3), some_alert(2), some_alert(1)]
        assert await book.get("alert-2") == some_alert(2)
        assert await book.get("alert-9") is None

    async def test_the_same_alert_twice_is_one_with_one_message(
        self, book: PrunableBook, outbox: PrunableOutbox
    ) -> None:
        first = some_alert(1)
        assert await book.add(first, of_mail(first))
        assert not await book.add(replace(first, message="other"), of_mail(first))
        assert await book.latest(10) == [first]
        assert await outbox.count() == 1

    async def test_it_keeps_ids_and_texts_as_long_as_they_may_be(self, book: PrunableBook) -> None:
        longest = replace(some_alert(1), id="ş" * 190, message="🚨" * 500, raised_by="ş" * 100)
        await book.add(longest)
        assert await book.get(longest.id) == longest

    async def test_a_change_is_stored_once_with_its_messages(self, book: PrunableBook, outbox: PrunableOutbox) -> None:
        alert = some_alert(1)
        await book.add(alert)
        known = replace(alert, state=ACKNOWLEDGED, acknowledged_by="Ayşe", acknowledged_at=START)
        assert await book.change(known, FIRING)
        assert not await book.change(replace(alert, state=RESOLVED), FIRING, of_mail(alert))
        assert await book.get(alert.id) == known
        assert await outbox.count() == 0
        over = replace(known, state=RESOLVED, resolved_at=START + timedelta(minutes=1))
        assert await book.change(over, ACKNOWLEDGED, of_mail(over))
        assert await book.get(alert.id) == over
        assert [each.content for each in await outbox.waiting("mail", 10)] == [row_of(over)]
        assert not await book.change(some_alert(9), FIRING)

    async def test_each_state_is_untold_until_it_is_marked(self, book: PrunableBook) -> None:
        first, second = some_alert(1), some_alert(2)
        await book.add(first)
        await book.add(second)
        assert await book.untold(10) == [first, second]
        assert await book.untold(1) == [first]
        await book.mark_told(first.id, FIRING)
        assert await book.untold(10) == [second]
        over = replace(first, state=RESOLVED, resolved_at=START)
        await book.change(over, FIRING)
        await book.mark_told(first.id, FIRING)  # by somebody who was slow
        assert await book.untold(10) == [over, second]
        await book.mark_told(first.id, RESOLVED)
        await book.mark_told("alert-9", FIRING)
        assert await book.untold(10) == [second]

    async def test_a_rule_fires_once_and_resolves_once(self, book: PrunableBook, outbox: PrunableOutbox) -> None:
        alert = some_alert(1, rule=RULE)
        fired = RuleState(alert_id=alert.id, fired_at=START, is_known=True, value=7.5)
        assert await book.fires(RULE, fired, alert, of_mail(alert))
        other = some_alert(2, rule=RULE)
        assert not await book.fires(RULE, replace(fired, alert_id=other.id), other, of_mail(other))
        assert (await book.rules())[RULE].state == fired
        assert await book.latest(10) == [alert]

        clear = RuleState(fired_at=START, is_known=True, value=0.0)
        now = START + timedelta(minutes=5)
        assert await book.resolves(RULE, clear, other.id, now, of_mail) is None
        over = replace(alert, state=RESOLVED, resolved_at=now)
        assert await book.resolves(RULE, clear, alert.id, now, of_mail) == over
        assert await book.resolves(RULE, clear, alert.id, now, of_mail) is None
        assert (await book.rules())[RULE].state == clear
        assert await book.latest(10) == [over]
        assert [each.content.state for each in await outbox.waiting("mail", 10)] == [FIRING, RESOLVED]

    async def test_of_several_who_see_it_at_once_one_raises_and_one_ends_it(
        self, book: PrunableBook, outbox: PrunableOutbox
    ) -> None:
        await book.remember({RULE: RuleState(since=START, is_known=True, value=9.0)})
        rivals = [some_alert(number, rule=RULE) for number in range(5)]
        fired = await asyncio.gather(
            *(book.fires(RULE, RuleState(alert_id=each.id), each, of_mail(each)) for each in rivals)
        )
        assert sum(fired) == 1
        (alert,) = await book.latest(10)
        over = await asyncio.gather(*(book.resolves(RULE, RuleState(), alert.id, START, of_mail) for _ in rivals))
        assert [each.state for each in over if each is not None] == [RESOLVED]
        assert await outbox.count() == 2

    async def test_what_was_said_of_it_stays_when_its_rule_ends_it(self, book: PrunableBook) -> None:
        alert = some_alert(1, rule=RULE)
        await book.fires(RULE, RuleState(alert_id=alert.id), alert, ())
        known = replace(alert, state=ACKNOWLEDGED, acknowledged_by="Ayşe", acknowledged_at=START)
        await book.change(known, FIRING)
        over = await book.resolves(RULE, RuleState(), alert.id, START, of_mail)
        assert over == replace(known, state=RESOLVED, resolved_at=START)
        assert await book.untold(10) == [over]

    async def test_what_a_rule_remembers_never_moves_its_alert(self, book: PrunableBook) -> None:
        pending = RuleState(since=START, is_known=True, value=9.0)
        await book.remember({RULE: pending, "other": RuleState()})
        assert {name: kept.state for name, kept in (await book.rules()).items()} == {
            RULE: pending,
            "other": RuleState(),
        }
        alert = some_alert(1, rule=RULE)
        fired = replace(pending, alert_id=alert.id, since=None)
        await book.fires(RULE, fired, alert, ())
        await book.remember({RULE: pending})  # by a process that does not know it yet
        assert (await book.rules())[RULE].state == fired
        await book.remember({RULE: replace(fired, value=1.0)})
        assert (await book.rules())[RULE].state.value == 1.0

    async def test_a_silence_stays_until_it_is_ended(self, book: PrunableBook) -> None:
        silence = Silence(START + timedelta(hours=1), "Ayşe", "Depo sayımı")
        await book.silence(RULE, silence)
        state = RuleState(is_known=True, value=3.0)
        await book.remember({RULE: state})
        kept = (await book.rules())[RULE]
        assert (kept.state, kept.silence) == (state, silence)
        assert kept.is_silent(START)
        assert not kept.is_silent(START + timedelta(hours=1))
        await book.silence(RULE, None)
        assert (await book.rules())[RULE].silence is None
        assert (await book.rules())[RULE].state == state

    async def test_too_many_messages_do_not_keep_alerts_out(self, book: PrunableBook, outbox: PrunableOutbox) -> None:
        for number in range(self.MOST_MESSAGES + 2):
            alert = some_alert(number)
            assert await book.add(alert, of_mail(alert))
        assert await outbox.count() == self.MOST_MESSAGES
        assert len(await book.latest(100)) == self.MOST_MESSAGES + 2

    async def test_prune_deletes_what_is_older_but_what_a_rule_still_needs(self, book: PrunableBook) -> None:
        standing = some_alert(1, age_days=10, rule=RULE)
        await book.fires(RULE, RuleState(alert_id=standing.id), standing, ())
        await book.add(some_alert(2, age_days=10))
        await book.add(some_alert(3, age_days=1))
        assert await pruned(book, START - timedelta(days=5)) == 1
        assert await book.latest(10) == [some_alert(3, age_days=1), standing]
        await book.resolves(RULE, RuleState(), standing.id, START, of_mail)
        assert await pruned(book, START - timedelta(days=5)) == 1


class AlertOutboxSpec:
    @pytest.fixture
    def outbox(self) -> PrunableOutbox:
        raise NotImplementedError

    @pytest.fixture
    def book(self, outbox: PrunableOutbox) -> PrunableBook:
        raise NotImplementedError

    async def test_messages_wait_in_their_order_each_for_its_channel(
        self, book: PrunableBook, outbox: PrunableOutbox
    ) -> None:
        assert await outbox.next_attempt("mail") is None
        assert list(await outbox.waiting("mail", 10)) == []
        for number in range(3):
            alert = some_alert(number)
            await book.add(alert, [some_message(alert, "mail", number), some_message(alert, "webhook:ops", number)])
        waiting = await outbox.waiting("mail", 2)
        assert waiting == [some_message(some_alert(number), "mail", number) for number in range(2)]
        assert await outbox.next_attempt("webhook:ops") == START
        await outbox.sent([each.id for each in waiting])
        assert [each.created_at for each in await outbox.waiting("mail", 10)] == [START + timedelta(seconds=2)]
        assert await outbox.count() == 4

    async def test_what_failed_waits_for_its_time_and_stays_in_front(
        self, book: PrunableBook, outbox: PrunableOutbox
    ) -> None:
        for number in range(2):
            alert = some_alert(number)
            await book.add(alert, of_mail(alert))
        later = START + timedelta(minutes=5)
        first, second = await outbox.waiting("mail", 10)
        await outbox.failed([first.id], later)
        await outbox.failed([first.id], later)
        assert await outbox.next_attempt("mail") == later
        assert await outbox.waiting("mail", 10) == [replace(first, attempts=2), second]

    async def test_prune_deletes_what_is_older(self, book: PrunableBook, outbox: PrunableOutbox) -> None:
        for number in range(2):
            alert = some_alert(number)
            await book.add(alert, [some_message(alert, "gone", number)])
        assert await pruned(outbox, START + timedelta(seconds=1)) == 1
        assert await outbox.count() == 1


class AlertChannelSpec:
    @pytest.fixture
    def receiver(self) -> Receiver:
        raise NotImplementedError

    @pytest.fixture
    def channel(self, receiver: Receiver) -> AlertChannel:
        raise NotImplementedError

    def messages(self, channel: AlertChannel) -> Sequence[AlertMessage]:
        return [some_message(some_alert(number), channel.name) for number in range(channel.most_together)]

    async def test_it_returns_once_all_are_taken(self, channel: AlertChannel, receiver: Receiver) -> None:
        messages = self.messages(channel)
        await channel.send(messages)
        assert receiver.taken() == len(messages)

    async def test_what_is_refused_may_be_sent_again(self, channel: AlertChannel, receiver: Receiver) -> None:
        messages = self.messages(channel)
        receiver.refuse(True)
        with pytest.raises(ChannelUnavailable):
            await channel.send(messages)
        receiver.refuse(False)
        await channel.send(messages)
        assert receiver.taken() == len(messages)

    async def test_the_outbox_can_serve_it(self, channel: AlertChannel) -> None:
        assert 0 < len(channel.name) <= 64
        assert channel.most_together > 0
        assert channel.apart_seconds >= 0
