"""Whether a caller may enter a hub, and as whom: a pure decision. Knows no token, no request and no store.

What a browser writes into x-headers is compared with the verified identity and never believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meschain.domain.events import HUBS
from meschain.domain.roles import Identity, Operation, Role, hubs_of, may, parse_role, visible_metrics


class NegotiateRefused(Exception):
    """The answer is no. `status` is HTTP's, the text is for the client."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class HubEntry:
    """The hub to enter, and the identity to enter it with: the caller's, perhaps in a lower role."""

    hub: str
    identity: Identity


def decide(
    identity: Identity,
    requested_hubs: Sequence[str] = (),
    claimed_user_id: str | None = None,
    claimed_role: str | None = None,
) -> HubEntry:
    """Where this caller goes.

    Args:
        identity: who calls, from a verified token.
        requested_hubs: every value of the query's `hub`; none: the default of the role.
        claimed_user_id: `x-user-id`; must name the caller, with or without its source and issuer (`own:7`, `7`).
        claimed_role: `x-user-role`; lowers the role, never raises it. An unknown word is `user`.

    Raises: NegotiateRefused.
    """
    if claimed_user_id and claimed_user_id not in identity.spellings:
        raise NegotiateRefused(403, "x-user-id names another user than the token; leave it out or correct it.")
    if claimed_role:
        identity = replace(identity, role=_lowered(identity.role, claimed_role))
    allowed = hubs_of(identity.role)
    if not requested_hubs:
        return HubEntry(allowed[0], identity)
    if len(requested_hubs) > 1:
        raise NegotiateRefused(400, "Give one hub only.")
    names = {hub.lower(): hub for hub in HUBS}
    hub = names.get(requested_hubs[0].lower())
    if hub is None:
        raise NegotiateRefused(400, f"There is no such hub; there are {', '.join(HUBS)}.")
    if hub not in allowed:
        raise NegotiateRefused(403, f"The role {identity.role} may not enter {hub}.")
    return HubEntry(hub, identity)


def _lowered(role: Role, claimed: str) -> Role:
    wanted = Role.SERVICE if claimed == Role.SERVICE.value else parse_role(claimed)
    if wanted is role:
        return role
    if wanted.level > role.level or not _rights(wanted) <= _rights(role):
        raise NegotiateRefused(403, f"x-user-role may lower the role {role} of the token, not change or raise it.")
    return wanted


def _rights(role: Role) -> frozenset[str]:
    """All that a role may do, as names. A level alone does not tell: `dropshipper` enters a hub closed to `technical`.

    The metric `own` counts for nothing: it shows what is the caller's own anyway.
    """
    operations = {f"operation {operation}" for operation in Operation if may(role, operation)}
    metrics = {f"metric {name}" for name in visible_metrics(role) - {"own"}}
    return frozenset(operations | metrics | {f"hub {hub}" for hub in hubs_of(role)})
