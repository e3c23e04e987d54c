"""Our own accounts as a source of users, and what an operator may do with them."""

from __future__ import annotations

import hashlib

import pytest
from app.tests.auth.rig import PASSWORD, Rig

from meschain.auth.login import LoginEnded
from meschain.auth.own_accounts import OPENCART, AccountError
from meschain.auth.passwords import WeakPassword
from meschain.auth.ports import AccountExists
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import Identity, Role


async def test_the_right_password_gives_the_identity(rig: Rig) -> None:
    user_id = await rig.add("Ada", Role.MARKETPLACE_MANAGER, ["n11", "amazon"])
    identity = await rig.own.authenticate("ADA", PASSWORD)
    assert identity == Identity(user_id, "Ada", Role.MARKETPLACE_MANAGER, ("amazon", "n11"))
    assert await rig.own.current(user_id) == identity


async def test_the_wrong_password_does_not(rig: Rig) -> None:
    await rig.add("ada")
    assert await rig.own.authenticate("ada", "wrong") is None


async def test_a_disabled_account_is_no_identity_but_costs_as_much(rig: Rig) -> None:
    user_id = await rig.add("ada")
    await rig.accounts.set_disabled("ada", True)
    assert await rig.own.authenticate("ada", PASSWORD) is None
    assert await rig.own.current(user_id) is None
    assert len(rig.hasher.verified) == 1


async def test_unknown_users_cost_one_hash_like_known_ones(rig: Rig) -> None:
    await rig.add("ada")
    await rig.own.authenticate("ada", "wrong")
    await rig.own.authenticate("nobody", "wrong")
    assert [password for _, password in rig.hasher.verified] == ["wrong", "wrong"]


async def test_a_hash_with_old_parameters_is_renewed_at_log_in(rig: Rig) -> None:
    await rig.add("ada")
    before = await rig.accounts.get("ada")
    rig.hasher.outdated, rig.hasher.prefix = True, "newer hash:"
    assert await rig.own.authenticate("ada", PASSWORD) is not None
    after = await rig.accounts.get("ada")
    assert before.password_hash != after.password_hash == f"newer hash:{PASSWORD}"


async def test_rows_for_the_shops_admins_do_not_log_in_here(rig: Rig) -> None:
    account = await rig.accounts.add("boss", Role.ADMIN, source=OPENCART)
    assert account.password_hash is None
    assert await rig.own.authenticate("boss", "") is None
    assert await rig.own.current(f"own:{account.id}") is None


async def test_other_sources_users_are_unknown_here(rig: Rig) -> None:
    assert await rig.own.current("opencart:1") is None
    assert await rig.own.current("own:gone") is None


async def test_two_accounts_cannot_have_one_name(rig: Rig) -> None:
    await rig.add("İnci")
    with pytest.raises(AccountExists, match="already"):
        await rig.add("i̇nci")


@pytest.mark.parametrize("username", ["", " ada", "a:b", "a/b", "a\\b", "x" * 65, "a\nb"])
async def test_odd_user_names_are_refused(rig: Rig, username: str) -> None:
    with pytest.raises(AccountError):
        await rig.accounts.add(username, Role.ADMIN, password=PASSWORD)


async def test_the_role_service_is_not_for_accounts(rig: Rig) -> None:
    with pytest.raises(AccountError, match="--service"):
        await rig.accounts.add("erp", Role.SERVICE, password=PASSWORD)
    await rig.add("ada")
    with pytest.raises(AccountError, match="--service"):
        await rig.accounts.set_role("ada", Role.SERVICE)


async def test_accounts_need_the_password_that_their_source_asks_for(rig: Rig) -> None:
    with pytest.raises(AccountError):
        await rig.accounts.add("ada", Role.ADMIN)
    with pytest.raises(AccountError):
        await rig.accounts.add("ada", Role.ADMIN, password=PASSWORD, source=OPENCART)
    with pytest.raises(AccountError):
        await rig.accounts.add("ada", Role.ADMIN, password=PASSWORD, source="ldap")
    with pytest.raises(WeakPassword):
        await rig.accounts.add("ada", Role.ADMIN, password="short")


async def test_grants_replace_each_other_and_are_checked(rig: Rig) -> None:
    await rig.add("ada", Role.MARKETPLACE_MANAGER, ["amazon"])
    assert (await rig.accounts.grant("ada", ["n11", "ebay", "n11"])).marketplaces == ("ebay", "n11")
    assert (await rig.accounts.grant("ada", ["all"])).marketplaces == tuple(MARKETPLACES)
    assert (await rig.accounts.grant("ada", [])).marketplaces == ()
    with pytest.raises(AccountError, match="gittigidiyor"):
        await rig.accounts.grant("ada", ["gittigidiyor"])


@pytest.mark.parametrize(
    ("role", "marketplaces", "holds"),
    [
        (Role.MARKETPLACE_MANAGER, ["amazon", "n11"], True),
        (Role.ADMIN, ["amazon"], True),
        (Role.TECHNICAL, ["amazon"], False),
        (Role.VIEWER, ["amazon"], False),
        (Role.MARKETPLACE_MANAGER, ["n11"], False),
    ],
)
async def test_rights_taken_away_end_the_log_ins(rig: Rig, role: Role, marketplaces: list[str], holds: bool) -> None:
    """Or a page that is open would keep them until it reconnects."""
    await rig.add("ada", Role.MARKETPLACE_MANAGER, ["amazon"])
    log_in = await rig.service.login("ada", PASSWORD, "203.0.113.9")
    await rig.accounts.set_role("ada", role)
    await rig.accounts.grant("ada", marketplaces)
    session = await rig.sessions.by_token_hash(hashlib.sha256(log_in.refresh_token.encode()).hexdigest())
    assert session is not None
    assert session.revoked is not holds


async def test_a_missing_account_is_named(rig: Rig) -> None:
    with pytest.raises(AccountError, match="'bob'"):
        await rig.accounts.set_role("bob", Role.ADMIN)


async def test_a_new_password_and_a_ban_end_the_log_ins_there_are(rig: Rig) -> None:
    await rig.add("ada")
    first = await rig.service.login("ada", PASSWORD, "203.0.113.1")
    await rig.accounts.set_password("ada", "another good password")
    with pytest.raises(LoginEnded):
        await rig.service.refresh(first.refresh_token)
    assert await rig.own.authenticate("ada", PASSWORD) is None
    second = await rig.service.login("ada", "another good password", "203.0.113.1")
    await rig.accounts.set_disabled("ada", True)
    await rig.accounts.set_disabled("ada", False)
    with pytest.raises(LoginEnded):
        await rig.service.refresh(second.refresh_token)


async def test_nothing_secret_is_in_the_repr_of_an_account(rig: Rig) -> None:
    await rig.add("ada")
    account = await rig.accounts.get("ada")
    assert account.password_hash is not None
    assert account.password_hash not in repr(account)
