"""Subjects name one thing each, whatever its name holds."""

from __future__ import annotations

import itertools

import pytest

from hubwire.model import Audience, AudienceKind, Member
from hubwire.plane import subjects
from hubwire.plane.subjects import HubSubjects

NAMES = ["", "a", "A", "a:b", ":", "a:", "n:x", "ö", "\ud800", "%3A", " ", "\x00", "\r\n"]


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        (Audience.all(), [b"ns:chat:a:"]),
        (Audience.groups(["g", "h", "g"]), [b"ns:chat:g:g", b"ns:chat:g:h", b"ns:chat:g:g"]),
        (Audience.users(["ann", "bob", "ann"]), [b"ns:chat:u:ann", b"ns:chat:u:bob"]),
        (Audience.connections(["c", "d", "c"]), [b"ns:chat:c:c", b"ns:chat:c:d"]),
        (Audience.groups([]), []),
    ],
)
def test_an_audience_has_a_subject_for_each_delivery(audience: Audience, expected: list[bytes]) -> None:
    assert HubSubjects("ns", "Chat").of(audience) == expected


def test_different_things_have_different_subjects() -> None:
    hubs = [HubSubjects(namespace, hub) for namespace in ("a", "b") for hub in ("chat", "chat:g", "chat%3Ag", "*")]
    found = [hub.one(kind, name) for hub, kind, name in itertools.product(hubs, AudienceKind, NAMES)]
    found += [hub.node("x") for hub in hubs]
    found += [subjects.directory("a"), subjects.directory("b")]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_subject_tells_whom_it_addresses(name: str) -> None:
    hub = HubSubjects("ns", "a:b")
    for kind in (AudienceKind.GROUPS, AudienceKind.USERS, AudienceKind.CONNECTIONS):
        of, letter, rest = subjects.split(hub.one(kind, name))
        assert of == hub.hub
        assert subjects.audience(letter, rest, frozenset({"x"})) == Audience(kind, (name,), frozenset({"x"}))
    _, letter, rest = subjects.split(hub.one(AudienceKind.ALL, ""))
    assert subjects.audience(letter, rest) == Audience.all()


def test_a_member_is_spoken_to_where_it_is() -> None:
    hub = HubSubjects("ns", "chat")
    assert hub.member(Member.user("ann")) == b"ns:chat:u:ann"
    assert hub.member(Member.connection("c")) == b"ns:chat:c:c"


def test_hubs_are_spoken_of_without_regard_to_case() -> None:
    assert HubSubjects("ns", "Chat").hub == HubSubjects("ns", "chat").hub


@pytest.mark.parametrize("subject", [b"", b"ns", b"ns:hub", b"ns:hub:a"])
def test_a_subject_of_somebody_else_is_none(subject: bytes) -> None:
    with pytest.raises(ValueError, match="unpack"):
        subjects.split(subject)
