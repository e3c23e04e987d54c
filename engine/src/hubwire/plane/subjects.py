"""Every subject that the nodes of a cluster talk on, in one place. Knows no broker and no payload.

`<namespace>:<hub>:<kind>:<name>`. The hub is quoted, so that it holds no colon; the name is the rest, of any text.
Subjects of the cluster itself have an empty hub.
"""

from __future__ import annotations

import urllib.parse

from hubwire.model import Audience, AudienceKind, Member, MemberKind

ALL = b"a"
"""Everybody of a hub; without a name. Subscribed by nodes that hold any connection of it."""
GROUP = b"g"
"""A group. Subscribed by nodes that hold a member."""
USER = b"u"
"""A user. Subscribed by nodes that hold a connection of it."""
CONNECTION = b"c"
"""A connection. Subscribed by the node that holds it."""
NODE = b"n"
"""A node: answers to what it has asked, about one hub. Subscribed by that node."""
DIRECTORY = b"d"
"""All nodes, with an empty hub: who lives. Subscribed by each."""
WATCHED = b"w"
"""All nodes, for the live trace: where somebody watches. Subscribed by each."""
TRACE = b"t"
"""Nodes at which somebody watches, for the live trace: what happens. Subscribed by these."""

TRACE_HUB = b" trace"
"""In the place of a hub, for the live trace; no hub is quoted like that."""

_KINDS = {
    AudienceKind.ALL: ALL,
    AudienceKind.GROUPS: GROUP,
    AudienceKind.USERS: USER,
    AudienceKind.CONNECTIONS: CONNECTION,
}
_AUDIENCES = {kind: audience for audience, kind in _KINDS.items()}


class HubSubjects:
    """The subjects of one hub."""

    __slots__ = ("_prefix", "_prefixes", "hub")

    def __init__(self, namespace: str, hub: str) -> None:
        # Hubs are found without regard to case, so they are spoken of without it too.
        self.hub = urllib.parse.quote(hub.lower(), safe="").encode()
        self._prefix = namespace.encode() + b":" + self.hub + b":"
        self._prefixes = {kind: self._prefix + letter + b":" for kind, letter in _KINDS.items()}

    def one(self, kind: AudienceKind, name: str) -> bytes:
        """The subject of one name."""
        return self._prefixes[kind] + encoded(name)

    def of(self, audience: Audience) -> list[bytes]:
        """The subjects of everybody addressed, each as often as it is to be delivered."""
        prefix = self._prefixes[audience.kind]
        if audience.kind is AudienceKind.ALL:
            return [prefix]
        names = audience.names if audience.kind is AudienceKind.GROUPS else tuple(dict.fromkeys(audience.names))
        return [prefix + encoded(name) for name in names]

    def member(self, member: Member) -> bytes:
        """The subject of whoever holds a member."""
        kind = AudienceKind.USERS if member.kind is MemberKind.USER else AudienceKind.CONNECTIONS
        return self.one(kind, member.id)

    def node(self, node_id: str) -> bytes:
        """The subject on which a node is answered."""
        return self._prefix + NODE + b":" + node_id.encode()


def directory(namespace: str) -> bytes:
    """The subject on which nodes tell that they live."""
    return namespace.encode() + b"::" + DIRECTORY + b":"


def watched(namespace: str) -> bytes:
    """The subject on which nodes tell whether somebody watches there."""
    return namespace.encode() + b":" + TRACE_HUB + b":" + WATCHED + b":"


def trace(namespace: str) -> bytes:
    """The subject on which nodes tell what happens, as long as somebody watches."""
    return namespace.encode() + b":" + TRACE_HUB + b":" + TRACE + b":"


def split(subject: bytes) -> tuple[bytes, bytes, bytes]:
    """Return hub, kind and name of a subject. Raises: ValueError."""
    _, hub, kind, name = subject.split(b":", 3)
    return hub, kind, name


def audience(kind: bytes, name: bytes, excluded: frozenset[str] = frozenset()) -> Audience:
    """Whom a subject addresses. Raises: KeyError for a subject of another kind."""
    of = _AUDIENCES[kind]
    return Audience(of, () if of is AudienceKind.ALL else (name.decode("utf-8", "surrogatepass"),), excluded)


def encoded(name: str) -> bytes:
    """Any text; JSON can write halves of surrogate pairs, and a name made of them has to reach its group too."""
    return name.encode("utf-8", "surrogatepass")
