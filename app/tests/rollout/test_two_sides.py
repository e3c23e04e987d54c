"""Two sides at once: each client on the side of the plan, and everything published reaches both."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from app.tests.rollout.flaky_front import FlakyFront
from app.tests.rollout.two_sides import two_sides, until
from app.tests.signalr_client import SignalRClient, open_connection
from app.tests.site import Site, running_site

from meschain.domain.rollout import Side


@pytest.mark.parametrize("blue_on_a_service", [False, True], ids=["blue holds its sockets", "blue is a service"])
async def test_both_sides_get_everything_and_nobody_is_on_the_wrong_one(
    data_dir: Path, blue_on_a_service: bool
) -> None:
    async with (
        two_sides(data_dir, blue_on_a_service=blue_on_a_service, move_seconds=1, rollout_guards="watch") as sides,
        AsyncExitStack() as stack,
    ):
        site = sides.site
        admin, other = await site.login("admin"), await site.login("superadmin")
        token = admin["accessToken"]
        before = await site.negotiate(other["accessToken"])
        assert sides.side_of(before["url"]) is Side.BLUE
        on_blue = await stack.enter_async_context(open_connection(before["url"], before["accessToken"]))
        await on_blue.invoke("JoinAdminGroup", other["userId"], other["role"])

        report = await sides.rollout("start", token, percent=0, userIds=["nobody"])
        assert (report["plan"]["version"], report["plan"]["state"]) == (1, "running")
        assert sides.side_of((await site.negotiate(token))["url"]) is Side.BLUE

        await sides.rollout("hold", token, reason="a test looks at both sides", version=1)
        held = await sides.rollout("rollback", token)
        assert held["plan"]["state"] == "rolled_back"
        await sides.rollout("start", token, roles=[admin["role"]])
        after = await site.negotiate(token)
        assert sides.side_of(after["url"]) is Side.GREEN
        on_green = await stack.enter_async_context(open_connection(after["url"], after["accessToken"]))
        await on_green.invoke("JoinAdminGroup", admin["userId"], admin["role"])

        await on_green.invoke("HandleAdminCommand", "broadcastAlert", {"message": "both of you", "level": "info"})
        alerts = [await client.received("systemAlert") for client in (on_blue, on_green)]
        assert alerts[0]["eventId"] == alerts[1]["eventId"]
        assert on_blue.all_received("serverMoving") == []

        await sides.rollout("advance", token, percent=100)
        moving = await on_blue.received("serverMoving")
        assert (moving["reason"], moving["url"], moving["accessToken"]) == ("rollout", "", "")  # green counts who comes
        await on_blue.closed_by_the_server()
        assert on_blue.close is not None
        assert on_blue.close["allowReconnect"] is True
        assert on_green.all_received("serverMoving") == []
        assert not on_green.ended

        await sides.rollout("rollback", token)
        moving = await on_green.received("serverMoving")
        assert sides.side_of(moving["url"]) is Side.BLUE
        on_blue = await stack.enter_async_context(open_connection(moving["url"], moving["accessToken"]))
        # As who it was, and with its log-in: who logs out is out there too.
        assert await on_blue.invoke("JoinAdminGroup", admin["userId"], admin["role"]) is None
        async with site.http.post(f"{site.url}/api/logout", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status < 300
        await on_blue.closed_by_the_server()


async def test_a_green_side_in_trouble_delays_and_doubles_nothing_on_blue_and_misses_nothing(data_dir: Path) -> None:
    async with two_sides(data_dir, rollout_guards="watch") as sides, AsyncExitStack() as stack:
        site = sides.site
        admin, other = await site.login("admin"), await site.login("superadmin")
        await sides.rollout("start", admin["accessToken"], roles=[admin["role"]])
        clients = []
        for who, side in ((admin, Side.GREEN), (other, Side.BLUE)):
            access = await site.negotiate(who["accessToken"])
            assert sides.side_of(access["url"]) is side
            clients.append(await stack.enter_async_context(open_connection(access["url"], access["accessToken"])))
            await clients[-1].invoke("JoinAdminGroup", who["userId"], who["role"])
        on_green, on_blue = clients

        def told(client: SignalRClient) -> list[str]:
            return [alert["message"] for alert in client.all_received("systemAlert")]

        async def hears(client: SignalRClient, text: str) -> None:
            await client.until(lambda: text in told(client))

        texts = [f"Alert {number}" for number in range(6)]
        sides.green.hang()
        try:
            for text in texts[:3]:
                await on_blue.invoke("BroadcastSystemAlert", text, "info")
                await hears(on_blue, text)
        finally:
            sides.green.go_on()
        await on_blue.invoke("BroadcastSystemAlert", texts[3], "info")
        await hears(on_blue, texts[3])
        await hears(on_green, texts[3])
        # A machine that is slow enough makes a request that was taken look like one that was not.
        assert list(dict.fromkeys(told(on_green))) == texts[:4]

        sides.green.kill()
        for text in texts[4:]:
            await on_blue.invoke("BroadcastSystemAlert", text, "info")
            await hears(on_blue, text)
        assert told(on_blue) == texts


async def test_several_applications_together_send_no_more_to_green_in_a_second_than_one(data_dir: Path) -> None:
    limit = 3
    async with two_sides(data_dir, green_connects_per_second=limit, rollout_guards="watch") as sides:
        known = sides.site.settings
        settings = known.model_dump(include={"green_signalr", "upstream_code", "green_connects_per_second"})
        async with running_site(data_dir, **settings) as second:
            admin = await sides.site.login("admin")
            await sides.rollout("start", admin["accessToken"], roles=[admin["role"]])
            headers = {"Authorization": f"Bearer {admin['accessToken']}"}

            async def negotiate(site: Site) -> tuple[int, str]:
                async with site.http.post(f"{site.url}/api/negotiate", headers=headers) as answer:
                    return answer.status, answer.headers.get("Retry-After", "")

            begun = time.monotonic()
            answers = await asyncio.gather(*(negotiate(site) for _ in range(limit) for site in (sides.site, second)))
            seconds = 1 + int(time.monotonic() - begun)
        assert set(answers) <= {(200, ""), (429, "1")}
        assert limit <= answers.count((200, "")) <= limit * seconds


async def test_only_administrators_turn_the_dial_and_only_in_words_that_it_knows(data_dir: Path) -> None:
    async with running_site(data_dir) as site:
        admin, manager = [(await site.login(name))["accessToken"] for name in ("admin", "manager")]
        assert (await site.get("/api/rollout", manager))[0] == 403
        assert (await site.get("/api/rollout"))[0] == 401
        status, report = await site.get("/api/rollout", admin)
        assert (status, report["hasGreen"], report["plan"]["state"], report["history"]) == (200, False, "none", [])

        async def change(token: str, action: str, body: str) -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {token}"}
            async with site.http.post(f"{site.url}/api/rollout/{action}", data=body, headers=headers) as answer:
                return answer.status, (await answer.json())["error"]

        for action in ("start", "advance", "hold", "rollback"):
            assert (await change(manager, action, "{}"))[0] == 403
            assert (await change(admin, action, '{"percent": "all"}'))[0] == 400
            assert (await change(admin, action, "{}"))[0] == 409
        assert "MESCHAIN_GREEN_SIGNALR" in (await change(admin, "start", "{}"))[1]


async def test_a_green_side_that_lets_half_of_its_clients_down_is_rolled_back_by_itself(data_dir: Path) -> None:
    async with FlakyFront().listening() as front, two_sides(data_dir, front=front) as sides:
        site = sides.site
        token = (await site.login("admin"))["accessToken"]
        await sides.rollout("start", token, percent=50)

        async def report() -> dict[str, Any]:
            status, answer = await site.get("/api/rollout", token)
            assert status == 200
            found: dict[str, Any] = answer
            return found

        async def both_are_measured() -> bool:
            return all(side["latencyMs"] > 0 for side in (await report())["sides"].values())

        await until(both_are_measured)
        front.begin_to_fail()

        async def is_rolled_back() -> bool:
            return bool((await report())["plan"]["state"] == "rolled_back")

        await until(is_rolled_back)
        last = (await report())["plan"]

        async def is_told_in_an_alert() -> bool:
            alerts = (await site.get("/api/alerts", token))[1]["alerts"]
            return any(last["reason"] in alert["message"] and alert["level"] == "error" for alert in alerts)

        await until(is_told_in_an_alert)
        assert (last["changedBy"], "on green" in last["reason"]) == ("service:rollout", True)
        assert sides.side_of((await site.negotiate(token))["url"]) is Side.BLUE
