"""An identity as claims of a token of ours, and back. The only module that knows the names of these claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meschain.domain.marketplaces import is_marketplace
from meschain.domain.roles import PERMISSIONS, Identity, Role, parse_role

SERVICE_PREFIX: Final = "service:"
"""User ids of the shop's own programs; only the command line issues tokens with it."""

_ROLE: Final = "role"
_PERMISSIONS: Final = "permissions"
_MARKETPLACES: Final = "marketplaces"
_NAME: Final = "name"
_SESSION: Final = "sid"


def claims_of(identity: Identity, session_id: str | None = None) -> dict[str, object]:
    """What a token of ours carries beside the user id; `session_id` names the log-in behind it."""
    claims: dict[str, object] = {
        _ROLE: identity.role.value,
        _PERMISSIONS: list(PERMISSIONS[identity.role]),
        _MARKETPLACES: list(identity.marketplaces),
        _NAME: identity.name,
    }
    if session_id is not None:
        claims[_SESSION] = session_id
    return claims


def session_of(claims: Mapping[str, object]) -> str | None:
    """The log-in behind a token; None: an operator or another issuer gave it."""
    session_id = claims.get(_SESSION)
    return session_id if isinstance(session_id, str) else None


def identity_of(user_id: str, claims: Mapping[str, object]) -> Identity:
    """The identity that a hub token speaks for. Give it verified claims only: whatever they say is believed.

    What is missing or unknown gives nothing: no role is `user`, no list is no marketplace.
    """
    name = claims.get(_NAME)
    return Identity(
        user_id=user_id,
        name=name if isinstance(name, str) and name else user_id,
        role=role_of(user_id, claims.get(_ROLE)),
        marketplaces=marketplaces_of(claims.get(_MARKETPLACES)),
    )


def role_of(user_id: str, value: object) -> Role:
    """The role of that name; `service` only for the user ids of services, `user` for whatever is unknown."""
    if value == Role.SERVICE.value and user_id.startswith(SERVICE_PREFIX):
        return Role.SERVICE
    return parse_role(value) if isinstance(value, str) else Role.USER


def marketplaces_of(value: object) -> tuple[str, ...]:
    """The known codes in a claim; Azure SignalR Service hands a list of one back as its element."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple):
        return ()
    return tuple(code for code in values if isinstance(code, str) and is_marketplace(code))
