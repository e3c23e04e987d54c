"""Roles, hubs and the one table of rights; deny by default. Pure: knows neither tokens nor hubs' code."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, MARKETPLACE_HUB
from meschain.domain.marketplaces import MARKETPLACES


class Role(enum.StrEnum):
    """A role of the original's access model; `service` is for the shop's own programs and never logs in."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    MARKETPLACE_MANAGER = "marketplace_manager"
    TECHNICAL = "technical"
    DROPSHIPPER = "dropshipper"
    USER = "user"
    VIEWER = "viewer"
    SERVICE = "service"

    @property
    def level(self) -> int:
        """A role may be lowered to one of a lower level, never raised."""
        return _LEVELS[self]


_LEVELS: Final = {
    Role.SUPER_ADMIN: 100,
    Role.ADMIN: 80,
    Role.MARKETPLACE_MANAGER: 60,
    Role.TECHNICAL: 60,
    Role.DROPSHIPPER: 40,
    Role.USER: 20,
    Role.VIEWER: 20,
    Role.SERVICE: 0,
}

LOGIN_ROLES: Final = tuple(role for role in Role if role is not Role.SERVICE)
"""Roles that an account may have."""

_ADMINS: Final = frozenset({Role.SUPER_ADMIN, Role.ADMIN})

PERMISSIONS: Final[dict[Role, tuple[str, ...]]] = {
    Role.SUPER_ADMIN: ("*",),
    Role.ADMIN: ("user_management", "all_marketplaces", "reports", "system_config"),
    Role.MARKETPLACE_MANAGER: ("marketplace_management", "product_sync", "order_management"),
    Role.TECHNICAL: ("api_management", "webhook_management", "technical_support"),
    Role.DROPSHIPPER: ("dropshipping", "limited_marketplace"),
    Role.USER: ("view_only",),
    Role.VIEWER: ("view_dashboard", "view_reports"),
    Role.SERVICE: ("publish",),
}
"""What the claim `permissions` carries."""

_HUBS: Final[dict[Role, tuple[str, ...]]] = {
    Role.SUPER_ADMIN: (ADMIN_HUB, MARKETPLACE_HUB, DASHBOARD_HUB),
    Role.ADMIN: (ADMIN_HUB, MARKETPLACE_HUB, DASHBOARD_HUB),
    Role.MARKETPLACE_MANAGER: (MARKETPLACE_HUB, DASHBOARD_HUB),
    Role.DROPSHIPPER: (DASHBOARD_HUB, MARKETPLACE_HUB),
    Role.SERVICE: (ADMIN_HUB, MARKETPLACE_HUB, DASHBOARD_HUB),
}


def parse_role(text: str) -> Role:
    """The role of that name; any unknown name is `user`, the lowest. Never `service`: only a command issues that."""
    try:
        role = Role(text)
    except ValueError:
        return Role.USER
    return Role.USER if role is Role.SERVICE else role


def hubs_of(role: Role) -> tuple[str, ...]:
    """The hubs that a role may enter, its default first."""
    return _HUBS.get(role, (DASHBOARD_HUB,))


class Operation(enum.StrEnum):
    """What the rights table distinguishes: a hub method, a part of one that has its own right, or a route."""

    JOIN_ADMIN_GROUP = "JoinAdminGroup"
    BROADCAST_SYSTEM_ALERT = "BroadcastSystemAlert"
    UPDATE_ADMIN_DASHBOARD = "UpdateAdminDashboard"
    HANDLE_ADMIN_COMMAND = "HandleAdminCommand"
    JOIN_MARKETPLACE_GROUP = "JoinMarketplaceGroup"
    START_SYNC = "SyncMarketplaceData:sync"
    PUBLISH_MARKETPLACE_DATA = "SyncMarketplaceData:data"
    UPDATE_INVENTORY_STATUS = "UpdateInventoryStatus"
    BROADCAST_SYNC_PROGRESS = "BroadcastSyncProgress"
    SUBSCRIBE_TO_DASHBOARD = "SubscribeToDashboard"
    UPDATE_METRICS = "UpdateMetrics"
    BROADCAST_PERFORMANCE_DATA = "BroadcastPerformanceData"
    SEND_NOTIFICATION = "SendNotification"
    ACKNOWLEDGE_NOTIFICATION = "AcknowledgeNotification"
    RESUME_EVENTS = "ResumeEvents"
    SCHEDULE_SYNC = "PUT /api/schedules"


_EVERYBODY: Final = frozenset(Role)
_SERVICE: Final = frozenset({Role.SERVICE})

_RIGHTS: Final[dict[Operation, frozenset[Role]]] = {
    Operation.JOIN_ADMIN_GROUP: _ADMINS,
    Operation.BROADCAST_SYSTEM_ALERT: _ADMINS | _SERVICE,
    Operation.UPDATE_ADMIN_DASHBOARD: _SERVICE,
    Operation.HANDLE_ADMIN_COMMAND: _ADMINS | _SERVICE,
    Operation.JOIN_MARKETPLACE_GROUP: _ADMINS | _SERVICE | {Role.MARKETPLACE_MANAGER, Role.DROPSHIPPER},
    Operation.START_SYNC: _ADMINS | _SERVICE | {Role.MARKETPLACE_MANAGER},
    Operation.PUBLISH_MARKETPLACE_DATA: _SERVICE,
    Operation.UPDATE_INVENTORY_STATUS: _SERVICE,
    Operation.BROADCAST_SYNC_PROGRESS: _SERVICE,
    Operation.SUBSCRIBE_TO_DASHBOARD: _EVERYBODY,
    Operation.UPDATE_METRICS: _SERVICE,
    Operation.BROADCAST_PERFORMANCE_DATA: _SERVICE,
    Operation.SEND_NOTIFICATION: _ADMINS | _SERVICE,
    Operation.ACKNOWLEDGE_NOTIFICATION: _EVERYBODY,
    Operation.RESUME_EVENTS: _ADMINS | _SERVICE | {Role.MARKETPLACE_MANAGER, Role.DROPSHIPPER},
    Operation.SCHEDULE_SYNC: _ADMINS,
}

METRICS: Final = ("basic", "performance", "business", "own")
"""What a dashboard may subscribe to."""

_METRICS: Final[dict[Role, frozenset[str]]] = {
    Role.SUPER_ADMIN: frozenset(METRICS),
    Role.ADMIN: frozenset(METRICS),
    Role.SERVICE: frozenset(METRICS),
    Role.MARKETPLACE_MANAGER: frozenset({"basic", "business"}),
    Role.DROPSHIPPER: frozenset({"basic", "own"}),
    Role.TECHNICAL: frozenset({"basic", "performance"}),
}


def may(role: Role, operation: Operation) -> bool:
    """Whether the table gives the role this operation. Marketplace and metric are checked by the next two functions."""
    return role in _RIGHTS.get(operation, frozenset())


def visible_marketplaces(role: Role, granted: Iterable[str]) -> tuple[str, ...]:
    """The marketplaces that a caller may see, in the product's order: all for administrators and services."""
    if role in _ADMINS or role is Role.SERVICE:
        return tuple(MARKETPLACES)
    if role in {Role.MARKETPLACE_MANAGER, Role.DROPSHIPPER}:
        wanted = set(granted)
        return tuple(code for code in MARKETPLACES if code in wanted)
    return ()


def sees_whole_shop(role: Role) -> bool:
    """Whether figures of the shop as a whole are for this role; others see those of their marketplaces."""
    return role in _ADMINS or role is Role.SERVICE


def visible_metrics(role: Role) -> frozenset[str]:
    """The metrics that a role may subscribe to; `basic` for any role that the table does not name."""
    return _METRICS.get(role, frozenset({"basic"}))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts, as a verified token says."""

    user_id: str
    """`own:<account id>`, `opencart:<user id>`, `external:<subject>` or `service:<name>`; unique over all sources."""
    name: str
    role: Role
    marketplaces: tuple[str, ...] = ()
    """Marketplaces granted to it; what it may see is `visible_marketplaces`."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """What a page may call this user: the whole id, the id within its source, and an issuer's own word for it."""
        within_source = self.user_id.partition(":")[2]
        return self.user_id, within_source, within_source.partition("/")[2] or within_source

    @property
    def visible_marketplaces(self) -> tuple[str, ...]:
        return visible_marketplaces(self.role, self.marketplaces)
