"""Who a bearer token speaks for at this moment, for tokens of every kind."""

from __future__ import annotations

import pytest
from app.tests.auth.issuing import payload
from app.tests.auth.rig import PASSWORD, SECRET, Rig
from app.tests.auth.test_external_tokens import hs256, shop

from meschain.auth.login_tokens import MAXIMUM_TOKEN_CHARACTERS, InvalidToken
from meschain.domain.roles import Identity, Role
from meschain.services.ports import ShopUnavailable
from meschain.state.database import Database

HERE = "203.0.113.1"


async def test_a_log_in_is_good_until_it_ends(rig: Rig) -> None:
    await rig.add("ada")
    log_in = await rig.service.login("ada", PASSWORD, HERE)
    bearer = await rig.bearers.verify(log_in.access_token)
    assert bearer.identity == log_in.identity
    assert bearer.good_until == log_in.session_expires_at


async def test_the_account_counts_as_it_is_now(rig: Rig) -> None:
    await rig.add("ada", Role.VIEWER)
    token = (await rig.service.login("ada", PASSWORD, HERE)).access_token
    await rig.accounts.set_role("ada", Role.MARKETPLACE_MANAGER)
    await rig.accounts.grant("ada", ["n11"])
    identity = (await rig.bearers.verify(token)).identity
    assert identity.role is Role.MARKETPLACE_MANAGER
    assert identity.marketplaces == ("n11",)
    await rig.accounts.set_disabled("ada", True)
    with pytest.raises(InvalidToken):
        await rig.bearers.verify(token)


async def test_after_log_out_the_token_is_worth_nothing(rig: Rig) -> None:
    await rig.add("ada")
    log_in = await rig.service.login("ada", PASSWORD, HERE)
    await rig.service.logout(log_in.refresh_token)
    with pytest.raises(InvalidToken, match="ended"):
        await rig.bearers.verify(log_in.access_token)


async def test_a_log_in_of_somebody_else_is_not_believed(rig: Rig) -> None:
    await rig.add("ada")
    user_id = await rig.add("eve")
    log_in = await rig.service.login("ada", PASSWORD, HERE)
    session_id = rig.tokens.verify(log_in.access_token).session_id
    with pytest.raises(InvalidToken, match="another"):
        await rig.bearers.verify(rig.tokens.issue(Identity(user_id, "Eve", Role.ADMIN), 900, session_id))


async def test_an_operators_token_needs_no_log_in_but_the_account(rig: Rig) -> None:
    user_id = await rig.add("ada", Role.VIEWER)
    token = rig.tokens.issue(Identity(user_id, "Ada", Role.SUPER_ADMIN), 900)
    bearer = await rig.bearers.verify(token)
    assert bearer.identity.role is Role.VIEWER
    assert bearer.session_id is None
    await rig.accounts.set_disabled("ada", True)
    with pytest.raises(InvalidToken, match="disabled"):
        await rig.bearers.verify(token)


async def test_a_services_token_needs_no_account(rig: Rig) -> None:
    identity = Identity("service:erp", "erp", Role.SERVICE)
    assert (await rig.bearers.verify(rig.tokens.issue(identity, 900))).identity == identity


async def test_a_service_has_no_other_role(rig: Rig) -> None:
    with pytest.raises(InvalidToken):
        await rig.bearers.verify(rig.tokens.issue(Identity("service:erp", "erp", Role.SUPER_ADMIN), 900))


async def test_users_that_no_source_knows_are_refused(rig: Rig) -> None:
    for user_id in ("own:gone", "opencart:99", "external:u-1", "root"):
        with pytest.raises(InvalidToken, match="disabled or gone"):
            await rig.bearers.verify(rig.tokens.issue(Identity(user_id, "X", Role.ADMIN), 900))


async def test_others_tokens_are_good_until_they_expire(database: Database) -> None:
    rig = Rig(database, issuers=[shop()])
    bearer = await rig.bearers.verify(hs256(payload(rig.clock)))
    assert bearer.identity.user_id == "external:u-1"
    assert (bearer.good_until - rig.clock.now()).total_seconds() == 600


async def test_others_cannot_issue_for_services_or_for_our_users(database: Database) -> None:
    rig = Rig(database, issuers=[shop()])
    user_id = await rig.add("ada", Role.SUPER_ADMIN)
    for subject in (user_id, "service:erp"):
        bearer = await rig.bearers.verify(hs256(payload(rig.clock, sub=subject, role="service")))
        assert bearer.identity.user_id == f"external:{subject}"
        assert bearer.identity.role is Role.USER


async def test_the_shared_secret_of_another_does_not_sign_our_tokens(database: Database) -> None:
    rig = Rig(database, issuers=[shop()])
    with pytest.raises(InvalidToken):
        await rig.bearers.verify(hs256(payload(rig.clock, iss="meschain", aud="meschain-api"), SECRET))


async def test_that_the_shop_is_down_is_not_the_callers_fault(rig: Rig) -> None:
    rig.shop.add("boss", Role.ADMIN)
    token = (await rig.service.login("boss", PASSWORD, HERE)).access_token
    rig.shop.is_down = True
    with pytest.raises(ShopUnavailable):
        await rig.bearers.verify(token)


async def test_overlong_tokens_are_refused_unread(rig: Rig) -> None:
    with pytest.raises(InvalidToken, match="too long"):
        await rig.bearers.verify("x" * (MAXIMUM_TOKEN_CHARACTERS + 1))
