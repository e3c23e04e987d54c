"""What every `services.ports.Neighbours` promises, whatever lies between the processes. Adapters subclass the suite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from app.tests.services.fakes import settle

from meschain.services.ports import Neighbours, NeighboursUnreachable

TOPIC = "topic"


@dataclass
class Talk:
    """A process that tells, and what is heard of `TOPIC`."""

    here: Neighbours
    heard_here: list[str] = field(default_factory=list)
    heard_elsewhere: Sequence[list[str]] = ()
    """By each other process; empty: there is none."""
    cut_off: Callable[[], None] = lambda: None
    """Lets the others be out of reach."""


class NeighboursSpec:
    """Some adapters have others to tell, some have none."""

    @pytest.fixture
    def talk(self) -> Talk:
        raise NotImplementedError

    async def test_all_others_hear_what_is_told_once_and_in_order_and_the_teller_does_not(self, talk: Talk) -> None:
        talk.here.tell(TOPIC, "Şimdi")
        talk.here.tell(TOPIC, "")
        assert await talk.here.reach(TOPIC, "3") is bool(talk.heard_elsewhere)
        await settle()
        assert all(heard == ["Şimdi", "", "3"] for heard in talk.heard_elsewhere)
        assert talk.heard_here == []

    async def test_a_topic_without_ears_harms_nobody(self, talk: Talk) -> None:
        talk.here.tell("another topic", "1")
        talk.here.tell(TOPIC, "2")
        await settle()
        assert all(heard == ["2"] for heard in talk.heard_elsewhere)

    async def test_to_reach_says_whether_there_is_another_not_whether_it_has_ears(self, talk: Talk) -> None:
        assert await talk.here.reach("another topic", "1") is bool(talk.heard_elsewhere)

    async def test_what_is_told_to_others_out_of_reach_is_lost_and_reaching_them_says_so(self, talk: Talk) -> None:
        talk.cut_off()
        talk.here.tell(TOPIC, "lost")
        if talk.heard_elsewhere:
            with pytest.raises(NeighboursUnreachable):
                await talk.here.reach(TOPIC, "refused")
        else:
            assert not await talk.here.reach(TOPIC, "nobody")
        await settle()
        assert all(heard == [] for heard in talk.heard_elsewhere)
