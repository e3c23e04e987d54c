"""Who is there, on planes that a test makes: what cannot be asked is nobody."""

from __future__ import annotations

import pytest

from hubwire import Audience, BrokerUnavailable, Hub
from hubwire.errors import NodeTimeout
from hubwire.plane.local import LocalDataPlane
from hubwire.plane.registry import Registry
from hubwire.testing.hub_tester import HubTester
from meschain.domain.events import DASHBOARD_HUB, HUBS
from meschain.hubs.presence import PlanePresence


class EmptyHub(Hub):
    """Nothing to call."""


class Unreachable(LocalDataPlane):
    """A plane whose other nodes cannot be asked."""

    def __init__(self, error: Exception) -> None:
        super().__init__(Registry())
        self._error = error

    async def exists(self, audience: Audience) -> bool:
        raise self._error


async def test_a_user_is_there_whatever_its_hub() -> None:
    testers = {hub: HubTester(EmptyHub, name=hub) for hub in HUBS}
    presence = PlanePresence(lambda hub: testers[hub].plane)
    assert not await presence.user_is_connected("own:1")
    await testers[HUBS[-1]].connect("own:1")
    assert await presence.user_is_connected("own:1")
    assert not await presence.anyone_in(DASHBOARD_HUB, "metric:basic")


@pytest.mark.parametrize(
    "error", [BrokerUnavailable("it restarts", may_have_arrived=False), NodeTimeout(0, 1, 5.0)], ids=["away", "late"]
)
async def test_others_who_cannot_be_asked_are_nobody(error: Exception) -> None:
    plane = Unreachable(error)
    presence = PlanePresence(lambda _: plane)
    assert not await presence.user_is_connected("own:1")
    assert not await presence.anyone_in(DASHBOARD_HUB, "metric:basic")
