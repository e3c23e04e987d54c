"""The small parts of the server by themselves: timer wheel, outbox, pending ids, proxies, drain, tasks."""

from __future__ import annotations

import asyncio
import contextlib
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.model import Caller, Principal
from hubwire.options import HubOptions
from hubwire.server.app import HubServer
from hubwire.server.hosted import Hosted, Opening
from hubwire.server.outbox import Outbox
from hubwire.server.outboxes import Outboxes
from hubwire.server.requests import TrustedProxies, bearer_token, make_request
from hubwire.server.shutdown import drain, finished_within
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TICK_SECONDS, TimerWheel
from hubwire.testing import FakeClock

from .conftest import until


class Member:
    """Notes when it was ticked; may ask again."""

    def __init__(self, wheel: TimerWheel, every: float | None = None) -> None:
        self.wheel_slot = -1
        self.ticks: list[float] = []
        self._wheel = wheel
        self._every = every

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        if self._every is not None:
            self._wheel.schedule(self, now + self._every)


class Reader:
    """Somebody for whom much may wait."""

    def __init__(self, outboxes: Outboxes) -> None:
        self.outbox = Outbox(1000, outboxes, self)
        self.is_cut = False

    @property
    def unread_bytes(self) -> int:
        return self.outbox.queued_bytes

    def cut_off(self, total_limit_bytes: int) -> None:
        self.is_cut = True
        self.outbox.drop()


class Failing(Member):
    def tick(self, now: float) -> None:
        raise RuntimeError("on purpose")


async def play(clock: FakeClock, wheel: TimerWheel, seconds: float) -> None:
    """Let the wheel serve tick by tick."""
    task = asyncio.ensure_future(wheel.run())
    for _ in range(round(seconds / TICK_SECONDS)):
        await clock.until_sleeping()
        clock.advance(TICK_SECONDS)
        await asyncio.sleep(0)
    await clock.until_sleeping()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_members_are_ticked_once_at_their_time_or_a_tick_later() -> None:
    clock = FakeClock()
    wheel = TimerWheel(clock)
    members = {due: Member(wheel) for due in (0.0, 0.3, 1.0, 2.6)}
    for due, member in members.items():
        wheel.schedule(member, due)
    await play(clock, wheel, 4.0)
    for due, member in members.items():
        (ticked,) = member.ticks
        assert due <= ticked <= due + TICK_SECONDS


async def test_a_member_may_ask_again_move_and_cancel() -> None:
    clock = FakeClock()
    wheel = TimerWheel(clock)
    repeating, moved, earlier, unmoved, cancelled = Member(wheel, 1.0), *(Member(wheel) for _ in range(4))
    wheel.schedule(repeating, 1.0)
    wheel.schedule(moved, 1.0)
    wheel.schedule(moved, 3.0)
    wheel.schedule(earlier, 3.0)
    wheel.advance(earlier, 1.0)
    wheel.schedule(unmoved, 1.0)
    wheel.advance(unmoved, 3.0)
    wheel.schedule(cancelled, 1.0)
    wheel.cancel(cancelled)
    await play(clock, wheel, 4.0)
    assert repeating.ticks == [1.0, 2.0, 3.0, 4.0]
    assert moved.ticks == [3.0]
    assert earlier.ticks == unmoved.ticks == [1.0]
    assert cancelled.ticks == []


def test_a_member_that_left_is_not_kept() -> None:
    wheel = TimerWheel(FakeClock())
    cancelled, moved = Member(wheel), Member(wheel)
    for member in (cancelled, moved):
        wheel.schedule(member, 10.0)
    wheel.cancel(cancelled)
    wheel.schedule(moved, 5.0)
    wheel.cancel(moved)
    seen = [weakref.ref(cancelled), weakref.ref(moved)]
    del cancelled, moved, member
    assert [reference() for reference in seen] == [None, None]


async def test_a_member_that_fails_does_not_stop_the_time_of_others(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    wheel = TimerWheel(clock)
    after = Member(wheel)
    wheel.schedule(Failing(wheel), 1.0)
    wheel.schedule(after, 1.0)
    await play(clock, wheel, 2.0)
    assert len(after.ticks) == 1
    assert "A timer failed" in caplog.text


async def test_after_a_long_jump_everybody_due_is_served() -> None:
    clock = FakeClock()
    wheel = TimerWheel(clock)
    members = [Member(wheel) for _ in range(1200)]
    for number, member in enumerate(members):
        wheel.schedule(member, float(number % 90))
    task = asyncio.ensure_future(wheel.run())
    await clock.until_sleeping()
    clock.advance(100.0)
    await until(lambda: all(member.ticks for member in members))
    assert all(member.ticks == [100.0] for member in members)
    task.cancel()


async def test_after_a_long_jump_whoever_asks_for_a_time_that_has_passed_is_served_in_the_next_tick() -> None:
    class Late(Member):
        """One that has more to do, and had it before the jump ended."""

        def tick(self, now: float) -> None:
            super().tick(now)
            if len(self.ticks) < 3:
                self._wheel.schedule(self, 50.0)

    clock = FakeClock()
    wheel = TimerWheel(clock)
    late = Late(wheel)
    wheel.schedule(late, 1.0)
    task = asyncio.ensure_future(wheel.run())
    await clock.until_sleeping()
    clock.advance(100.0)
    for _ in range(4):
        await clock.until_sleeping()
        clock.advance(TICK_SECONDS)
    await clock.until_sleeping()
    task.cancel()
    assert late.ticks == [100.0, 100.25, 100.5]


@given(st.lists(st.binary(max_size=20), max_size=30))
def test_an_outbox_keeps_the_order_and_its_limit(items: list[bytes]) -> None:
    outboxes = Outboxes(1000)
    outbox = Outbox(100, outboxes, Reader(outboxes))
    accepted = [item for item in items if outbox.add(item)]
    assert outbox.queued_bytes == sum(map(len, accepted)) <= 100
    assert len(outbox) == len(accepted)
    assert list(iter(outbox.take, None)) == accepted
    assert outbox.queued_bytes == 0


def request(
    headers: list[tuple[str, str]], query: str = "", peer: str = "10.0.0.1", proxies: tuple[str, ...] = ()
) -> object:
    made = make_request("GET", "/", query, headers, peer, "http", TrustedProxies(proxies))
    return made.remote_address, made.scheme


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ((), "1.1.1.1", "10.0.0.1"),
        (("10.0.0.0/8",), "1.1.1.1", "1.1.1.1"),
        (("10.0.0.0/8",), "6.6.6.6, 1.1.1.1, 10.9.9.9", "1.1.1.1"),
        (("10.0.0.0/8",), "10.3.3.3", "10.3.3.3"),
        (("10.0.0.0/8",), "", "10.0.0.1"),
        (("192.168.0.1",), "1.1.1.1", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_hop_that_is_not_ours(proxies: tuple[str, ...], forwarded: str, address: str) -> None:
    assert request([("X-Forwarded-For", forwarded)], proxies=proxies) == (address, "http")


def test_the_scheme_is_believed_from_proxies_only() -> None:
    headers = [("X-Forwarded-Proto", "https")]
    assert request(headers) == ("10.0.0.1", "http")
    assert request(headers, proxies=("10.0.0.1",)) == ("10.0.0.1", "https")
    assert request(headers, peer="::ffff:10.0.0.1", proxies=("10.0.0.1",)) == ("::ffff:10.0.0.1", "https")
    assert request([("X-Forwarded-Proto", "gopher")], proxies=("10.0.0.1",)) == ("10.0.0.1", "http")
    assert request(headers, peer="", proxies=("10.0.0.1",)) == ("", "http")


def test_a_proxy_that_is_no_address_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        TrustedProxies(("proxy.example",))


def test_tokens_and_queries_are_never_shown() -> None:
    made = make_request(
        "GET", "/", "access_token=secret", [("Authorization", "Bearer s3cret")], "", "http", TrustedProxies(())
    )
    assert bearer_token(made) == "s3cret"
    assert "secret" not in repr(made)
    assert "s3cret" not in repr(made)
    hosted = Hosted("Chat", HubOptions(), None, lambda opening, transport, on_gone: NotImplemented, None)
    opening = Opening(hosted, Caller("public", "Chat", Principal("ann"), made, "WebSockets"), "t0ken")
    assert "public" in repr(opening)
    assert "t0ken" not in repr(opening)


class Client:
    def __init__(self, stopped: list[float], clock: FakeClock) -> None:
        self._stopped = stopped
        self._clock = clock

    def stop(self) -> None:
        self._stopped.append(self._clock.monotonic())


@pytest.mark.parametrize(("count", "steps"), [(0, 0), (1, 1), (20, 1), (1000, 50)])
async def test_a_drain_is_spread_over_its_time(count: int, steps: int) -> None:
    clock = FakeClock()
    stopped: list[float] = []
    clients = [Client(stopped, clock) for _ in range(count)]
    task = asyncio.create_task(drain(clients, 5.0, clock))
    while not task.done():
        await asyncio.wait((task,), timeout=0)
        clock.advance(0.1)
    assert len(stopped) == count
    assert len(set(stopped)) == steps
    assert max(stopped, default=0.0) <= 5.5


async def test_waiting_has_an_end() -> None:
    clock = FakeClock()
    event = asyncio.Event()

    async def wait() -> None:
        await event.wait()

    waiting = asyncio.ensure_future(finished_within(wait(), 5.0, clock))
    await clock.until_sleeping()
    clock.advance(5.0)
    assert await waiting is False
    event.set()
    assert await finished_within(wait(), 5.0, clock) is True
    assert clock.sleeping == 0


async def test_a_task_that_fails_is_reported_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    done = asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("on purpose")

    async def succeed() -> None:
        await asyncio.sleep(0)
        done.set()

    tasks.start(fail())
    tasks.start(succeed())
    await tasks.wait()
    assert done.is_set()
    assert "A connection's task failed" in caplog.text

    async def forever() -> None:
        await asyncio.Event().wait()

    tasks.start(forever())
    await tasks.cancel()
    await tasks.wait()


async def test_hub_code_that_keeps_its_cancellation_to_itself_does_not_hold_up_the_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, release = FakeClock(), asyncio.Event()
    server = HubServer(clock=clock)

    async def deaf() -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    async def serve() -> None:
        async with server.lifespan():
            server.start(deaf())

    life = asyncio.create_task(serve())
    for _ in range(1000):
        await asyncio.sleep(0)
        clock.advance(0.1)
    has_ended = life.done()
    release.set()
    await life
    assert has_ended
    assert "1 calls of hub code" in caplog.text
