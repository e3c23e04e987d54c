"""Keys of publishers: shown once, kept as hashes, refused once revoked."""

from __future__ import annotations

import pytest
from app.tests.services.fakes import FakeClock

from meschain.auth.api_keys import MOST_KEYS, ApiKey, ApiKeyError, ApiKeys, InvalidApiKey
from meschain.domain.events import EVENT_KINDS
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.database import Database


class MemoryApiKeys:
    """Keys in memory, for the limit of how many there may be."""

    def __init__(self) -> None:
        self.rows: dict[str, ApiKey] = {}

    async def add(self, key: ApiKey) -> None:
        self.rows[key.id] = key

    async def get(self, key_id: str) -> ApiKey | None:
        return self.rows.get(key_id)

    async def save(self, key: ApiKey) -> None:
        self.rows[key.id] = key

    async def list(self) -> list[ApiKey]:
        return list(self.rows.values())


@pytest.fixture
def keys(database: Database) -> ApiKeys:
    return ApiKeys(SqlApiKeyStore(database), FakeClock())


async def test_a_key_is_found_by_its_text_and_kept_as_a_hash(keys: ApiKeys) -> None:
    made, text = await keys.create("erp", ["order"], ["shop", "n11"])
    assert await keys.verify(text) == made
    assert made.rights.publisher == "erp"
    assert made.marketplaces == ("shop", "n11")
    assert text not in repr(made)
    assert made.secret_hash not in repr(made)
    assert text.split("_", 2)[2] not in made.secret_hash  # a secret may hold more of them


async def test_all_stands_for_every_kind_and_marketplace(keys: ApiKeys) -> None:
    made, _ = await keys.create("erp", ["all"], ["all"])
    assert made.kinds == EVENT_KINDS
    assert made.marketplaces[:2] == ("shop", "amazon")


async def test_another_text_is_no_key(keys: ApiKeys) -> None:
    _, text = await keys.create("erp", ["order"])
    _, other = await keys.create("erp", ["order"])
    for wrong in ("", "mck_", text[:-1] + ("A" if text[-1] != "A" else "B"), text + "x", text[:21] + other[21:]):
        with pytest.raises(InvalidApiKey):
            await keys.verify(wrong)


async def test_a_revoked_key_is_refused_and_stays_on_the_list(keys: ApiKeys) -> None:
    made, text = await keys.create("erp", ["order"])
    revoked = await keys.revoke(made.id)
    assert await keys.revoke(made.id) == revoked
    assert list(await keys.list()) == [revoked]
    with pytest.raises(InvalidApiKey):
        await keys.verify(text)


@pytest.mark.parametrize(
    ("publisher", "kinds", "marketplaces", "text"),
    [
        ("ERP", ["order"], [], "lower-case"),
        ("e" * 41, ["order"], [], "40"),
        ("erp", [], [], "at least one kind"),
        ("erp", ["orders"], [], "orders: no such kind"),
        ("erp", ["order"], ["amazn"], "amazn: no such marketplace"),
    ],
)
async def test_what_cannot_be_made_is_said(
    keys: ApiKeys, publisher: str, kinds: list[str], marketplaces: list[str], text: str
) -> None:
    with pytest.raises(ApiKeyError, match=text):
        await keys.create(publisher, kinds, marketplaces)
    assert list(await keys.list()) == []


async def test_an_unknown_key_cannot_be_revoked(keys: ApiKeys) -> None:
    with pytest.raises(ApiKeyError, match="meschain key list"):
        await keys.revoke("0" * 16)


async def test_there_are_not_more_keys_than_the_limit() -> None:
    store = MemoryApiKeys()
    keys = ApiKeys(store, FakeClock())
    for _ in range(MOST_KEYS):
        made, _ = await keys.create("erp", ["order"])
    with pytest.raises(ApiKeyError, match="revoke"):
        await keys.create("erp", ["order"])
    await keys.revoke(made.id)
    await keys.create("erp", ["order"])
