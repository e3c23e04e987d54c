"""Admin users of the shop as dashboard users, on three schemas and two databases."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import bcrypt
import pytest
from app.tests.opencart.world import World

from meschain.auth.ports import Account, SecondFactorRequired
from meschain.domain.roles import Identity, Role
from meschain.opencart.accounts import OpenCartAccounts
from meschain.opencart.password_hashes import slow_check
from meschain.opencart.schema import Version
from meschain.services.ports import ShopUnavailable

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")
MD5 = hashlib.md5(b"right").hexdigest()  # noqa: S324 - what the oldest shops store
MANAGER = '{"access": [], "modify": ["sale/order", "catalog/product"]}'


class OwnRows:
    """Our account store with at most one row."""

    def __init__(self, account: Account | None = None) -> None:
        self.account = account

    async def find(self, source: str, username: str) -> Account | None:
        found = self.account
        return found if found is not None and (found.source, found.username) == (source, username) else None

    async def get(self, account_id: str) -> Account | None:
        raise NotImplementedError

    async def add(self, account: Account) -> None:
        raise NotImplementedError

    async def save(self, account: Account) -> None:
        raise NotImplementedError

    async def list(self) -> Sequence[Account]:
        raise NotImplementedError


def own_row(role: Role, marketplaces: tuple[str, ...] = (), *, disabled: bool = False) -> OwnRows:
    return OwnRows(
        Account("1", "opencart", "Selma", "x", role, marketplaces, disabled, None, datetime(2026, 1, 1, tzinfo=UTC))
    )


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, password: str, stored: str) -> bool:
        self.calls += 1
        return slow_check(password, stored)


async def add_user(world: World, group: int = 1, *, status: int = 1, password: str | None = None) -> int:
    stored = password or (MD5 if world.version is Version.V3_0 else HASH)
    return await world.insert(
        "INSERT INTO {user} (user_group_id, username, password, firstname, lastname, status, date_added)"
        " VALUES (?, 'Selma', ?, 'Selma', 'Aydın', ?, '2026-01-01 00:00:00')",
        group,
        stored,
        status,
    )


def accounts(world: World, rows: OwnRows | None = None, check: Counted | None = None) -> OpenCartAccounts:
    shop = world.shop()
    return OpenCartAccounts(world.opened[-1], shop.settings, rows or OwnRows(), check=check or Counted())


async def test_a_shop_admin_logs_in_whatever_the_case_of_the_name(world: World) -> None:
    user_id = await add_user(world)
    found = accounts(world)
    for name in ("Selma", "selma", "SELMA"):
        identity = await found.authenticate(name, "right")
        assert identity == Identity(f"opencart:{user_id}", "Selma Aydın", Role.SUPER_ADMIN)
    assert await found.authenticate("Selma", "wrong") is None
    assert await found.authenticate("Selma", "") is None
    assert await found.authenticate("nobody", "right") is None
    assert await found.authenticate("' OR 1=1 -- ", "right") is None


async def test_a_name_is_known_whatever_its_case_and_whether_or_not_it_may_log_in(world: World) -> None:
    await add_user(world, status=0)
    shop = accounts(world)
    assert [await shop.knows(name) for name in ("Selma", "sELMA", "nobody", "")] == [True, True, False, False]


async def test_a_disabled_admin_does_not_log_in(world: World) -> None:
    user_id = await add_user(world, status=0)
    found = accounts(world)
    assert await found.authenticate("Selma", "right") is None
    assert await found.current(f"opencart:{user_id}") is None


async def test_hashes_of_3_x_are_salted(world: World) -> None:
    if world.version is not Version.V3_0:
        await world.run("ALTER TABLE {user} ADD COLUMN salt VARCHAR(9) NOT NULL DEFAULT ''")  # an upgraded shop
    salt = "aB3dE6gH9"
    digest = "right&"
    for prefix in ("", salt, salt):
        digest = hashlib.sha1((prefix + digest).encode()).hexdigest()  # noqa: S324 - what 3.x stores
    await add_user(world, password=digest)
    await world.run("UPDATE {user} SET salt = ?", salt)
    found = accounts(world)
    assert await found.authenticate("Selma", "right&") is not None
    assert await found.authenticate("Selma", "right") is None


async def test_the_group_decides_the_role(world: World) -> None:
    group = await world.insert("INSERT INTO {user_group} (name, permission) VALUES ('Boss', '{}')")
    assert group == 1
    group = await world.insert("INSERT INTO {user_group} (name, permission) VALUES ('Orders', ?)", MANAGER)
    await add_user(world, group)
    identity = await accounts(world).authenticate("Selma", "right")
    assert identity is not None
    assert (identity.role, identity.marketplaces) == (Role.MARKETPLACE_MANAGER, ())
    shop = world.shop()
    configured = OpenCartAccounts(world.opened[-1], shop.settings, OwnRows(), group_roles={group: Role.DROPSHIPPER})
    identity = await configured.authenticate("Selma", "right")
    assert identity is not None
    assert identity.role is Role.DROPSHIPPER


async def test_a_group_that_is_gone_leaves_the_lowest_role(shop_4_1: World) -> None:
    await add_user(shop_4_1, 77)
    identity = await accounts(shop_4_1).authenticate("Selma", "right")
    assert identity is not None
    assert identity.role is Role.USER


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (Role.SUPER_ADMIN, Role.MARKETPLACE_MANAGER),
        (Role.DROPSHIPPER, Role.DROPSHIPPER),
        (Role.MARKETPLACE_MANAGER, Role.MARKETPLACE_MANAGER),
    ],
)
async def test_an_own_row_wins_within_what_the_group_allows(shop_4_1: World, wanted: Role, given: Role) -> None:
    world = shop_4_1
    await world.insert("INSERT INTO {user_group} (name, permission) VALUES ('Boss', '{}')")
    group = await world.insert("INSERT INTO {user_group} (name, permission) VALUES ('Orders', ?)", MANAGER)
    user_id = await add_user(world, group)
    found = accounts(world, own_row(wanted, ("n11", "etsy")))
    for identity in (await found.authenticate("selma", "right"), await found.current(f"opencart:{user_id}")):
        assert identity is not None
        assert (identity.role, identity.marketplaces) == (given, ("n11", "etsy"))


async def test_an_own_row_may_shut_an_admin_out(shop_4_1: World) -> None:
    user_id = await add_user(shop_4_1)
    found = accounts(shop_4_1, own_row(Role.SUPER_ADMIN, disabled=True))
    assert await found.authenticate("SELMA", "right") is None
    assert await found.current(f"opencart:{user_id}") is None


async def test_a_second_factor_is_not_replaced_by_a_password(world: World) -> None:
    user_id = await add_user(world)
    key = "config_user_2fa" if world.version is Version.V4_1 else "config_security"
    await world.set(key, "1")
    found = accounts(world)
    if not world.version.is_4:
        assert await found.authenticate("Selma", "right") is not None
        return
    with pytest.raises(SecondFactorRequired):
        await found.authenticate("Selma", "right")
    # A wrong password learns nothing of it.
    assert await found.authenticate("Selma", "wrong") is None
    assert await found.current(f"opencart:{user_id}") is not None


async def test_an_unknown_user_costs_the_same_checks_as_a_known_one(world: World) -> None:
    await add_user(world)
    work = []
    for name, password in (("Selma", "wrong"), ("nobody", "wrong"), ("Selma", "right"), ("nobody", "")):
        check = Counted()
        await accounts(world, check=check).authenticate(name, password)
        work.append(check.calls)
    assert work == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "user_id", ["", "opencart:", "opencart:x", "opencart:-1", "opencart:99", "own:1", "opencart:١"]
)
async def test_ids_of_nobody_and_of_other_sources_are_none(shop_4_1: World, user_id: str) -> None:
    await add_user(shop_4_1)
    assert await accounts(shop_4_1).current(user_id) is None


async def test_an_admin_is_looked_up_as_of_now(world: World) -> None:
    user_id = await add_user(world)
    found = accounts(world)
    assert await found.current(f"opencart:{user_id}") is not None
    await world.run("UPDATE {user} SET status = 0")
    assert await found.current(f"opencart:{user_id}") is None


async def test_a_shop_that_is_away_is_said_to_be(shop_4_1: World) -> None:
    found = accounts(shop_4_1)
    await shop_4_1.run("DROP TABLE {user}")
    with pytest.raises(ShopUnavailable, match="missing"):
        await found.authenticate("Selma", "right")
