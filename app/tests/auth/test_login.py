"""Log-in, refresh and log-out over two sources of users, on a real database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from app.tests.auth.rig import PASSWORD, Rig

from meschain.auth.login import LoginEnded, WrongCredentials
from meschain.auth.ports import SecondFactorRequired
from meschain.auth.throttle import Throttled
from meschain.domain.roles import Role
from meschain.services.ports import ShopUnavailable

HERE = "203.0.113.1"


async def test_an_own_account_logs_in_without_asking_the_shop(rig: Rig) -> None:
    user_id = await rig.add("ada", Role.SUPER_ADMIN)
    rig.shop.is_down = True
    log_in = await rig.service.login("Ada", PASSWORD, HERE)
    assert log_in.identity.user_id == user_id
    assert log_in.expires_in == 900
    assert log_in.session_expires_at == rig.clock.now() + timedelta(hours=1)
    assert rig.tokens.verify(log_in.access_token).identity == log_in.identity
    assert rig.journal.entries == ["in ada"]


async def test_a_shop_user_logs_in_by_the_shops_check(rig: Rig) -> None:
    rig.shop.add("boss", Role.ADMIN)
    assert (await rig.service.login("boss", PASSWORD, HERE)).identity.user_id == "opencart:1"


async def test_wrong_user_and_wrong_password_are_one_answer_and_the_same_work(rig: Rig) -> None:
    await rig.add("ada")
    for username in ("ada", "nobody"):
        with pytest.raises(WrongCredentials):
            await rig.service.login(username, "wrong", HERE)
    assert len(rig.hasher.verified) == 2
    assert rig.shop.asked == ["ada", "nobody"]


async def test_a_refusal_names_a_user_that_there_is_and_nothing_else(rig: Rig) -> None:
    """What is no user's name may be a password that was typed into the wrong field."""
    await rig.add("ada")
    rig.shop.add("boss", Role.ADMIN)
    for username in ("ada", "boss", "my-secret-password"):
        with pytest.raises(WrongCredentials):
            await rig.service.login(username, "wrong", HERE)
    reason = "user name or password is wrong"
    assert rig.journal.refusals == [("ada", HERE, reason), ("boss", HERE, reason), ("", HERE, reason)]


async def test_a_refusal_stands_even_if_nobody_can_say_whose_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.shop.add("boss", Role.ADMIN)

    async def fail(_username: str) -> bool:
        raise ShopUnavailable("The shop's database cannot be reached.")

    monkeypatch.setattr(rig.shop, "knows", fail)
    with pytest.raises(WrongCredentials):
        await rig.service.login("boss", "wrong", HERE)
    assert rig.journal.refusals == [("", HERE, "user name or password is wrong")]


async def test_a_second_factor_is_asked_for(rig: Rig) -> None:
    rig.shop.add("boss", Role.ADMIN)
    rig.shop.second_factor.add("boss")
    with pytest.raises(SecondFactorRequired):
        await rig.service.login("boss", PASSWORD, HERE)
    assert rig.journal.entries == []
    assert rig.journal.refusals == [("boss", HERE, "a second factor is asked for")]


async def test_that_the_shop_is_down_is_no_wrong_password(rig: Rig) -> None:
    rig.shop.is_down = True
    with pytest.raises(ShopUnavailable):
        await rig.service.login("boss", PASSWORD, HERE)


async def test_failures_are_throttled_before_any_password_is_looked_at(rig: Rig) -> None:
    await rig.add("ada")
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            await rig.service.login("ada", "wrong", HERE)
    looked_at = len(rig.hasher.verified)
    with pytest.raises(Throttled):
        await rig.service.login("ada", PASSWORD, HERE)
    assert len(rig.hasher.verified) == looked_at
    await rig.clock.advance(300)
    await rig.service.login("ada", PASSWORD, HERE)


async def test_the_right_password_clears_the_failures(rig: Rig) -> None:
    await rig.add("ada")
    for _ in range(4):
        with pytest.raises(WrongCredentials):
            await rig.service.login("ada", "wrong", HERE)
        await rig.service.login("ada", PASSWORD, HERE)
    assert len(rig.journal.entries) == 4


async def test_an_overlong_user_name_is_nobodys(rig: Rig) -> None:
    with pytest.raises(WrongCredentials):
        await rig.service.login("x" * 2000, PASSWORD, HERE)
    assert rig.shop.asked == [""]


async def test_refresh_gives_a_new_token_with_the_role_of_now(rig: Rig) -> None:
    await rig.add("ada", Role.VIEWER)
    log_in = await rig.service.login("ada", PASSWORD, HERE)
    await rig.accounts.set_role("ada", Role.ADMIN)
    await rig.clock.advance(1000)
    again = await rig.service.refresh(log_in.refresh_token)
    assert again.identity.role is Role.ADMIN
    assert again.refresh_token == log_in.refresh_token
    assert rig.tokens.verify(again.access_token).identity.role is Role.ADMIN


async def test_no_token_outlives_its_log_in(rig: Rig) -> None:
    await rig.add("ada")
    log_in = await rig.service.login("ada", PASSWORD, HERE)
    await rig.clock.advance(3500)
    assert (await rig.service.refresh(log_in.refresh_token)).expires_in == 100
    await rig.clock.advance(100)
    with pytest.raises(LoginEnded):
        await rig.service.refresh(log_in.refresh_token)


async def test_a_disabled_account_cannot_refresh_ever_again(rig: Rig) -> None:
    identity = rig.shop.add("boss", Role.ADMIN)
    log_in = await rig.service.login("boss", PASSWORD, HERE)
    entry = rig.shop.users.pop("boss")
    with pytest.raises(LoginEnded):
        await rig.service.refresh(log_in.refresh_token)
    assert rig.ended == [rig.tokens.verify(log_in.access_token).session_id]
    rig.shop.users["boss"] = entry
    assert await rig.shop.current(identity.user_id) is not None
    with pytest.raises(LoginEnded):
        await rig.service.refresh(log_in.refresh_token)


async def test_that_the_shop_is_down_ends_no_log_in(rig: Rig) -> None:
    rig.shop.add("boss", Role.ADMIN)
    log_in = await rig.service.login("boss", PASSWORD, HERE)
    rig.shop.is_down = True
    with pytest.raises(ShopUnavailable):
        await rig.service.refresh(log_in.refresh_token)
    rig.shop.is_down = False
    await rig.service.refresh(log_in.refresh_token)


async def test_that_the_shop_is_down_locks_nobody_out(rig: Rig) -> None:
    rig.shop.add("boss", Role.ADMIN)
    rig.shop.is_down = True
    for _ in range(4):
        with pytest.raises(ShopUnavailable):
            await rig.service.login("boss", PASSWORD, HERE)
    rig.shop.is_down = False
    await rig.service.login("boss", PASSWORD, HERE)


async def test_a_right_password_without_its_second_factor_counts_as_a_failure(rig: Rig) -> None:
    rig.shop.add("boss", Role.ADMIN)
    rig.shop.second_factor.add("boss")
    for _ in range(3):
        with pytest.raises(SecondFactorRequired):
            await rig.service.login("boss", PASSWORD, HERE)
    with pytest.raises(Throttled):
        await rig.service.login("boss", PASSWORD, HERE)


@pytest.mark.parametrize("refresh_token", ["", "made up", "x" * 10_000])
async def test_made_up_refresh_tokens_are_refused(rig: Rig, refresh_token: str) -> None:
    with pytest.raises(LoginEnded):
        await rig.service.refresh(refresh_token)


async def test_log_out_by_either_token(rig: Rig) -> None:
    await rig.add("ada")
    for by_cookie in (True, False):
        log_in = await rig.service.login("ada", PASSWORD, HERE)
        session_id = rig.tokens.verify(log_in.access_token).session_id
        if by_cookie:
            await rig.service.logout(refresh_token=log_in.refresh_token)
        else:
            await rig.service.logout(session_id=session_id)
        with pytest.raises(LoginEnded):
            await rig.service.refresh(log_in.refresh_token)
        await rig.service.logout(log_in.refresh_token, session_id)
    assert rig.journal.entries == ["in ada", "out ada"] * 2


async def test_log_out_works_while_the_shop_is_down(rig: Rig) -> None:
    rig.shop.add("boss", Role.ADMIN)
    log_in = await rig.service.login("boss", PASSWORD, HERE)
    rig.shop.is_down = True
    await rig.service.logout(log_in.refresh_token)
    rig.shop.is_down = False
    with pytest.raises(LoginEnded):
        await rig.service.refresh(log_in.refresh_token)


async def test_logging_out_of_nothing_is_fine(rig: Rig) -> None:
    await rig.service.logout("made up", "made up")
    await rig.service.logout()


async def test_expired_log_ins_are_cleared_away_at_the_next_one(rig: Rig) -> None:
    await rig.add("ada")
    log_in = await rig.service.login("ada", PASSWORD, HERE)
    session_id = rig.tokens.verify(log_in.access_token).session_id
    assert session_id is not None
    await rig.clock.advance(3600)
    await rig.service.login("ada", PASSWORD, HERE)
    assert await rig.sessions.get(session_id) is None


async def test_no_token_is_in_the_repr_of_a_log_in(rig: Rig) -> None:
    await rig.add("ada")
    log_in = await rig.service.login("ada", PASSWORD, HERE)
    assert log_in.access_token not in repr(log_in)
    assert log_in.refresh_token not in repr(log_in)
