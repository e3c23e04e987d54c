from __future__ import annotations

from datetime import timedelta

import pytest
from app.tests.legacy.desk import MemoryLegacyUse, Rig
from app.tests.legacy.happenings import ADMIN
from app.tests.legacy.use_specs import LegacyUseStoreSpec
from app.tests.services.fakes import START, settle

from meschain.legacy_settings import Dialect


class TestMemoryLegacyUse(LegacyUseStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryLegacyUse:
        return MemoryLegacyUse()


async def test_the_report_says_who_uses_what() -> None:
    rig = Rig()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, _):
        socket.say({"action": "ping"})
        await settle()
        (page,) = (await rig.desk.usage.report()).pages
    assert (page.dialect, page.origin, page.address) == ("ratchet", "https://old.example.com", "10.0.0.1")
    assert (page.connections, page.received, page.open, page.proved) == (1, 1, True, False)


async def test_one_that_stays_is_open_and_one_that_left_is_not() -> None:
    rig = Rig()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (_, connection):
        await rig.world.clock.advance(1000)
        connection.still_there()
        (page,) = (await rig.desk.usage.report()).pages
        assert page.open
    await rig.world.clock.advance(3 * rig.options.usage_seconds + 1)
    (page,) = (await rig.desk.usage.report()).pages
    assert not page.open
    assert page.connections == 1


async def test_what_could_not_be_written_is_counted_on() -> None:
    rig = Rig()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, _):
        rig.rows.is_away = True
        with pytest.raises(ConnectionError):
            await rig.desk.usage.save()
        socket.say({"action": "ping"})
        await rig.world.clock.advance(5)
        rig.rows.is_away = False
        await rig.desk.usage.save()
        (use,) = rig.rows.rows.values()
        assert (use.connections, use.received) == (1, 1)
        assert use.first_seen_at == START
        assert use.last_seen_at >= START + timedelta(seconds=0)
