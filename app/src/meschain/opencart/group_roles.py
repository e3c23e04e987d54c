"""From OpenCart's user groups to our roles. Pure.

A right in OpenCart is the literal route; there is no wildcard. An own row for a shop's admin may lower its role, give
it marketplaces or shut it out; it never lifts it above what the shop's group allows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from meschain.domain.roles import Role

ADMINISTRATOR_GROUP: Final = 1
"""The group that OpenCart's installer makes for the owner."""


def group_role(group_id: int, permission: str | None, configured: Mapping[int, Role]) -> Role:
    """The role of a group: as configured, else by its rights.

    Args:
        permission: the group's JSON `{"access": […], "modify": […]}`, or empty.
    """
    if group_id in configured:
        return configured[group_id]
    if group_id == ADMINISTRATOR_GROUP:
        return Role.SUPER_ADMIN
    modify = _modifiable(permission)
    if "user/user" in modify:
        return Role.ADMIN
    if {"sale/order", "catalog/product"} <= modify:
        return Role.MARKETPLACE_MANAGER
    return Role.USER


def lowered(allowed: Role, wanted: Role) -> Role:
    """The wanted role, unless it is above the allowed one."""
    return wanted if wanted is not Role.SERVICE and wanted.level <= allowed.level else allowed


def _modifiable(permission: str | None) -> frozenset[str]:
    try:
        rights = json.loads(permission) if permission else {}
    except ValueError:
        return frozenset()
    routes = rights.get("modify") if isinstance(rights, dict) else None
    # PHP writes a list with gaps in its keys as an object.
    if isinstance(routes, dict):
        routes = list(routes.values())
    return frozenset(route for route in routes if isinstance(route, str)) if isinstance(routes, list) else frozenset()
