"""Whose session of the administration it is, as OpenCart itself would have it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from app.tests.opencart.conftest import MakeWorld
from app.tests.opencart.world import World

from meschain.auth.ports import SecondFactorRequired
from meschain.auth.shop_sign_in import ShopSession
from meschain.domain.roles import Identity, Role
from meschain.opencart.accounts import OpenCartAccounts
from meschain.opencart.admin_sessions import OpenCartSessions
from meschain.opencart.schema import Version
from meschain.opencart.settings_table import SettingsTable
from meschain.state.accounts import SqlAccountStore
from meschain.state.database import Database

SESSION = "a1b2c3d4e5f60718293a4b5c6d"
TOKEN = "t" * 32
DEVICE = "d" * 32


async def add_admin(world: World, *, status: int = 1) -> int:
    """An administrator of group 1."""
    group = await world.insert(
        "INSERT INTO {user_group} (name, permission) VALUES ('Administrator', ?)",
        json.dumps({"access": ["user/user"], "modify": ["user/user"]}),
    )
    extra = ", salt, code" if world.version is Version.V3_0 else ", code" if world.version is Version.V4_0 else ""
    values = ", '', ''" if world.version is Version.V3_0 else ", ''" if world.version is Version.V4_0 else ""
    sql = (
        "INSERT INTO {user} (user_group_id, username, password, firstname, lastname, email, image, ip, status,"
        " date_added[columns])"
        " VALUES (?, 'ayse', 'x', 'Ayşe', 'Yılmaz', '', '', '', ?, '2026-01-01 00:00:00'[values])"
    )
    return await world.insert(sql.replace("[columns]", extra).replace("[values]", values), group, status)


async def log_in(
    world: World, data: object, session_id: str = SESSION, *, lives: timedelta = timedelta(hours=1)
) -> None:
    expire = (world.clock.now() + lives).strftime("%Y-%m-%d %H:%M:%S")
    text = data if isinstance(data, str) else json.dumps(data)
    await world.run("INSERT INTO {session} (session_id, data, expire) VALUES (?, ?, ?)", session_id, text, expire)


async def trust(world: World, token: str, status: int, user_id: int, expire: str = "2099-01-01 00:00:00") -> None:
    """What the shop keeps of a browser that gave the second factor (4.x)."""
    sql = (
        "INSERT INTO {user_authorize} (user_id, token, total, ip, user_agent, status, date_added[column])"
        " VALUES (?, ?, 0, '', '', ?, '2026-01-01 00:00:00'[value])"
    )
    column, value = (", date_expire", f", '{expire}'") if world.version is Version.V4_1 else ("", "")
    await world.run(sql.replace("[column]", column).replace("[value]", value), user_id, token, status)


async def whose(
    world: World, state: Database, session_id: str = SESSION, user_token: str = TOKEN, device_token: str = ""
) -> Identity | None:
    database = world.database()
    settings = SettingsTable(database, world.clock, keep_seconds=0)
    accounts = OpenCartAccounts(database, settings, SqlAccountStore(state), group_roles={})
    sessions = OpenCartSessions(database, settings, accounts, world.clock)
    return await sessions.identity(ShopSession(session_id, user_token, device_token))


async def test_it_is_the_administrators_who_is_logged_in(world: World, database: Database) -> None:
    user_id = await add_admin(world)
    await log_in(world, {"user_id": str(user_id), "user_token": TOKEN, "language": "tr-tr"})
    identity = await whose(world, database)
    assert identity is not None
    assert (identity.user_id, identity.name) == (f"opencart:{user_id}", "Ayşe Yılmaz")
    assert identity.role in {Role.SUPER_ADMIN, Role.ADMIN}


async def test_a_number_is_a_user_id_too(shop_4_1: World, database: Database) -> None:
    user_id = await add_admin(shop_4_1)
    await log_in(shop_4_1, {"user_id": user_id, "user_token": TOKEN})
    assert await whose(shop_4_1, database) is not None


@pytest.mark.parametrize(
    ("session_id", "user_token"),
    [
        (SESSION, "u" * 32),
        (SESSION, ""),
        (SESSION, "t" * 97),
        (SESSION.upper(), TOKEN),
        ("0" * 26, TOKEN),
        ("' OR 1=1 -- aaaaaaaaaaaaa", TOKEN),
        ("", TOKEN),
    ],
)
async def test_both_secrets_must_be_the_sessions_own(
    shop_4_1: World, database: Database, session_id: str, user_token: str
) -> None:
    user_id = await add_admin(shop_4_1)
    await log_in(shop_4_1, {"user_id": user_id, "user_token": TOKEN})
    assert await whose(shop_4_1, database, session_id, user_token) is None


@pytest.mark.parametrize(
    "data",
    [
        "",
        "not JSON",
        "[" * 100_000,
        "[]",
        "{}",
        {"user_token": TOKEN},
        {"user_token": TOKEN, "user_id": True},
        {"user_token": TOKEN, "user_id": "1 OR 1"},
        {"user_token": TOKEN, "user_id": 999},
        {"user_token": [TOKEN], "user_id": 1},
        {"customer_id": 1, "user_id": 1},
    ],
)
async def test_other_data_is_nobodys(shop_4_1: World, database: Database, data: object) -> None:
    await add_admin(shop_4_1)
    await log_in(shop_4_1, data)
    assert await whose(shop_4_1, database) is None


async def test_more_than_the_limit_is_not_parsed(make_world: MakeWorld, database: Database) -> None:
    world = await make_world("sqlite", Version.V4_1)  # the text column of OpenCart on MariaDB ends before
    user_id = await add_admin(world)
    await log_in(world, {"user_id": user_id, "user_token": TOKEN, "cart": "x" * (1 << 20)})
    assert await whose(world, database) is None


async def test_a_session_ends_in_utc_whatever_the_stores_zone_is(world: World, database: Database) -> None:
    user_id = await add_admin(world)
    await log_in(world, {"user_id": user_id, "user_token": TOKEN}, lives=timedelta(minutes=1))
    assert await whose(world, database) is not None
    await world.run("DELETE FROM {session}")
    await log_in(world, {"user_id": user_id, "user_token": TOKEN}, lives=timedelta(minutes=-1))
    assert await whose(world, database) is None


async def test_a_user_who_may_not_log_in_any_more_is_nobody(shop_4_1: World, database: Database) -> None:
    user_id = await add_admin(shop_4_1, status=0)
    await log_in(shop_4_1, {"user_id": user_id, "user_token": TOKEN})
    assert await whose(shop_4_1, database) is None


@pytest.mark.parametrize("version", [Version.V4_0, Version.V4_1], ids=str)
async def test_where_a_second_factor_is_asked_only_a_trusted_browser_will_do(
    make_world: MakeWorld, backend: str, version: Version, database: Database
) -> None:
    world = await make_world(backend, version)
    user_id = await add_admin(world)
    await world.set("config_security" if version is Version.V4_0 else "config_user_2fa", "1")
    await log_in(world, {"user_id": user_id, "user_token": TOKEN})

    await trust(world, DEVICE, 1, user_id)
    await trust(world, "unconfirmed", 0, user_id)
    await trust(world, "anothers", 1, user_id + 1)
    refused = ["", "x" * 32, "unconfirmed", "anothers", DEVICE.upper()]
    if version is Version.V4_1:
        await trust(world, "old", 1, user_id, "2026-01-01 00:00:00")
        refused.append("old")
    for token in refused:
        with pytest.raises(SecondFactorRequired):
            await whose(world, database, device_token=token)
    assert await whose(world, database, device_token=DEVICE) is not None
