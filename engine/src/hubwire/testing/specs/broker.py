"""What every `Broker` promises."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager

import pytest

from hubwire.errors import BrokerUnavailable
from hubwire.ports import Broker

_TIMEOUT_SECONDS = 20


class Inbox:
    """A `BrokerListener` that keeps what it is told, and may be slow."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes]] = []
        self.states: list[str] = []
        self.gate: asyncio.Event | None = None
        """Set to hold every message up until it is open."""
        self.breaks_at: bytes | None = None
        """A payload at which it breaks the promise of its port."""
        self._changed = asyncio.Event()

    def received(self, subject: bytes, payload: bytes) -> Awaitable[None] | None:
        if payload == self.breaks_at:
            raise RuntimeError("This listener breaks its promise not to raise.")
        self.messages.append((subject, payload))
        self._changed.set()
        return None if self.gate is None else self._wait(self.gate)

    def lost(self) -> None:
        self.states.append("lost")
        self._changed.set()

    def restored(self, seconds: float) -> None:
        self.states.append("restored")
        self._changed.set()

    async def until(self, count: int) -> list[tuple[bytes, bytes]]:
        """Wait for that many messages and take them out."""
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while len(self.messages) < count:
                self._changed.clear()
                await self._changed.wait()
        taken, self.messages = self.messages, []
        return taken

    async def until_told(self, *states: str) -> None:
        """Wait for just these changes of state and forget them."""
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while len(self.states) < len(states):
                self._changed.clear()
                await self._changed.wait()
        assert self.states == list(states)
        self.states = []

    @staticmethod
    async def _wait(gate: asyncio.Event) -> None:
        await gate.wait()


class BrokerSpec(ABC):
    """Implement `create`; each test gets a place to meet of its own."""

    @abstractmethod
    def create(self) -> AbstractAsyncContextManager[list[Broker]]:
        """Three brokers of one place that were not started; leaving the context ends the place."""

    @pytest.fixture(autouse=True)
    async def _begin(self) -> AsyncIterator[None]:
        async with self.create() as self.brokers:
            self.inboxes = [Inbox() for _ in self.brokers]
            for broker, inbox in zip(self.brokers, self.inboxes, strict=True):
                await broker.start(inbox)
            yield
            for broker in self.brokers:
                await broker.stop()

    async def subscribe(self, number: int, *subjects: bytes) -> None:
        for subject in subjects:
            self.brokers[number].subscribe(subject)
        await self.settled(number)

    async def settled(self, number: int) -> None:
        waiting = self.brokers[number].settled()
        if waiting is not None:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await waiting

    async def publish(self, number: int, subject: bytes, payload: bytes = b"") -> int:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await self.brokers[number].publish([subject], payload)

    async def test_a_message_reaches_every_subscriber_and_its_publisher_learns_how_many(self) -> None:
        for number in (0, 1):
            await self.subscribe(number, b"s")
        assert await self.publish(0, b"s", b"hello") == 2
        for number in (0, 1):
            assert await self.inboxes[number].until(1) == [(b"s", b"hello")]
        assert self.inboxes[2].messages == []

    async def test_a_message_for_nobody_reaches_nobody(self) -> None:
        await self.subscribe(0, b"s")
        assert await self.publish(1, b"t") == 0

    async def test_one_call_reaches_several_subjects_and_counts_all_of_them(self) -> None:
        await self.subscribe(0, b"s", b"t")
        await self.subscribe(1, b"t")
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            assert await self.brokers[2].publish([b"s", b"t", b"u"], b"x") == 3
        assert await self.inboxes[0].until(2) == [(b"s", b"x"), (b"t", b"x")]
        assert await self.inboxes[1].until(1) == [(b"t", b"x")]

    async def test_a_call_without_subjects_reaches_nobody(self) -> None:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            assert await self.brokers[0].publish([], b"x") == 0

    @pytest.mark.parametrize("part", [b"", b"\x00\r\n", bytes(range(256)), "ö 中 🙂".encode(), b"*", b" "])
    async def test_subjects_and_payloads_are_any_bytes(self, part: bytes) -> None:
        await self.subscribe(0, b"s:" + part)
        assert await self.publish(1, b"s:" + part, part) == 1
        assert await self.inboxes[0].until(1) == [(b"s:" + part, part)]

    async def test_a_subject_is_no_pattern(self) -> None:
        await self.subscribe(0, b"s*")
        assert await self.publish(1, b"sx") == 0

    async def test_a_large_message_arrives_whole(self) -> None:
        await self.subscribe(0, b"s")
        payload = bytes(range(256)) * 4096
        await self.publish(1, b"s", payload)
        assert await self.inboxes[0].until(1) == [(b"s", payload)]

    async def test_messages_of_one_publisher_arrive_in_order_over_all_subjects(self) -> None:
        subjects = [b"s", b"t", b"u"]
        await self.subscribe(0, *subjects)
        sent = [(subjects[number % 3], b"%d" % number) for number in range(500)]
        results = [self.brokers[1].publish([subject], payload) for subject, payload in sent]
        assert await self.inboxes[0].until(500) == sent
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            assert [await result for result in results] == [1] * 500

    async def test_subscribing_twice_delivers_once_and_needs_unsubscribing_once(self) -> None:
        await self.subscribe(0, b"s", b"s")
        assert await self.publish(0, b"s") == 1
        await self.inboxes[0].until(1)
        self.brokers[0].unsubscribe(b"s")
        await self.settled(0)
        assert await self.publish(1, b"s") == 0

    async def test_the_last_of_subscribe_and_unsubscribe_counts(self) -> None:
        broker = self.brokers[0]
        for _ in range(3):
            broker.subscribe(b"stays")
            broker.unsubscribe(b"stays")
            broker.unsubscribe(b"goes")
            broker.subscribe(b"goes")
        broker.subscribe(b"stays")
        broker.unsubscribe(b"goes")
        await self.settled(0)
        assert (await self.publish(1, b"stays"), await self.publish(1, b"goes")) == (1, 0)

    async def test_the_last_one_who_leaves_does_not_undo_a_subscription_made_meanwhile(self) -> None:
        for _ in range(50):
            self.brokers[0].subscribe(b"s")
            await asyncio.sleep(0)
            self.brokers[0].unsubscribe(b"s")
            await asyncio.sleep(0)
            self.brokers[0].subscribe(b"s")
            await self.settled(0)
            assert await self.publish(1, b"s") == 1
            self.brokers[0].unsubscribe(b"s")

    async def test_a_cancelled_wait_for_a_subscription_harms_nobody(self) -> None:
        self.brokers[0].subscribe(b"s")
        waits = [asyncio.create_task(self.settled(0)) for _ in range(3)]
        await asyncio.sleep(0)
        waits[1].cancel()
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            results = await asyncio.gather(*waits, return_exceptions=True)
        assert (results[0], results[2]) == (None, None)
        assert await self.publish(1, b"s") == 1

    async def test_a_cancelled_publisher_harms_nobody(self) -> None:
        await self.subscribe(0, b"s")

        async def publish(payload: bytes) -> int:
            return await self.brokers[1].publish([b"s"], payload)

        tasks = [asyncio.create_task(publish(payload)) for payload in (b"1", b"2", b"3")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert (results[0], results[2]) == (1, 1)
        assert await self.inboxes[0].until(3) == [(b"s", b"1"), (b"s", b"2"), (b"s", b"3")]

    async def test_many_subscriptions_stand_after_one_wait(self) -> None:
        subjects = [b"s%d" % number for number in range(5000)]
        await self.subscribe(0, *subjects)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            assert await self.brokers[1].publish(subjects, b"") == 5000
        assert len(await self.inboxes[0].until(5000)) == 5000

    async def test_a_slow_listener_gets_everything_and_holds_nobody_up(self) -> None:
        for number in (0, 1):
            await self.subscribe(number, b"s")
        self.inboxes[0].gate = asyncio.Event()
        for turn in range(200):
            await self.publish(2, b"s", b"%d" % turn)
        assert len(await self.inboxes[1].until(200)) == 200
        assert len(self.inboxes[0].messages) <= 1
        self.inboxes[0].gate.set()
        assert [payload for _, payload in await self.inboxes[0].until(200)] == [b"%d" % turn for turn in range(200)]

    async def test_a_message_that_its_listener_fails_on_is_the_only_one_lost(self) -> None:
        await self.subscribe(0, b"s")
        self.inboxes[0].breaks_at = b"2"
        for payload in (b"1", b"2", b"3"):
            await self.publish(1, b"s", payload)
        assert await self.inboxes[0].until(2) == [(b"s", b"1"), (b"s", b"3")]

    async def test_one_that_was_stopped_receives_nothing_and_refuses_to_publish(self) -> None:
        await self.subscribe(0, b"s")
        await self.brokers[0].stop()
        assert not self.brokers[0].is_available
        with pytest.raises(BrokerUnavailable) as caught:
            self.brokers[0].publish([b"s"], b"")
        assert not caught.value.may_have_arrived
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while await self.publish(1, b"s"):  # noqa: ASYNC110 - the other side may notice a little later
                await asyncio.sleep(0)

    async def test_what_was_published_goes_out_before_the_end(self) -> None:
        await self.subscribe(0, b"s")
        for turn in range(99):
            self.brokers[1].publish([b"s"], b"%d" % turn)
        given_up = asyncio.ensure_future(self.brokers[1].publish([b"s"], b"99"))
        given_up.cancel()
        await self.brokers[1].stop()
        assert len(await self.inboxes[0].until(100)) == 100

    async def test_one_that_was_stopped_may_begin_again_without_its_subscriptions(self) -> None:
        await self.subscribe(0, b"s")
        await self.brokers[0].stop()
        await self.brokers[0].start(self.inboxes[0])
        await self.subscribe(0, b"t")
        assert (await self.publish(0, b"t", b"x"), await self.publish(0, b"s")) == (1, 0)
        assert await self.inboxes[0].until(1) == [(b"t", b"x")]
