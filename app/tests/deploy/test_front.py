"""The configurations of `deploy/front` in the real nginx and HAProxy: transports, sides, a lost side, reloads."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from app.tests.deploy.clients import (
    NewClients,
    OldClient,
    new_clients,
    of_the_dashboard,
    of_the_panel,
    of_the_role_client,
    of_the_stream,
)
from app.tests.deploy.front import NAME, TIMEOUT_SECONDS, Front, HaProxy, Nginx, Sides
from app.tests.program import free_ports
from app.tests.rollout.two_sides import two_sides
from app.tests.site import Site as HubSite
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

import hubwire
from hubwire.client import ClientError, HubConnection
from hubwire.testing import serving
from meschain.auth.keys import LOGIN_KEYS
from meschain.auth.login_tokens import LoginTokens
from meschain.domain.roles import Identity, Role
from meschain.services.clock import SystemClock
from meschain.state.demo_file import signing_secrets

TRANSPORTS = ("WebSockets", "ServerSentEvents", "LongPolling")
FRONTS = (Nginx, HaProxy)
HOSTS = {"blue": NAME, "green": "signalr-green.example.com"}


class Side:
    """A server that says which side it is, what it saw of the client, and numbers to all."""

    def __init__(self, name: str) -> None:
        self.is_ready = True

        class Panel(hubwire.Hub):
            @hubwire.hub_method("WhereFrom")
            async def where_from(self) -> list[str]:
                return [name, self.context.request.scheme, self.context.request.remote_address]

        self.hubs = hubwire.HubServer(
            hubwire.ServerOptions(
                trusted_proxies=("127.0.0.1",), allowed_hosts=frozenset({*HOSTS.values(), "127.0.0.1"})
            )
        )
        self.hubs.add(Panel, path="/client")
        self.hubs.add(Panel, name="OldPanel", path="/ws")
        self.numbers = self.hubs.context("panel").clients.all

        async def ready(request: Request) -> Response:
            return PlainTextResponse("", 200 if self.is_ready else 503)

        @asynccontextmanager
        async def lifespan(app: object) -> AsyncIterator[dict[str, object]]:
            async with self.hubs.lifespan():
                yield {"hubwire": self.hubs}

        self.app = Starlette(
            routes=[
                Route("/readyz", ready),
                Route("/api/health", ready),
                Route("/metrics", lambda request: PlainTextResponse("secret")),
                Mount("/", self.hubs),
            ],
            lifespan=lifespan,
        )

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        async with serving(self.hubs, self.app) as address:
            yield int(address.rpartition(":")[2])


class Site:
    """Two sides and a front."""

    def __init__(self, front: Front, blue: Side, green: Side, stop_blue: Callable[[], Awaitable[None]]) -> None:
        self.front = front
        self.blue = blue
        self.green = green
        self.stop_blue = stop_blue
        self.trusted = ssl.create_default_context(cafile=front.certificate)

    def client(self, host: str = NAME, transport: str = "WebSockets", **more: Any) -> HubConnection:
        return HubConnection(
            f"{self.front.address}/client?access_token=secret",
            headers={"Host": host},
            transports=(transport,),
            ssl=self.trusted,
            **more,
        )

    async def side_of(self, host: str) -> str:
        async with self.client(host) as client:
            return str((await client.invoke("WhereFrom"))[0])


@pytest.fixture(params=FRONTS, ids=lambda each: each.__name__)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    blue, green = Side("blue"), Side("green")
    async with AsyncExitStack() as stack, AsyncExitStack() as blue_stack:
        blue_port = await blue_stack.enter_async_context(blue.listening())
        green_port = await stack.enter_async_context(green.listening())
        front: Front = request.param(tmp_path, Sides(*(3 * (blue_port, green_port))))
        async with front.running():
            site = Site(front, blue, green, blue_stack.aclose)
            # HAProxy takes a side for able until its first look says otherwise, nginx until the first request fails.
            await until(lambda: is_side(site, HOSTS["green"], "green"))
            yield site


async def is_side(site: Site, host: str, side: str) -> bool:
    try:
        return await site.side_of(host) == side
    except Exception:  # noqa: BLE001 - whatever a front says meanwhile: it is asked again
        return False


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not await holds():  # noqa: ASYNC110 - another process has no condition to wait for
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_transport_comes_through_and_no_token_is_logged(site: Site, transport: str) -> None:
    async with site.client(transport=transport) as client:
        assert await client.invoke("WhereFrom") == ["blue", "https", "127.0.0.1"]
    await until(lambda: written(site, "/client"))
    assert "secret" not in log_of(site)


async def written(site: Site, text: str) -> bool:
    return text in log_of(site)


def log_of(site: Site) -> str:
    file = site.front.folder / "meschain.log"
    return site.front.output() + (file.read_text(encoding="utf-8") if file.exists() else "")


async def test_a_side_is_reached_by_its_own_name(site: Site) -> None:
    assert await site.side_of(HOSTS["blue"]) == "blue"
    assert await site.side_of(HOSTS["green"]) == "green"
    assert await site.side_of(f"{HOSTS['green']}:443") == "green"


async def test_the_second_process_takes_over_when_the_first_is_lost(site: Site) -> None:
    assert await site.side_of(NAME) == "blue"
    await site.stop_blue()
    await until(lambda: is_side(site, NAME, "green"))


async def test_metrics_stay_inside(site: Site) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{site.front.address}/metrics", ssl=site.trusted, headers={"Host": NAME}) as answer,
    ):
        assert answer.status == 404
        assert "secret" not in await answer.text()


async def test_old_clients_go_where_their_address_belongs_and_stay_there_until_they_come_again(site: Site) -> None:
    old = [f"http://127.0.0.1:{port}/client" for port in (site.front.old_port, site.front.native_port)]
    role_client = HubConnection(
        f"{site.front.address}/ws", headers={"Host": NAME}, ssl=site.trusted, skip_negotiation=True
    )
    async with role_client:
        assert (await role_client.invoke("WhereFrom"))[:2] == ["blue", "https"]
    staying = [HubConnection(address) for address in old]
    for client in staying:
        await client.start()
        assert (await client.invoke("WhereFrom"))[:2] == ["blue", "http"]
    site.front.write(of_green=True)
    await site.front.reload()

    async def come_to_green() -> bool:
        try:
            for address in old:
                async with HubConnection(address) as client:
                    if (await client.invoke("WhereFrom"))[0] != "green":
                        return False
        except ClientError:  # the old worker took the negotiate, and the new one what followed
            return False
        return True

    await until(come_to_green)
    for client in staying:
        assert (await client.invoke("WhereFrom"))[0] == "blue"
        await client.stop()


async def test_reloads_lose_no_event_and_no_connection(site: Site) -> None:
    clients: list[HubConnection] = []
    seen: dict[HubConnection, list[int]] = {}
    ended: list[BaseException | None] = []

    def join(client: HubConnection) -> HubConnection:
        clients.append(client)
        seen[client] = []
        client.on("Number", seen[client].append)
        client.on_closed(ended.append)
        return client

    async with AsyncExitStack() as stack:
        for host in HOSTS.values():
            for transport in (*TRANSPORTS, "WebSockets"):
                await stack.enter_async_context(join(site.client(host, transport)))
        sent = 0

        async def send(count: int) -> None:
            nonlocal sent
            for _ in range(count):
                sent += 1
                await site.blue.numbers.send("Number", sent)
                await site.green.numbers.send("Number", sent)
                await asyncio.sleep(0)

        async def keep_sending() -> None:
            while True:
                await send(1)
                await asyncio.sleep(0.005)  # the rate of the events, two hundred a second

        sending = asyncio.create_task(keep_sending())
        for _ in range(3):
            begun = sent
            await site.front.reload()
            # Those who come meanwhile are let in.
            assert await site.side_of(HOSTS["green"]) == "green"
            await until(lambda begun=begun: passed(sent, begun + 50))  # type: ignore[misc] # bound at once
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await send(1)
        await until(lambda: all_saw(seen, sent))
        assert ended == []
        for client in clients:
            assert seen[client] == list(range(seen[client][0], sent + 1)), json.dumps(seen[client])


AUTH = {"type": "auth", "data": {"userId": "panel_1", "userRole": "super_admin", "version": "3.0"}}


@dataclass
class GreenDoor:
    """The front as it stands before green."""

    front: Front
    target_port: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.front.port}"


@pytest.mark.parametrize("kind", FRONTS, ids=lambda each: each.__name__)
async def test_reloads_in_the_middle_of_a_move_lose_no_event_of_new_and_old_clients(
    kind: type[Front], data_dir: Path, tmp_path: Path
) -> None:
    """The worst that an operator may set: each reload soon cuts what the old worker holds."""
    first = free_ports(3)
    port, shared, native = range(first, first + 3)
    places = Sides(port, 0, shared, shared, native, native, green_name="localhost", cuts_soon=True)
    front = kind(tmp_path, places)
    door = GreenDoor(front)
    listeners = {
        "shared": {"port": shared, "role": "super_admin", "ceiling": "super_admin"},
        "native": {"port": native, "role": "admin", "dialect": "native"},
    }
    settings: dict[str, Any] = {
        "public_url": front.address,
        "trusted_proxies": ["127.0.0.1"],
        "legacy_listeners": listeners,
        "rollout_guards": "watch",
        "move_seconds": 1,
    }
    async with two_sides(data_dir, port=port, front=door, **settings) as sides:
        await sides.site.orders_are_watched()
        front.sides = replace(places, green=door.target_port)
        front.write(of_green=False)
        trusted = ssl.create_default_context(cafile=front.certificate)
        old = [
            OldClient(f"ws://127.0.0.1:{front.old_port}/", [], of_the_stream),
            OldClient(
                f"ws://127.0.0.1:{front.old_port}/", [{"action": "subscribe_dashboard", "interval": 5}], of_the_panel
            ),
            OldClient(f"{front.address.replace('https', 'wss')}/ws", [AUTH], of_the_role_client),
            OldClient(f"ws://127.0.0.1:{front.native_port}/", [], of_the_dashboard),
        ]
        async with (
            front.running(),
            asyncio.TaskGroup() as group,
            new_clients(front.address, door.url, people(sides.site, 4), tmp_path, front.certificate) as new,
        ):
            running = [group.create_task(client.run(trusted)) for client in old]
            await until(partial(have_come, old, 1))
            token = (await sides.site.login("admin"))["accessToken"]
            await place(sides.site, 2)
            for action, body, reloads in (("start", {"percent": 100}, 1), ("rollback", {}, 2)):
                await sides.rollout(action, token, **body)
                await front.reload()
                await place(sides.site, 1)
                await until(partial(have_come, old, 1 + reloads))
                await place(sides.site, 1)
                await until(partial(are_on, sides.site, "green" if action == "start" else "blue", 4))
            await until(partial(are_stored, sides.site, 6))
            placed = orders_placed(sides.site)
            await until(partial(have_seen, new, old[:3], placed))
            for task in running:
                task.cancel()
            end = await new.ask("end")
        assert (end["least"], end["most"], end["doubles"], end["missed"]) == (len(placed), len(placed), 0, 0)
        stream, panel, role_client, _ = old
        assert sorted(stream.orders) == sorted(role_client.orders) == placed
        assert sorted(panel.orders[-len(placed) :]) == placed  # at each connect it is shown the latest ten


def people(site: HubSite, count: int) -> dict[str, str]:
    """Ids and tokens of programs that may see all."""
    tokens = LoginTokens(signing_secrets(site.settings).keys(LOGIN_KEYS), SystemClock())
    who = [Identity(f"service:front.{number}", f"Front {number}", Role.SERVICE) for number in range(count)]
    return {identity.user_id: tokens.issue(identity, 3600) for identity in who}


async def place(site: HubSite, count: int) -> None:
    assert site.application.demo_shop is not None
    for _ in range(count):
        await site.application.demo_shop.driver().place_order("trendyol")


async def have_come(clients: Sequence[OldClient], connects: int) -> bool:
    return all(client.connects >= connects for client in clients)


async def are_on(site: HubSite, side: str, count: int) -> bool:
    """Whether all of these people are on that side, and none on the other."""
    rows = read_state(site, "SELECT side FROM mc_rollout_connections WHERE user_id LIKE 'service:front.%'")
    return rows == count * [(side,)]


def orders_placed(site: HubSite) -> list[str]:
    payloads = read_state(site, "SELECT payload FROM mc_events WHERE kind = 'order'")
    return sorted(json.loads(payload)["orderNumber"] for (payload,) in payloads)


async def are_stored(site: HubSite, count: int) -> bool:
    return len(orders_placed(site)) == count


def read_state(site: HubSite, query: str) -> list[Any]:
    with closing(sqlite3.connect(site.settings.state_url.removeprefix("sqlite:///"))) as database:
        return database.execute(query).fetchall()


async def have_seen(new: NewClients, old: Sequence[OldClient], orders: Sequence[str]) -> bool:
    state = await new.ask("state")
    return state["least"] >= len(orders) and all(set(orders) <= set(client.orders) for client in old)


async def passed(now: int, goal: int) -> bool:
    return now >= goal


async def all_saw(seen: dict[HubConnection, list[int]], last: int) -> bool:
    return all(numbers and numbers[-1] == last for numbers in seen.values())
