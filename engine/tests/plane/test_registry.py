"""The registry agrees with a model that only keeps a list of pairs, and keeps nothing that nobody needs."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hubwire.model import Audience, AudienceKind, Caller, Member, MemberKind
from hubwire.plane import Registry
from hubwire.ports import Line
from hubwire.testing import MemoryLine, make_caller
from hubwire.wire.encoded import EncodedMessage

IDS = [f"c{number}" for number in range(5)]
USERS: list[str | None] = [None, "ann", "bob", ""]
GROUPS = ["g", "h", "i"]

ids = st.sampled_from(IDS)
users = st.sampled_from(USERS)
groups = st.sampled_from(GROUPS)
members = st.one_of(
    ids.map(Member.connection), st.sampled_from([user for user in USERS if user is not None]).map(Member.user)
)


class RegistryAgainstModel(RuleBasedStateMachine):
    """The model: who is there, in order, and pairs of group and connection id, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: set[tuple[AudienceKind, str]] = set()
        self.registry = Registry(self.watch)
        self.present: dict[str, MemoryLine] = {}
        self.pairs: list[tuple[str, str]] = []
        self.departed: list[MemoryLine] = []

    def watch(self, kind: AudienceKind, name: str, is_first: bool) -> None:
        assert ((kind, name) in self.watched) is not is_first, "told what it knows"
        if is_first:
            self.watched.add((kind, name))
        else:
            self.watched.remove((kind, name))

    def connections_of(self, member: Member) -> list[str]:
        if member.kind is MemberKind.CONNECTION:
            return [member.id] if member.id in self.present else []
        return [name for name, line in self.present.items() if line.caller.user_id == member.id]

    @rule(connection_id=ids, user_id=users)
    def attach(self, connection_id: str, user_id: str | None) -> None:
        line = MemoryLine(make_caller(user_id, connection_id=connection_id))
        if connection_id in self.present:
            with pytest.raises(ValueError, match="in use already"):
                self.registry.attach(line)
        else:
            self.registry.attach(line)
            self.present[connection_id] = line

    @rule(connection_id=ids)
    def detach(self, connection_id: str) -> None:
        line = self.present.pop(connection_id, None)
        if line is None:
            return
        self.registry.detach(line)
        self.departed.append(line)
        self.pairs = [pair for pair in self.pairs if pair[1] != connection_id]

    @rule()
    def detach_again_those_that_left(self) -> None:
        for line in self.departed:
            self.registry.detach(line)

    @rule(group=groups, member=members)
    def join(self, group: str, member: Member) -> None:
        self.registry.join(group, member)
        for connection_id in self.connections_of(member):
            if (group, connection_id) not in self.pairs:
                self.pairs.append((group, connection_id))

    @rule(group=groups, member=members)
    def leave(self, group: str, member: Member) -> None:
        self.registry.leave(group, member)
        gone = self.connections_of(member)
        self.pairs = [pair for pair in self.pairs if pair[0] != group or pair[1] not in gone]

    @rule(member=members)
    def leave_all(self, member: Member) -> None:
        self.registry.leave_all(member)
        gone = self.connections_of(member)
        self.pairs = [pair for pair in self.pairs if pair[1] not in gone]

    def addressed(self, audience: Audience) -> list[Line]:
        names: list[str] = []
        match audience.kind:
            case AudienceKind.ALL:
                names = list(self.present)
            case AudienceKind.CONNECTIONS:
                names = [name for name in dict.fromkeys(audience.names) if name in self.present]
            case AudienceKind.USERS:
                for user in dict.fromkeys(audience.names):
                    names += [name for name, line in self.present.items() if line.caller.user_id == user]
            case AudienceKind.GROUPS:
                for group in audience.names:
                    names += [name for of, name in self.pairs if of == group]
        return [self.present[name] for name in names if name not in audience.excluded]

    @invariant()
    def agrees(self) -> None:
        excluded: tuple[str, ...]
        for excluded in ((), ("c1",), ("c0", "c2", "stranger")):
            audiences = [Audience.all(excluded), Audience.users(["bob", "ann", "", "?", "bob"], excluded)]
            audiences += [Audience.group(group, excluded) for group in GROUPS]
            audiences += [Audience.groups(["h", "?", "g", "i", "h"], excluded), Audience.groups([], excluded)]
            audiences += [Audience(AudienceKind.CONNECTIONS, ("c3", "c0", "?", "c3"), frozenset(excluded))]
            for audience in audiences:
                expected = self.addressed(audience)
                assert self.registry.lines(audience) == expected
                assert self.registry.has_any(audience) == bool(expected)

    @invariant()
    def keeps_no_empty_groups(self) -> None:
        assert self.registry.group_count == len({group for group, _ in self.pairs})
        assert len(self.registry) == len(self.present)
        assert [name in self.registry for name in IDS] == [name in self.present for name in IDS]

    @invariant()
    def tells_who_has_connections(self) -> None:
        expected = {(AudienceKind.CONNECTIONS, name) for name in self.present}
        expected |= {(AudienceKind.ALL, "") for _ in self.present}
        users = (line.caller.user_id for line in self.present.values())
        expected |= {(AudienceKind.USERS, user) for user in users if user is not None}
        expected |= {(AudienceKind.GROUPS, group) for group, _ in self.pairs}
        assert self.watched == expected


TestRegistryAgainstModel = RegistryAgainstModel.TestCase
TestRegistryAgainstModel.settings = settings(max_examples=60, stateful_step_count=30)


def test_a_registry_that_everybody_left_holds_nothing() -> None:
    registry = Registry()
    lines = [MemoryLine(make_caller(f"u{number}", connection_id=f"c{number}")) for number in range(50)]
    for line, group in itertools.product(lines, GROUPS):
        if group == GROUPS[0]:
            registry.attach(line)
        registry.join(group, Member.connection(line.caller.connection_id))
    for line in lines:
        registry.detach(line)
    assert not any(getattr(registry, name) for name in Registry.__slots__)


def test_an_id_may_be_used_again_and_the_old_line_cannot_detach_the_new() -> None:
    registry = Registry()
    old, new = (MemoryLine(make_caller(connection_id="c")) for _ in range(2))
    registry.attach(old)
    registry.detach(old)
    registry.attach(new)
    registry.detach(old)
    assert registry.lines(Audience.all()) == [new]


class SlimLine:
    """A line that does nothing."""

    __slots__ = ("caller",)

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def post(self, message: EncodedMessage) -> None:
        return

    def ask(self, target: str, arguments: Sequence[object], timeout_seconds: float | None) -> Awaitable[object]:
        raise NotImplementedError

    def close(self, reason: str | None, allow_reconnect: bool) -> None:
        return


def test_a_hundred_thousand_members_come_and_go() -> None:
    count = 100_000
    registry = Registry()
    lines = [SlimLine(make_caller(f"u{number}")) for number in range(count)]
    for line in lines:
        registry.attach(line)
        registry.join("everybody", Member.connection(line.caller.connection_id))
    assert registry.lines(Audience.group("everybody")) == lines
    for line in lines:
        registry.detach(line)
    assert not any(getattr(registry, name) for name in Registry.__slots__)
