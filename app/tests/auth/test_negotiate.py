"""The decision of negotiate: every role and hub, and every pair of roles in x-user-role."""

from __future__ import annotations

import pytest

from meschain.auth.negotiate import NegotiateRefused, decide
from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, HUBS, MARKETPLACE_HUB
from meschain.domain.roles import Identity, Operation, Role, may

A, M, D = ADMIN_HUB, MARKETPLACE_HUB, DASHBOARD_HUB
TABLE = {
    Role.SUPER_ADMIN: (A, {A, M, D}),
    Role.ADMIN: (A, {A, M, D}),
    Role.MARKETPLACE_MANAGER: (M, {M, D}),
    Role.DROPSHIPPER: (D, {D, M}),
    Role.TECHNICAL: (D, {D}),
    Role.USER: (D, {D}),
    Role.VIEWER: (D, {D}),
    Role.SERVICE: (A, {A, M, D}),
}
"""Role -> its default hub, and those it may enter; written from the specification, not from the code."""

LOWERED = {
    Role.SUPER_ADMIN: {"admin", "marketplace_manager", "technical", "dropshipper", "user", "viewer", "analyst"},
    Role.ADMIN: {"marketplace_manager", "technical", "dropshipper", "user", "viewer", "analyst"},
    Role.MARKETPLACE_MANAGER: {"dropshipper", "user", "viewer", "analyst"},
    Role.TECHNICAL: {"user", "viewer", "analyst"},
    Role.DROPSHIPPER: {"user", "viewer", "analyst"},
    Role.USER: {"user", "viewer", "analyst"},
    Role.VIEWER: {"user", "viewer", "analyst"},
    Role.SERVICE: set[str](),
}
"""Role -> what x-user-role may say beside the role itself. `analyst` is unknown to us, which is `user`."""


def identity(role: Role, user_id: str = "own:7") -> Identity:
    return Identity(user_id, "Ada", role)


@pytest.mark.parametrize("role", list(Role))
def test_without_a_hub_the_role_decides(role: Role) -> None:
    assert decide(identity(role)).hub == TABLE[role][0]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("hub", HUBS)
def test_the_hubs_of_each_role(role: Role, hub: str) -> None:
    if hub in TABLE[role][1]:
        assert decide(identity(role), [hub]).hub == hub
    else:
        with pytest.raises(NegotiateRefused) as refused:
            decide(identity(role), [hub])
        assert refused.value.status == 403


def test_hubs_are_compared_without_regard_to_case() -> None:
    assert decide(identity(Role.ADMIN), ["meschainmarketplacehub"]).hub == MARKETPLACE_HUB


@pytest.mark.parametrize("hubs", [["nosuchhub"], [""], [ADMIN_HUB, ADMIN_HUB]])
def test_unknown_and_repeated_hubs_are_bad_requests(hubs: list[str]) -> None:
    with pytest.raises(NegotiateRefused) as refused:
        decide(identity(Role.ADMIN), hubs)
    assert refused.value.status == 400


@pytest.mark.parametrize("claimed", ["external:shop/42", "shop/42", "42"])
def test_a_page_of_the_shop_may_use_its_own_id(claimed: str) -> None:
    caller = identity(Role.ADMIN, "external:shop/42")
    assert decide(caller, claimed_user_id=claimed).identity.user_id == "external:shop/42"
    with pytest.raises(NegotiateRefused):
        decide(caller, claimed_user_id="4")


@pytest.mark.parametrize("claimed", [None, "", "own:7", "7"])
def test_the_callers_own_id_is_fine(claimed: str | None) -> None:
    assert decide(identity(Role.ADMIN), claimed_user_id=claimed).identity.user_id == "own:7"


@pytest.mark.parametrize("claimed", ["own:8", "8", "opencart:7", "Ada", "own:"])
def test_another_user_is_refused(claimed: str) -> None:
    with pytest.raises(NegotiateRefused) as refused:
        decide(identity(Role.ADMIN), claimed_user_id=claimed)
    assert refused.value.status == 403


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("claimed", [*Role, "analyst"])
def test_a_role_may_be_lowered_never_raised(role: Role, claimed: str) -> None:
    if claimed == role or claimed in LOWERED[role]:
        entry = decide(identity(role), claimed_role=claimed)
        assert entry.identity.role == (claimed if claimed in list(Role) else Role.USER)
        gained = {op for op in Operation if may(entry.identity.role, op) and not may(role, op)}
        assert not gained
        assert entry.hub == TABLE[entry.identity.role][0]
    else:
        with pytest.raises(NegotiateRefused) as refused:
            decide(identity(role), claimed_role=claimed)
        assert refused.value.status == 403


def test_the_lowered_role_decides_which_hubs_are_open() -> None:
    with pytest.raises(NegotiateRefused) as refused:
        decide(identity(Role.SUPER_ADMIN), [ADMIN_HUB], claimed_role="viewer")
    assert refused.value.status == 403
