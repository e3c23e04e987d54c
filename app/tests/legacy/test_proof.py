from __future__ import annotations

from datetime import timedelta

import pytest
from app.tests.services.fakes import START, FakeClock
from pydantic import ValidationError

from meschain.auth.bearer import Bearer
from meschain.auth.keys import LOGIN_KEYS, Secrets
from meschain.auth.login_tokens import InvalidToken, LoginTokens
from meschain.domain.roles import Identity, Role
from meschain.legacy.proof import LINK_KEYS, Guest, Proofs, claimed, link, lowered, may_sync
from meschain.legacy_settings import LegacyListener

SECRETS = Secrets("kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU")
BOARD = Identity("link:board", "board", Role.ADMIN, ("n11",))
ANYBODY = LegacyListener(port=8080)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def links(clock: FakeClock) -> LoginTokens:
    return LoginTokens(SECRETS.keys(LINK_KEYS), clock)


@pytest.fixture
def proofs(links: LoginTokens, clock: FakeClock) -> Proofs:
    log_ins = LoginTokens(SECRETS.keys(LOGIN_KEYS), clock)

    async def bearer(token: str) -> Bearer:
        claims = log_ins.verify(token)
        return Bearer(claims.identity, "log-in", claims.expires_at)

    return Proofs(links, bearer)


async def test_without_a_link_one_is_what_the_listener_says(proofs: Proofs) -> None:
    guest = await proofs.guest(ANYBODY, "panel", "")
    assert (guest.identity.role, guest.is_proved) == (Role.VIEWER, False)
    trusting = LegacyListener(port=8080, role=Role.MARKETPLACE_MANAGER, marketplaces=("ozon",))
    assert (await proofs.guest(trusting, "panel", "")).identity.visible_marketplaces == ("ozon",)


async def test_a_link_proves_a_role_up_to_the_ceiling(proofs: Proofs, links: LoginTokens) -> None:
    token = link(links, BOARD, 3600)
    assert (await proofs.guest(ANYBODY, "panel", token)) == Guest(BOARD, True, START + timedelta(hours=1))
    low = LegacyListener(port=8080, ceiling=Role.DROPSHIPPER)
    guest = await proofs.guest(low, "panel", token)
    assert (guest.identity.role, guest.identity.visible_marketplaces) == (Role.DROPSHIPPER, ("n11",))


async def test_a_link_runs_out_and_cannot_be_changed(proofs: Proofs, links: LoginTokens, clock: FakeClock) -> None:
    token = link(links, BOARD, 3600)
    with pytest.raises(InvalidToken):
        await proofs.guest(ANYBODY, "panel", f"{token[:-2]}xx")
    await clock.advance(3600)
    with pytest.raises(InvalidToken):
        await proofs.guest(ANYBODY, "panel", token)


async def test_links_never_pass_for_log_ins(proofs: Proofs, links: LoginTokens, clock: FakeClock) -> None:
    log_ins = LoginTokens(SECRETS.keys(LOGIN_KEYS), clock)
    with pytest.raises(InvalidToken):
        log_ins.verify(link(links, BOARD, 3600))
    person = Identity("own:1", "Ayşe", Role.ADMIN)
    assert (await proofs.guest(ANYBODY, "panel", log_ins.issue(person, 60))) == Guest(
        person, True, START + timedelta(minutes=1), "log-in"
    )


def test_a_claim_lowers_and_never_raises() -> None:
    manager = Identity("own:1", "m", Role.MARKETPLACE_MANAGER)
    assert claimed(manager, "super_admin") == manager
    assert claimed(manager, "service") == manager
    assert claimed(manager, "marketplace") == manager
    assert claimed(manager, "viewer").role is Role.VIEWER
    assert lowered(Identity("service:erp", "erp", Role.SERVICE), Role.ADMIN).role is Role.ADMIN


def test_a_sync_needs_the_right_and_a_proof() -> None:
    admin = Identity("legacy:panel", "p", Role.ADMIN)
    manager = Identity("link:board", "b", Role.MARKETPLACE_MANAGER, ("n11",))
    assert not may_sync(ANYBODY, Guest(admin, False), "n11")
    assert may_sync(ANYBODY, Guest(admin, True), "n11")
    assert may_sync(LegacyListener(port=1, role=Role.ADMIN, sync_without_link=True), Guest(admin, False), "n11")
    assert may_sync(ANYBODY, Guest(manager, True), "n11")
    assert not may_sync(ANYBODY, Guest(manager, True), "ozon")
    assert not may_sync(ANYBODY, Guest(Identity("own:1", "v", Role.VIEWER), True), "n11")


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "service"},
        {"ceiling": "service"},
        {"role": "super_admin"},
        {"marketplaces": ["gittigidiyor"]},
        {"allowed_networks": ["everybody"]},
        {"port": 70000},
        {"dialect": "academic"},
    ],
)
def test_a_listener_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LegacyListener.model_validate({"port": 8080, **wrong})
