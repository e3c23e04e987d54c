"""What every `MembershipStore` promises."""

# ruff: noqa: S101 - a suite of tests

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from hubwire.ports import MembershipStore

NOW = 1_700_000_000.0
"""When the suite plays; a store takes the time from its callers alone."""
HOUR = 3_600.0


class MembershipStoreSpec(ABC):
    """Implement `create`; each test gets a store of its own, that has been started."""

    @abstractmethod
    def create(self) -> AbstractAsyncContextManager[MembershipStore]:
        """A fresh, empty store; leaving the context ends it."""

    @pytest.fixture(autouse=True)
    async def _begin(self) -> AsyncIterator[None]:
        async with self.create() as self.store:
            yield

    async def put(self, group: str, expires_at: float = NOW + HOUR, *, user_id: str = "ann", hub: str = "chat") -> None:
        await self.store.put(hub, user_id, group, now=NOW, expires_at=expires_at)

    async def keep(self, group: str, kept: int = 3, now: float = NOW, user_id: str = "ann") -> None:
        await self.store.put("chat", user_id, group, now=now, expires_at=now + 24 * HOUR, kept=kept)

    async def unexpired(self, user_id: str = "ann", now: float = NOW) -> set[str]:
        return {group for group, expires_at in (await self.store.of_user("chat", user_id)).items() if expires_at > now}

    async def test_what_was_put_is_found_with_its_expiry(self) -> None:
        await self.put("g", NOW + 5.25)
        assert await self.store.find("chat", "ann", "g") == NOW + 5.25
        assert await self.store.of_user("chat", "ann") == {"g": NOW + 5.25}

    async def test_strangers_are_not_known(self) -> None:
        await self.put("g")
        for hub, user_id, group in (("other", "ann", "g"), ("chat", "bob", "g"), ("chat", "ann", "h")):
            assert await self.store.find(hub, user_id, group) is None
        assert await self.store.of_user("chat", "bob") == {}
        assert await self.store.of_user("other", "ann") == {}

    async def test_putting_again_overwrites_the_expiry_either_way(self) -> None:
        for expires_at in (NOW + 5, NOW + 9, NOW + 1):
            await self.put("g", expires_at)
            assert await self.store.of_user("chat", "ann") == {"g": expires_at}

    async def test_a_removed_membership_is_not_known(self) -> None:
        await self.put("g")
        await self.put("h")
        await self.store.remove("chat", "ann", "g")
        assert await self.store.find("chat", "ann", "g") is None
        assert await self.store.of_user("chat", "ann") == {"h": NOW + HOUR}

    async def test_removing_a_stranger_does_nothing(self) -> None:
        await self.put("g")
        await self.store.remove("chat", "ann", "h")
        await self.store.remove("other", "ann", "g")
        await self.store.remove_all("chat", "bob")
        await self.store.remove_all("other", "ann")
        assert await self.store.of_user("chat", "ann") == {"g": NOW + HOUR}

    async def test_removing_all_leaves_other_users_and_hubs_alone(self) -> None:
        await self.put("g")
        await self.keep("h")
        await self.put("g", user_id="bob")
        await self.put("g", hub="other")
        await self.store.remove_all("chat", "ann")
        assert await self.store.of_user("chat", "ann") == {}
        assert await self.store.of_user("chat", "bob") == {"g": NOW + HOUR}
        assert await self.store.of_user("other", "ann") == {"g": NOW + HOUR}

    @pytest.mark.parametrize("expires_at", [NOW, NOW - 0.9 * HOUR])
    async def test_what_has_expired_is_known_for_an_hour(self, expires_at: float) -> None:
        await self.put("g", expires_at)
        await self.put("h")
        await self.put("h")
        assert await self.store.find("chat", "ann", "g") == expires_at
        assert await self.store.of_user("chat", "ann") == {"g": expires_at, "h": NOW + HOUR}

    async def test_the_first_of_too_many_that_are_kept_expires_and_stays_known(self) -> None:
        for number in range(5):
            await self.keep(f"{number}", now=NOW + number)
        assert await self.unexpired(now=NOW + 4) == {"2", "3", "4"}
        assert await self.store.find("chat", "ann", "0") == NOW + 3
        assert await self.store.find("chat", "ann", "1") == NOW + 4

    async def test_those_that_are_kept_stand_in_the_order_of_their_updates(self) -> None:
        for number, group in enumerate("abcad"):
            await self.keep(group, now=NOW + number)
        assert await self.unexpired(now=NOW + 9) == {"c", "a", "d"}

    async def test_only_those_that_are_kept_are_counted(self) -> None:
        for group in "xyz":
            await self.put(group)
        for group in "abcd":
            await self.keep(group, user_id="ann")
            await self.keep(group, user_id="bob", kept=4)
        assert await self.unexpired() == {"x", "y", "z", "b", "c", "d"}
        assert await self.unexpired("bob") == {"a", "b", "c", "d"}

    async def test_a_membership_that_is_put_otherwise_is_counted_no_more_or_from_then_on(self) -> None:
        for group in "abc":
            await self.keep(group)
        await self.put("a")
        await self.keep("d")
        assert await self.unexpired() == {"a", "b", "c", "d"}
        await self.keep("a")
        assert await self.unexpired() == {"a", "c", "d"}

    async def test_a_removed_membership_is_counted_no_more(self) -> None:
        for group in "abc":
            await self.keep(group)
        await self.store.remove("chat", "ann", "b")
        await self.keep("d")
        assert await self.unexpired() == {"a", "c", "d"}
        await self.store.remove_all("chat", "ann")
        for group in "efg":
            await self.keep(group)
        assert await self.unexpired() == {"e", "f", "g"}

    async def test_one_that_expired_for_another_comes_back_when_it_is_put_again(self) -> None:
        for group in "abcda":
            await self.keep(group)
        assert await self.unexpired() == {"c", "d", "a"}

    @pytest.mark.parametrize("name", ["a:b", ":", "ö 中 🙂", " ", "a\r\nb", "\x00", "\ud800", "'; --", "x" * 1024])
    async def test_users_and_groups_have_any_names(self, name: str) -> None:
        await self.put(name, NOW + 5, user_id=name)
        await self.put(f"{name}!", NOW + 6, user_id=name)
        await self.put(name, NOW + 7, user_id=f"{name}!")
        assert await self.store.of_user("chat", name) == {name: NOW + 5, f"{name}!": NOW + 6}
        assert await self.store.find("chat", f"{name}!", name) == NOW + 7

    async def test_names_are_compared_with_regard_to_case(self) -> None:
        await self.put("g")
        await self.put("G", NOW + 1)
        assert await self.store.of_user("chat", "ann") == {"g": NOW + HOUR, "G": NOW + 1}
        assert await self.store.of_user("chat", "Ann") == {}

    async def test_many_calls_at_once_all_take_effect(self) -> None:
        await asyncio.gather(*(self.put(f"{number}", user_id=f"{number % 100}") for number in range(3_000)))
        everybody = await asyncio.gather(*(self.store.of_user("chat", f"{number}") for number in range(100)))
        assert [len(each) for each in everybody] == [30] * 100

    async def test_of_many_kept_at_once_the_right_number_stays(self) -> None:
        await asyncio.gather(*(self.keep(f"{number}", kept=10) for number in range(50)))
        assert len(await self.unexpired()) == 10

    async def test_a_cancelled_call_harms_no_other(self) -> None:
        calls = [asyncio.ensure_future(self.put(f"{number}")) for number in range(20)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        known = await self.store.of_user("chat", "ann")
        assert {f"{number}" for number in range(1, 20, 2)} <= known.keys()
