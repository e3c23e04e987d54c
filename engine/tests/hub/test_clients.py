"""Each way to choose clients addresses exactly those."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hubwire.hub import ClientContract, HubCallerClients, HubContext
from hubwire.model import Member
from hubwire.plane import LocalDataPlane
from hubwire.testing import MemoryLine, make_caller

Clients = HubCallerClients[ClientContract]


class House:
    """Four connections: a and b of ann, c of bob, d of nobody. Group `g` has a, c, d; group `h` has c."""

    def __init__(self) -> None:
        self.plane = LocalDataPlane()
        self.lines = {
            name: MemoryLine(make_caller(user, connection_id=name))
            for name, user in (("a", "ann"), ("b", "ann"), ("c", "bob"), ("d", None))
        }
        for line in self.lines.values():
            self.plane.registry.attach(line)
        for group, names in (("g", "acd"), ("h", "c")):
            for name in names:
                self.plane.registry.join(group, Member.connection(name))

    def reached(self) -> str:
        return "".join(name * len(line.received) for name, line in self.lines.items())


CASES: list[tuple[str, Callable[[Clients], ClientContract], str]] = [
    ("all", lambda clients: clients.all, "abcd"),
    ("all_except", lambda clients: clients.all_except(["a", "?"]), "bcd"),
    ("caller", lambda clients: clients.caller, "a"),
    ("others", lambda clients: clients.others, "bcd"),
    ("client", lambda clients: clients.client("d"), "d"),
    ("client that is gone", lambda clients: clients.client("?"), ""),
    ("clients", lambda clients: clients.clients(["b", "?", "d"]), "bd"),
    ("group", lambda clients: clients.group("g"), "acd"),
    ("unknown group", lambda clients: clients.group("?"), ""),
    ("groups", lambda clients: clients.groups(["g", "h"]), "accd"),
    ("no groups", lambda clients: clients.groups([]), ""),
    ("group_except", lambda clients: clients.group_except("g", ["c"]), "ad"),
    ("others_in_group", lambda clients: clients.others_in_group("g"), "cd"),
    ("user", lambda clients: clients.user("ann"), "ab"),
    ("users", lambda clients: clients.users(["bob", "?", "ann"]), "abc"),
]


@pytest.mark.parametrize(("choose", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_exactly_those_addressed_receive(choose: Callable[[Clients], ClientContract], expected: str) -> None:
    house = House()
    await choose(HubCallerClients(house.plane, ClientContract, "a")).send("x")
    assert house.reached() == expected


@pytest.mark.parametrize(
    "choose",
    [
        lambda clients: clients.group(""),
        lambda clients: clients.groups(["g", ""]),
        lambda clients: clients.group_except("", []),
        lambda clients: clients.others_in_group(""),
    ],
)
def test_an_empty_group_name_is_refused(choose: Callable[[Clients], ClientContract]) -> None:
    with pytest.raises(ValueError, match="group name is empty"):
        choose(HubCallerClients(LocalDataPlane(), ClientContract, "a"))


@pytest.mark.parametrize(
    "choose",
    [
        lambda clients: clients.all_except("ab"),
        lambda clients: clients.clients("ab"),
        lambda clients: clients.groups("ab"),
        lambda clients: clients.group_except("g", "ab"),
        lambda clients: clients.users("ab"),
    ],
)
def test_a_lone_string_is_not_taken_for_several_names(choose: Callable[[Clients], ClientContract]) -> None:
    with pytest.raises(TypeError, match="single string 'ab'"):
        choose(HubCallerClients(LocalDataPlane(), ClientContract, "a"))


async def test_groups_are_changed_and_reached_from_outside_of_a_hub() -> None:
    house = House()
    context = HubContext(house.plane, ClientContract)
    await context.groups.add("b", "new")
    await context.groups.add("b", "new")
    await context.groups.add("gone", "new")
    await context.clients.group("new").send("x")
    await context.groups.remove("b", "new")
    await context.groups.remove("c", "new")
    await context.clients.group("new").send("x")
    assert house.reached() == "b"


async def test_an_empty_group_name_can_be_neither_joined_nor_left() -> None:
    groups = HubContext(LocalDataPlane(), ClientContract).groups
    with pytest.raises(ValueError, match="group name is empty"):
        await groups.add("a", "")
    with pytest.raises(ValueError, match="group name is empty"):
        await groups.remove("a", "")
