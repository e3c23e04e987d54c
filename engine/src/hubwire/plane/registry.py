"""The connections of one hub held by this process: by id, by user, by group. Knows nothing of messages or delivery.

Every operation touches only the entries it names, so that 100,000 members cost no more per join than ten do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hubwire.model import Audience, AudienceKind, Member, MemberKind
from hubwire.ports import Line

# Before Python 3.12 it takes 130 ns to get a member from its class.
_ALL, _GROUPS, _USERS, _CONNECTIONS = AudienceKind
_USER = MemberKind.USER

_NOBODY: Mapping[str, Line] = {}

Watch = Callable[[AudienceKind, str, bool], None]
"""Told the first connection under a name, True, and that the last has gone, False. For ALL the name is empty."""


class Registry:
    """Implements `LineRegistry` for one hub. Groups and users without a connection take no memory."""

    __slots__ = ("_groups", "_groups_of", "_lines", "_users", "_watch")

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch
        # Plain dicts keep the order of joining, which makes deliveries repeatable.
        self._lines: dict[str, Line] = {}
        self._users: dict[str, dict[str, Line]] = {}
        self._groups: dict[str, dict[str, Line]] = {}
        self._groups_of: dict[str, set[str]] = {}

    def __len__(self) -> int:
        """Connections held."""
        return len(self._lines)

    def __contains__(self, connection_id: object) -> bool:
        """Whether a connection of this id is held."""
        return connection_id in self._lines

    @property
    def group_count(self) -> int:
        """Groups with at least one member."""
        return len(self._groups)

    def attach(self, line: Line) -> None:
        """Make the line reachable. Raises: ValueError for an id that is in use."""
        connection_id = line.caller.connection_id
        if connection_id in self._lines:
            raise ValueError(f"Connection id {connection_id!r} is in use already; ids must be unique.")
        self._lines[connection_id] = line
        if self._watch is not None:
            self._watch(_CONNECTIONS, connection_id, True)
            if len(self._lines) == 1:
                self._watch(_ALL, "", True)
        user_id = line.caller.principal.user_id
        if user_id is not None:
            self._add(self._users, _USERS, user_id, line)

    def detach(self, line: Line) -> None:
        """Forget the line and its memberships; a stranger is no error."""
        connection_id = line.caller.connection_id
        if self._lines.get(connection_id) is not line:
            return
        del self._lines[connection_id]
        if self._watch is not None:
            self._watch(_CONNECTIONS, connection_id, False)
            if not self._lines:
                self._watch(_ALL, "", False)
        user_id = line.caller.principal.user_id
        if user_id is not None:
            self._discard(self._users, _USERS, user_id, connection_id)
        for group in self._groups_of.pop(connection_id, ()):
            self._discard(self._groups, _GROUPS, group, connection_id)

    def join(self, group: str, member: Member) -> None:
        """Put the member's present connections into the group. Joining twice is joining once."""
        for connection_id, line in tuple(self._connections_of(member).items()):
            self._add(self._groups, _GROUPS, group, line)
            self._groups_of.setdefault(connection_id, set()).add(group)

    def leave(self, group: str, member: Member) -> None:
        """Take the member's connections out of the group; strangers are no error."""
        for connection_id in tuple(self._connections_of(member)):
            groups = self._groups_of.get(connection_id)
            if groups is None or group not in groups:
                continue
            groups.discard(group)
            if not groups:
                del self._groups_of[connection_id]
            self._discard(self._groups, _GROUPS, group, connection_id)

    def leave_all(self, member: Member) -> None:
        """Take the member's connections out of every group."""
        for connection_id in tuple(self._connections_of(member)):
            for group in self._groups_of.pop(connection_id, ()):
                self._discard(self._groups, _GROUPS, group, connection_id)

    def lines(self, audience: Audience) -> list[Line]:
        """Whom an audience addresses at this moment.

        As in the reference server, a line in two of the groups stands there twice, while a connection or user that is
        named twice stands there once.
        """
        excluded = audience.excluded
        if audience.kind is _CONNECTIONS:
            found = (self._lines.get(name) for name in dict.fromkeys(audience.names))
            return [line for line in found if line is not None and line.caller.connection_id not in excluded]
        addressed: list[Line] = []
        for members in self._sets(audience):
            if excluded:
                addressed += [line for connection_id, line in members.items() if connection_id not in excluded]
            else:
                addressed += members.values()
        return addressed

    def has_any(self, audience: Audience) -> bool:
        """Whether anybody is addressed, found without listing them."""
        if audience.kind is _CONNECTIONS:
            return any(name in self._lines and name not in audience.excluded for name in audience.names)
        return any(
            connection_id not in audience.excluded for members in self._sets(audience) for connection_id in members
        )

    def _sets(self, audience: Audience) -> list[Mapping[str, Line]]:
        if audience.kind is _ALL:
            return [self._lines]
        if audience.kind is _GROUPS:
            return [self._groups.get(name, _NOBODY) for name in audience.names]
        return [self._users.get(name, _NOBODY) for name in dict.fromkeys(audience.names)]

    def _connections_of(self, member: Member) -> Mapping[str, Line]:
        if member.kind is _USER:
            return self._users.get(member.id, _NOBODY)
        line = self._lines.get(member.id)
        return {} if line is None else {member.id: line}

    def _add(self, by_name: dict[str, dict[str, Line]], kind: AudienceKind, name: str, line: Line) -> None:
        members = by_name.get(name)
        if members is None:
            members = by_name[name] = {}
            if self._watch is not None:
                self._watch(kind, name, True)
        members[line.caller.connection_id] = line

    def _discard(self, by_name: dict[str, dict[str, Line]], kind: AudienceKind, name: str, connection_id: str) -> None:
        """Remove one connection under a name, and the name with its last connection."""
        members = by_name.get(name)
        if members is None:
            return
        members.pop(connection_id, None)
        if not members:
            del by_name[name]
            if self._watch is not None:
                self._watch(kind, name, False)
