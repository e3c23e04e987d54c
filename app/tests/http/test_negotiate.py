"""Negotiate over real sockets: what the answer opens, and every refusal."""

from __future__ import annotations

import aiohttp
import pytest
from app.tests.auth.issuing import payload
from app.tests.auth.rig import Rig
from app.tests.auth.test_external_tokens import hs256, shop
from app.tests.conftest import Serve
from app.tests.http.identity import PUBLIC_URL, Api, served_api

from hubwire.errors import Unauthorized
from meschain.auth.claims import identity_of
from meschain.auth.ports import AccessUnavailable
from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, MARKETPLACE_HUB
from meschain.domain.payloads import NegotiateAnswer
from meschain.domain.roles import Identity, Role
from meschain.state.database import Database


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database, issuers=[shop()])


@pytest.fixture
async def api(rig: Rig, serve: Serve, http: aiohttp.ClientSession) -> Api:
    return await served_api(rig, serve, http)


async def test_the_answer_opens_the_hub_of_the_role_to_that_user(api: Api) -> None:
    user_id = await api.rig.add("ada", Role.MARKETPLACE_MANAGER, ["n11"])
    answer = await api.post("/api/negotiate", token=await api.token("ada"))
    assert answer.status == 200
    assert set(answer.body) == {"url", "accessToken"}
    assert answer.body["url"] == f"{PUBLIC_URL}/client/?hub={MARKETPLACE_HUB.lower()}"
    assert answer.headers["cache-control"] == "no-store"
    principal = await api.verified(str(answer.body["accessToken"]), MARKETPLACE_HUB)
    assert principal.user_id == user_id
    assert identity_of(user_id, principal.claims) == Identity(user_id, "ada", Role.MARKETPLACE_MANAGER, ("n11",))
    assert principal.claims["permissions"] == ["marketplace_management", "product_sync", "order_management"]


async def test_the_token_is_for_that_hub_only(api: Api) -> None:
    await api.rig.add("ada", Role.ADMIN)
    answer = await api.post("/api/negotiate?hub=meschaindashboardhub", token=await api.token("ada"))
    assert str(answer.body["url"]).endswith(DASHBOARD_HUB.lower())
    with pytest.raises(Unauthorized):
        await api.verified(str(answer.body["accessToken"]), ADMIN_HUB)


async def test_a_hub_token_is_no_bearer_token_and_the_other_way_round(api: Api) -> None:
    await api.rig.add("ada", Role.ADMIN)
    token = await api.token("ada")
    hub_token = str((await api.post("/api/negotiate", token=token)).body["accessToken"])
    assert (await api.post("/api/negotiate", token=hub_token)).status == 401
    with pytest.raises(Unauthorized):
        await api.verified(token, ADMIN_HUB)


async def test_the_hub_token_lives_an_hour_or_what_is_left_of_the_log_in(api: Api) -> None:
    await api.rig.add("ada", Role.ADMIN)
    cookie = (await api.login("ada")).refresh_cookie
    await api.rig.clock.advance(3000)
    token = str((await api.post("/api/refresh", headers=cookie)).body["accessToken"])
    answer = await api.post("/api/negotiate", token=token)
    principal = await api.verified(str(answer.body["accessToken"]), ADMIN_HUB)
    assert principal.expires_at == api.rig.clock.now().timestamp() + 600
    service = api.rig.tokens.issue(Identity("service:erp", "erp", Role.SERVICE), 86_400)
    answer = await api.post("/api/negotiate", token=service)
    principal = await api.verified(str(answer.body["accessToken"]), ADMIN_HUB)
    assert principal.expires_at == api.rig.clock.now().timestamp() + 3600


async def test_anothers_token_opens_a_hub_while_it_lives(api: Api) -> None:
    answer = await api.post("/api/negotiate", token=hs256(payload(api.rig.clock, role="service")))
    principal = await api.verified(str(answer.body["accessToken"]), DASHBOARD_HUB)
    assert principal.claims["role"] == "user"
    assert principal.expires_at == api.rig.clock.now().timestamp() + 600


@pytest.mark.parametrize("token", [None, "", "made up", "eyJhbGciOiJub25lIn0.e30."])
@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?negotiateVersion=1", {}),
        ("?negotiateVersion=0", {}),
        ("", {"X-Requested-With": "XMLHttpRequest"}),
        (
            "",
            {"X-SignalR-User-Agent": "Microsoft SignalR/10.0 (10.0.11; Unknown OS; Browser; Unknown Runtime Version)"},
        ),
        ("", {"User-Agent": "Microsoft SignalR/8.0 (8.0.7; Linux; NodeJS; 20.0.0)"}),
    ],
)
async def test_a_signalr_client_without_a_good_token_gets_a_401_without_a_body(
    api: Api, token: str | None, query: str, headers: dict[str, str]
) -> None:
    answer = await api.post(f"/api/negotiate{query}", token=token, headers=headers)
    assert (answer.status, answer.reason, answer.text) == (401, "Unauthorized", "")


async def test_others_without_a_good_token_get_a_401_in_json(api: Api) -> None:
    for token in (None, "", "made up"):
        answer = await api.post("/api/negotiate", token=token)
        assert answer.status == 401
        assert set(answer.body) == {"error"}
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_headers_alone_are_nobody(api: Api) -> None:
    """The guide's function believed these two and never looked at the token."""
    answer = await api.post("/api/negotiate", headers={"x-user-id": "1", "x-user-role": "super_admin"})
    assert answer.status == 401


async def test_headers_that_agree_are_fine(api: Api) -> None:
    user_id = await api.rig.add("ada", Role.ADMIN)
    token = await api.token("ada")
    for headers in (
        {"x-user-id": user_id, "x-user-role": "admin"},
        {"x-user-id": "", "x-user-role": ""},
        {"x-user-id": user_id.partition(":")[2]},
    ):
        assert (await api.post("/api/negotiate", token=token, headers=headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-user-id": "own:somebody else"},
        {"x-user-role": "super_admin"},
        {"x-user-role": "service"},
        {"x-user-id": "1", "x-user-role": "viewer"},
    ],
)
async def test_headers_that_name_another_user_or_a_higher_role_are_refused(api: Api, headers: dict[str, str]) -> None:
    await api.rig.add("ada", Role.ADMIN)
    answer = await api.post("/api/negotiate", token=await api.token("ada"), headers=headers)
    assert answer.status == 403
    assert set(answer.body) == {"error"}


async def test_a_lower_role_is_what_the_token_then_carries(api: Api) -> None:
    await api.rig.add("ada", Role.SUPER_ADMIN)
    token = await api.token("ada")
    answer = await api.post("/api/negotiate", token=token, headers={"x-user-role": "viewer"})
    principal = await api.verified(str(answer.body["accessToken"]), DASHBOARD_HUB)
    assert principal.claims["role"] == "viewer"
    assert principal.claims["permissions"] == ["view_dashboard", "view_reports"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?hub=nosuchhub", 400),
        ("?hub=", 400),
        ("?hub=a&hub=b", 400),
        (f"?hub={MARKETPLACE_HUB}&HUB={DASHBOARD_HUB}", 400),
        (f"?hub={ADMIN_HUB}", 403),
        (f"?HUB={MARKETPLACE_HUB}", 200),
        (f"?hub={DASHBOARD_HUB}&negotiateVersion=1&x=y", 200),
    ],
)
async def test_hubs_of_a_manager(api: Api, query: str, status: int) -> None:
    await api.rig.add("ada", Role.MARKETPLACE_MANAGER)
    answer = await api.post(f"/api/negotiate{query}", token=await api.token("ada"))
    assert answer.status == status
    assert ("error" in answer.body) == (status != 200)


async def test_a_host_header_does_not_reach_the_address(api: Api) -> None:
    await api.rig.add("ada", Role.ADMIN)
    token = await api.token("ada")
    headers = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "http"}
    answer = await api.post("/api/negotiate", token=token, headers=headers)
    assert str(answer.body["url"]).startswith(f"{PUBLIC_URL}/client/")


async def test_a_disabled_account_and_an_ended_log_in_open_nothing(api: Api) -> None:
    await api.rig.add("ada", Role.ADMIN)
    token = await api.token("ada")
    await api.rig.accounts.set_disabled("ada", True)
    assert (await api.post("/api/negotiate", token=token)).status == 401
    await api.rig.accounts.set_disabled("ada", False)
    assert (await api.post("/api/negotiate", token=token)).status == 401
    token = await api.token("ada")
    assert (await api.post("/api/negotiate", token=token)).status == 200
    await api.rig.clock.advance(900)
    assert (await api.post("/api/negotiate", token=token)).status == 401


async def test_one_address_negotiates_so_often(rig: Rig, serve: Serve, http: aiohttp.ClientSession) -> None:
    api = await served_api(rig, serve, http, per_address=3)
    await rig.add("ada", Role.ADMIN)
    token = await api.token("ada")
    for _ in range(3):
        await api.post("/api/negotiate", token="made up")
    answer = await api.post("/api/negotiate", token=token)
    assert answer.status == 429
    assert answer.headers["retry-after"] == "60"
    await rig.clock.advance(60)
    assert (await api.post("/api/negotiate", token=token)).status == 200


async def test_one_user_negotiates_so_often(rig: Rig, serve: Serve, http: aiohttp.ClientSession) -> None:
    api = await served_api(rig, serve, http, per_user=2)
    await rig.add("ada", Role.ADMIN)
    await rig.add("bob", Role.ADMIN)
    ada, bob = await api.token("ada"), await api.token("bob")
    statuses = [(await api.post("/api/negotiate", token=ada)).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (await api.post("/api/negotiate", token=bob)).status == 200


async def test_only_post_negotiates(api: Api) -> None:
    assert (await api.get("/api/negotiate")).status == 405


async def test_that_the_shop_is_down_is_told(api: Api) -> None:
    api.rig.shop.add("boss", Role.ADMIN)
    token = await api.token("boss")
    api.rig.shop.is_down = True
    answer = await api.post("/api/negotiate", token=token)
    assert answer.status == 503


async def test_who_does_not_fit_into_a_token_is_told(api: Api) -> None:
    api.rig.shop.add("boss", Role.ADMIN)
    password, identity = api.rig.shop.users["boss"]
    api.rig.shop.users["boss"] = (password, Identity(identity.user_id, "B" * 5000, Role.ADMIN))
    token = api.rig.tokens.issue(identity, 900)
    assert (await api.post("/api/negotiate", token=token)).status == 413


class ClosedDoor:
    """An access to hubs whose holder gives no tokens."""

    async def issue(
        self, hub: str, identity: Identity, lifetime_seconds: float, session_id: str | None = None
    ) -> NegotiateAnswer:
        raise AccessUnavailable("its key is 0123456789")


async def test_that_nobody_can_be_let_in_now_is_told(rig: Rig, serve: Serve, http: aiohttp.ClientSession) -> None:
    api = await served_api(rig, serve, http, access=ClosedDoor())
    await api.rig.add("ada", Role.ADMIN)
    answer = await api.post("/api/negotiate", token=await api.token("ada"))
    assert answer.status == 503
    assert answer.body == {"error": "Live data is not available now; try again in a moment."}
