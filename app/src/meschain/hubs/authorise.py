"""The one check of every connect and every hub call, from the claims of the verified token. Deny by default.

`CALLS` says for each hub method which operation of the rights table it is, which of its arguments name the caller, and
which marketplace or metrics it is about. A method that is not in it is refused, whoever calls. The rights themselves
stand in `domain.roles`. Knows neither tokens nor what the methods do.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hubwire import Forbidden, HubCallerContext, HubError, HubFilter, InvocationContext
from hubwire.hub.filters import ConnectedNext, InvokeNext
from meschain.auth.claims import identity_of
from meschain.domain.events import (
    ADMIN_HUB,
    ADMINS_GROUP,
    DASHBOARD_HUB,
    MARKETPLACE_HUB,
    granted_business_group,
    marketplace_group,
    metric_group,
)
from meschain.domain.roles import METRICS, Identity, Operation, hubs_of, may, sees_whole_shop, visible_metrics
from meschain.hubs.arguments import is_sync_request, marketplace_code, metric_names
from meschain.services.ports import AuditStore, Clock

ALL_MARKETPLACES: Final = "all"
"""What a client passes for each marketplace that it may see; there is no group of that name."""

SYNC_MARKETPLACE_DATA: Final = "SyncMarketplaceData"
"""One method, two rights: starting a sync, and publishing other data."""

Arguments = Sequence[object]


@dataclass(frozen=True, slots=True)
class Call:
    """How a hub method is checked."""

    operation: Callable[[Arguments], Operation]
    user_id_at: int | None = None
    """Position of the argument that names the caller itself."""
    role_at: int | None = None
    """Position of the argument that names the caller's role."""
    check_scope: Callable[[Identity, Arguments], None] | None = None
    """Raises Forbidden when the role has the right, but not for what the arguments name."""


def _check_marketplace(identity: Identity, arguments: Arguments) -> None:
    if arguments[0] == ALL_MARKETPLACES:
        return
    code = marketplace_code(arguments[0])
    if code not in identity.visible_marketplaces:
        raise Forbidden(f"{identity.user_id} has no grant for {code}")


def _check_metrics(identity: Identity, arguments: Arguments) -> None:
    refused = set(metric_names(arguments[1])) - visible_metrics(identity.role)
    if refused:
        raise Forbidden(f"{identity.role} may not see {', '.join(sorted(refused))}")


def _is(operation: Operation) -> Callable[[Arguments], Operation]:
    return lambda _: operation


def _sync_or_data(arguments: Arguments) -> Operation:
    return Operation.START_SYNC if is_sync_request(arguments[1]) else Operation.PUBLISH_MARKETPLACE_DATA


CALLS: Final[Mapping[str, Call]] = {
    Operation.JOIN_ADMIN_GROUP: Call(_is(Operation.JOIN_ADMIN_GROUP), user_id_at=0, role_at=1),
    Operation.BROADCAST_SYSTEM_ALERT: Call(_is(Operation.BROADCAST_SYSTEM_ALERT)),
    Operation.UPDATE_ADMIN_DASHBOARD: Call(_is(Operation.UPDATE_ADMIN_DASHBOARD)),
    Operation.HANDLE_ADMIN_COMMAND: Call(_is(Operation.HANDLE_ADMIN_COMMAND)),
    Operation.JOIN_MARKETPLACE_GROUP: Call(
        _is(Operation.JOIN_MARKETPLACE_GROUP), user_id_at=1, check_scope=_check_marketplace
    ),
    SYNC_MARKETPLACE_DATA: Call(_sync_or_data, check_scope=_check_marketplace),
    Operation.UPDATE_INVENTORY_STATUS: Call(_is(Operation.UPDATE_INVENTORY_STATUS)),
    Operation.BROADCAST_SYNC_PROGRESS: Call(_is(Operation.BROADCAST_SYNC_PROGRESS), check_scope=_check_marketplace),
    Operation.SUBSCRIBE_TO_DASHBOARD: Call(
        _is(Operation.SUBSCRIBE_TO_DASHBOARD), user_id_at=0, check_scope=_check_metrics
    ),
    Operation.UPDATE_METRICS: Call(_is(Operation.UPDATE_METRICS)),
    Operation.BROADCAST_PERFORMANCE_DATA: Call(_is(Operation.BROADCAST_PERFORMANCE_DATA)),
    Operation.SEND_NOTIFICATION: Call(_is(Operation.SEND_NOTIFICATION)),
    Operation.ACKNOWLEDGE_NOTIFICATION: Call(_is(Operation.ACKNOWLEDGE_NOTIFICATION)),
    Operation.RESUME_EVENTS: Call(_is(Operation.RESUME_EVENTS)),
}

_AUDITED: Final = frozenset(
    {
        Operation.HANDLE_ADMIN_COMMAND,
        Operation.BROADCAST_SYSTEM_ALERT,
        Operation.START_SYNC,
        Operation.SEND_NOTIFICATION,
    }
)
"""Commands of people: the services audit those that ran, this module those that were refused."""


def caller_identity(context: HubCallerContext) -> Identity:
    """Who is behind a connection, from its verified claims.

    Raises: Forbidden for a token that names nobody.
    """
    if not context.user_id:
        raise Forbidden("the token names no user")
    return identity_of(context.user_id, context.claims)


def permitted_groups(hub: str, identity: Identity, stored: Sequence[str]) -> tuple[str, ...]:
    """The groups of a new connection: those of its role, and of the stored ones those that it still has a right to."""
    if hub == ADMIN_HUB:
        return (ADMINS_GROUP,) if may(identity.role, Operation.JOIN_ADMIN_GROUP) else ()
    allowed: set[str] = set()
    if hub == MARKETPLACE_HUB and may(identity.role, Operation.JOIN_MARKETPLACE_GROUP):
        allowed = {marketplace_group(code) for code in identity.visible_marketplaces}
    elif hub == DASHBOARD_HUB:
        allowed = {metric_group(name) for name in METRICS if name in visible_metrics(identity.role)}
    return tuple(group for group in stored if group in allowed)


def actual_group(identity: Identity, group: str) -> str:
    """The group behind the one that was asked for: business figures of a shop are for those who see all of it."""
    if group == metric_group("business") and not sees_whole_shop(identity.role):
        return granted_business_group(identity.visible_marketplaces)
    return group


class Authorise(HubFilter):
    """Refuses whoever may not enter the hub or call the method.

    Args:
        audit: Keeps refused commands; the same refusal of the same user at most once per `AUDIT_PAUSE_SECONDS`, so
            that nobody can fill the table.
    """

    def __init__(self, audit: AuditStore, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._audited: OrderedDict[tuple[str, Operation], float] = OrderedDict()

    async def connected(self, context: HubCallerContext, proceed: ConnectedNext, /) -> None:
        identity = caller_identity(context)
        if context.caller.hub.casefold() not in {hub.casefold() for hub in hubs_of(identity.role)}:
            raise Forbidden(f"{identity.role} may not enter {context.caller.hub}")
        await proceed(context)

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        identity = caller_identity(call.context)
        check = CALLS.get(call.method)
        if check is None:
            raise Forbidden(f"{call.method} is not in the table of calls")
        operation = check.operation(call.arguments)
        if not may(identity.role, operation):
            await self._note_refusal(identity, operation)
            raise Forbidden(f"{identity.role} may not {operation}")
        _compare(check, identity, call.arguments)
        if check.check_scope is not None:
            try:
                check.check_scope(identity, call.arguments)
            except Forbidden:
                await self._note_refusal(identity, operation)
                raise
        return await proceed(call)

    async def _note_refusal(self, identity: Identity, operation: Operation) -> None:
        if operation not in _AUDITED:
            return
        key = (identity.user_id, operation)
        now = self._clock.monotonic()
        last = self._audited.get(key)
        if last is not None and now - last < AUDIT_PAUSE_SECONDS:
            return
        self._audited[key] = now
        self._audited.move_to_end(key)
        if len(self._audited) > _REMEMBERED:
            self._audited.popitem(last=False)
        await self._audit.add(identity.user_id, operation, {"role": identity.role.value}, "refused: no right")


AUDIT_PAUSE_SECONDS: Final = 10.0
"""10 s: an attempt that goes on stays visible, at 8,640 rows a day and user at most."""
_REMEMBERED: Final = 10_000


def _compare(check: Call, identity: Identity, arguments: Arguments) -> None:
    """Refuse arguments that name another caller than the token does; they are never believed."""
    if check.user_id_at is not None and arguments[check.user_id_at] not in identity.spellings:
        raise HubError("The argument userId is not the user of your token; pass the userId of your session.")
    if check.role_at is not None and arguments[check.role_at] != identity.role.value:
        raise HubError("The argument role is not the role of your token; pass the role of your session.")
