"""An identity through the claims of a hub token and back, and what odd claims give: nothing."""

from __future__ import annotations

import pytest

from meschain.auth.claims import claims_of, identity_of
from meschain.domain.roles import PERMISSIONS, Identity, Role


@pytest.mark.parametrize("role", list(Role))
def test_round_trip(role: Role) -> None:
    user_id = "service:erp" if role is Role.SERVICE else "own:1"
    identity = Identity(user_id, "Ada", role, ("amazon", "n11"))
    claims = claims_of(identity)
    assert claims["permissions"] == list(PERMISSIONS[role])
    assert identity_of(user_id, claims) == identity


@pytest.mark.parametrize(
    ("claims", "role", "marketplaces"),
    [
        ({}, Role.USER, ()),
        ({"role": "root", "marketplaces": ["nowhere"]}, Role.USER, ()),
        ({"role": ["admin"], "marketplaces": {"n11": True}}, Role.USER, ()),
        ({"role": "service"}, Role.USER, ()),
        ({"role": "admin", "marketplaces": "n11"}, Role.ADMIN, ("n11",)),
        ({"role": "admin", "marketplaces": ["n11", 7, None]}, Role.ADMIN, ("n11",)),
    ],
)
def test_what_is_missing_or_odd_gives_nothing(
    claims: dict[str, object], role: Role, marketplaces: tuple[str, ...]
) -> None:
    identity = identity_of("own:1", claims)
    assert identity.role is role
    assert identity.marketplaces == marketplaces
    assert identity.name == "own:1"
