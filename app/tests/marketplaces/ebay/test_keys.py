"""eBay's keys are asked for once, for a while, and not without end."""

from __future__ import annotations

import asyncio

import pytest
from app.tests.marketplaces.ebay.signing import Signer
from app.tests.services.fakes import FakeClock

from meschain.marketplaces.ebay.keys import EbayKeys, KeyOptions
from meschain.services.webhook_ports import VendorUnavailable

OPTIONS = KeyOptions(keep_seconds=3600.0, unknown_seconds=60.0, most_keys=3, lookups=5, lookup_window_seconds=60.0)


class Ebay:
    """Knows the keys that a test gives it, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.asked: list[str] = []
        self.is_away = False

    async def fetch(self, key_id: str) -> str | None:
        self.asked.append(key_id)
        await asyncio.sleep(0)
        if self.is_away:
            raise VendorUnavailable("away")
        return self.keys.get(key_id)


@pytest.fixture
def ebay() -> Ebay:
    return Ebay()


@pytest.fixture
def keys(ebay: Ebay, clock: FakeClock) -> EbayKeys:
    return EbayKeys(ebay.fetch, clock, OPTIONS)


async def test_many_who_need_a_key_at_once_ask_for_it_once(ebay: Ebay, keys: EbayKeys) -> None:
    ebay.keys["a"] = Signer().public_key
    found = await asyncio.gather(*(keys.get("a") for _ in range(20)))
    assert all(key is found[0] and key is not None for key in found)
    assert ebay.asked == ["a"]


async def test_a_key_is_asked_for_again_when_it_is_old(ebay: Ebay, keys: EbayKeys, clock: FakeClock) -> None:
    ebay.keys["a"] = Signer().public_key
    await keys.get("a")
    await clock.advance(OPTIONS.keep_seconds - 1)
    await keys.get("a")
    assert len(ebay.asked) == 1
    await clock.advance(2)
    await keys.get("a")
    assert len(ebay.asked) == 2


async def test_an_unknown_key_is_not_asked_for_again_so_soon(ebay: Ebay, keys: EbayKeys, clock: FakeClock) -> None:
    assert await keys.get("nobody's") is None
    assert await keys.get("nobody's") is None
    assert ebay.asked == ["nobody's"]
    await clock.advance(OPTIONS.unknown_seconds + 1)
    ebay.keys["nobody's"] = Signer().public_key
    assert await keys.get("nobody's") is not None


async def test_made_up_ids_end_the_questions_for_a_while(ebay: Ebay, keys: EbayKeys, clock: FakeClock) -> None:
    for number in range(OPTIONS.lookups):
        assert await keys.get(f"made-up-{number}") is None
    with pytest.raises(VendorUnavailable, match="5 keys within 60 seconds"):
        await keys.get("one more")
    await clock.advance(OPTIONS.lookup_window_seconds + 1)
    assert await keys.get("one more") is None


async def test_no_more_keys_are_kept_than_the_limit(ebay: Ebay, keys: EbayKeys) -> None:
    for name in "abcd":
        ebay.keys[name] = Signer().public_key
        await keys.get(name)
    await keys.get("d")
    assert len(ebay.asked) == 4
    await keys.get("a")
    assert len(ebay.asked) == 5


async def test_a_failure_is_not_kept(ebay: Ebay, keys: EbayKeys) -> None:
    ebay.keys["a"] = Signer().public_key
    ebay.is_away = True
    with pytest.raises(VendorUnavailable):
        await keys.get("a")
    ebay.is_away = False
    assert await keys.get("a") is not None


async def test_a_key_of_another_kind_is_none(ebay: Ebay, keys: EbayKeys) -> None:
    ebay.keys["a"] = "no key"
    assert await keys.get("a") is None
