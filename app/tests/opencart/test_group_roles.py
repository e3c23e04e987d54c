"""Groups of the shop and roles of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from meschain.domain.roles import Role
from meschain.opencart.group_roles import group_role, lowered


def rights(access: Sequence[str], modify: Sequence[str]) -> str:
    return json.dumps({"access": list(access), "modify": list(modify)})


@pytest.mark.parametrize(
    ("group", "permission", "role"),
    [
        (1, "", Role.SUPER_ADMIN),
        (2, rights(["user/user"], ["user/user", "sale/order"]), Role.ADMIN),
        (2, rights(["sale/order"], ["sale/order", "catalog/product"]), Role.MARKETPLACE_MANAGER),
        (2, rights(["sale/order"], ["sale/order"]), Role.USER),
        (2, rights(["sale/order", "catalog/product", "user/user"], []), Role.USER),
        (2, '{"modify": {"0": "sale/order", "2": "catalog/product"}}', Role.MARKETPLACE_MANAGER),
        (2, "", Role.USER),
        (2, None, Role.USER),
        (2, 'a:1:{i:0;s:9:"user/user";}', Role.USER),
        (2, '["user/user"]', Role.USER),
        (2, '{"modify": "user/user"}', Role.USER),
        (2, '{"modify": [{"user/user": 1}]}', Role.USER),
        (2, rights([], ["user/user_permission", "user/userx", "*"]), Role.USER),
    ],
)
def test_rights_decide_the_role(group: int, permission: str | None, role: Role) -> None:
    assert group_role(group, permission, {}) is role


def test_configured_groups_win() -> None:
    assert group_role(1, "", {1: Role.VIEWER}) is Role.VIEWER
    assert group_role(9, rights([], ["user/user"]), {9: Role.TECHNICAL}) is Role.TECHNICAL


@pytest.mark.parametrize(
    ("allowed", "wanted", "given"),
    [
        (Role.ADMIN, Role.VIEWER, Role.VIEWER),
        (Role.ADMIN, Role.ADMIN, Role.ADMIN),
        (Role.USER, Role.ADMIN, Role.USER),
        (Role.MARKETPLACE_MANAGER, Role.SUPER_ADMIN, Role.MARKETPLACE_MANAGER),
        (Role.ADMIN, Role.SERVICE, Role.ADMIN),
    ],
)
def test_a_role_is_lowered_and_never_raised(allowed: Role, wanted: Role, given: Role) -> None:
    assert lowered(allowed, wanted) is given
