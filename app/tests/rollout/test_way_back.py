"""Who goes back is told where to, as who it is; whoever cannot be told has to ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.tests.services.fakes import FakeClock

from meschain.auth.ports import AccessUnavailable
from meschain.domain.payloads import NegotiateAnswer
from meschain.domain.roles import Identity, Role
from meschain.rollout.way_back import WayBack
from meschain.services.ports import OpenConnection

ADA = Identity("own:1", "Ada", Role.MARKETPLACE_MANAGER, ("trendyol",))
REPORTER = Identity("service:reporter", "Reporter", Role.SERVICE)


class Blue:
    """Notes whom it lets in, unless it is away."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Identity, float, str | None]] = []
        self.is_away = False

    async def issue(
        self, hub: str, identity: Identity, lifetime_seconds: float, session_id: str | None = None
    ) -> NegotiateAnswer:
        if self.is_away:
            raise AccessUnavailable("blue is away")
        self.asked.append((hub, identity, lifetime_seconds, session_id))
        return NegotiateAnswer(url="https://blue.example.com/client/", access_token=f"token {len(self.asked)}")


class Known:
    """What is known of connections: by their ids, the log-ins behind them."""

    def __init__(self, who: Identity = ADA, **log_ins: str) -> None:
        self._who = who
        self._log_ins = log_ins

    async def among(self, hub: str, connection_ids: Sequence[str]) -> Sequence[OpenConnection]:
        return [
            OpenConnection(hub, each, self._log_ins[each], self._who)
            for each in connection_ids
            if each in self._log_ins
        ]


class LogIns:
    async def ended(self, session_ids: Sequence[str], now: datetime) -> Sequence[str]:
        assert "" not in session_ids
        return [each for each in session_ids if each == "ended"]


def way_back(blue: Blue, known: Known, clock: FakeClock) -> WayBack:
    return WayBack(blue, known, LogIns(), clock)  # type: ignore[arg-type] # they have what it asks for


async def test_each_goes_back_as_who_it_is_and_with_its_log_in(clock: FakeClock) -> None:
    blue = Blue()
    places = await way_back(blue, Known(a="log-in", b="other"), clock).places("hub", ["a", "b", "not known"])
    assert {key: place.access_token for key, place in places.items()} == {"a": "token 1", "b": "token 2"}
    assert blue.asked == [("hub", ADA, 60, "log-in"), ("hub", ADA, 60, "other")]


async def test_without_a_log_in_only_a_program_of_the_shop_is_told(clock: FakeClock) -> None:
    blue = Blue()
    assert await way_back(blue, Known(ADA, a=""), clock).places("hub", ["a"]) == {}
    assert list(await way_back(blue, Known(REPORTER, a=""), clock).places("hub", ["a"])) == ["a"]
    assert blue.asked == [("hub", REPORTER, 60, None)]


async def test_a_log_in_that_has_ended_is_not_let_in(clock: FakeClock) -> None:
    blue = Blue()
    places = await way_back(blue, Known(a="ended", b="log-in"), clock).places("hub", ["a", "b"])
    assert list(places) == ["b"]
    assert len(blue.asked) == 1


async def test_all_ask_for_themselves_where_blue_says_nothing(clock: FakeClock) -> None:
    blue = Blue()
    blue.is_away = True
    assert await way_back(blue, Known(a="log-in"), clock).places("hub", ["a"]) == {}
