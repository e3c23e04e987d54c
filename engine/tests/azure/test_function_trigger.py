"""Events of a `signalRTrigger` on their way to a hub, and what the function returns."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from engine.tests.azure.upstream_pair import MemoryService
from hypothesis import given
from hypothesis import strategies as st

from hubwire import AzureHubs, Hub, HubError, hub_method
from hubwire.azure.carried_claims import CARRIED_CLAIM, carried_claims
from hubwire.azure.function_trigger import FunctionFailed, request_of_trigger, result_of_trigger
from hubwire.azure.upstream_endpoint import UpstreamAnswer
from hubwire.azure.upstream_headers import read_claims
from hubwire.errors import InvalidMessage, LocalProtocolError
from hubwire.hub.contracts import ClientContract

seen: list[object] = []


class Chat(Hub[ClientContract]):
    async def connected(self) -> None:
        if self.context.user_id == "nobody":
            raise HubError("Nobody may come in.")
        seen.append(("connected", self.context.connection_id, self.context.user_id, dict(self.context.claims)))

    async def disconnected(self, error: BaseException | None) -> None:
        seen.append(("disconnected", None if error is None else str(error)))

    @hub_method("Add")
    async def add(self, left: int, right: int) -> int:
        return left + right

    @hub_method("Many")
    async def many(  # more than ten, which other implementations do not take
        self,
        a: object,
        b: object,
        c: object,
        d: object,
        e: object,
        f: object,
        g: object,
        h: object,
        i: object,
        j: object,
        k: object,
        l: object,  # noqa: E741 - one letter each
    ) -> list[object]:
        return [a, b, c, d, e, f, g, h, i, j, k, l]

    @hub_method("Nothing")
    async def nothing(self) -> None: ...

    @hub_method("Refuse")
    async def refuse(self) -> None:
        raise HubError("Not on Mondays.")

    @hub_method("Break")
    async def break_(self) -> None:
        raise RuntimeError("a secret")


@pytest.fixture
async def hubs() -> AsyncIterator[AzureHubs]:
    seen.clear()
    hubs = AzureHubs(MemoryService())
    hubs.add(Chat, name="Chat")
    async with hubs.lifespan():
        yield hubs


def text(event: str, category: str = "messages", **members: object) -> str:
    """What the host hands to a function."""
    known = {"Hub": "chat", "Category": category, "Event": event, "ConnectionId": "c1", "UserId": "ayşe"}
    empty = {"Arguments": None, "Error": None, "Headers": {"X-ASRS-Hub": "chat"}, "Query": {}, "Claims": None}
    return json.dumps({**empty, **known, **members})


async def outcome(hubs: AzureHubs, event: str) -> object:
    return result_of_trigger(await hubs.handle_checked(request_of_trigger(event)))


async def test_a_call_returns_what_the_method_returns(hubs: AzureHubs) -> None:
    assert await outcome(hubs, text("Add", Arguments=[1, 2])) == 3
    assert await outcome(hubs, text("add", Arguments=[1, 2])) == 3
    assert await outcome(hubs, text("Nothing")) is None
    assert await outcome(hubs, text("Nothing", Arguments=[])) is None


async def test_more_than_ten_arguments_of_any_kind_arrive(hubs: AzureHubs) -> None:
    values = [1, 2.5, "ğ\n", None, True, [], {}, {"a": [1]}, -1, "", 2**40, 0.1]
    assert await outcome(hubs, text("Many", Arguments=values)) == values


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ("Refuse", "An unexpected error occurred invoking 'Refuse' on the server. HubException: Not on Mondays."),
        ("Break", "An unexpected error occurred invoking 'Break' on the server."),
        ("Other", "Failed to invoke 'Other' due to an error on the server. HubException: Method does not exist."),
    ],
)
async def test_a_call_that_fails_is_told_in_the_words_of_every_hosting(hubs: AzureHubs, event: str, error: str) -> None:
    with pytest.raises(FunctionFailed) as failure:
        await outcome(hubs, text(event))
    assert str(failure.value) == error


async def test_the_hub_learns_who_comes_with_claims_as_they_were_signed(hubs: AzureHubs) -> None:
    claims = {"role": "admin", "marketplaces": ["n11", "etsy"], "level": 3}
    await outcome(hubs, text("connected", "connections", Claims={"exp": "1", **carried_claims(claims)}))
    assert seen == [("connected", "c1", "ayşe", claims)]


async def test_claims_that_are_not_carried_are_not_believed(hubs: AzureHubs) -> None:
    await outcome(hubs, text("connected", "connections", Claims={"role": "admin"}))
    assert seen == [("connected", "c1", "ayşe", {})]


async def test_who_is_not_let_in_makes_the_function_fail(hubs: AzureHubs) -> None:
    with pytest.raises(FunctionFailed, match=r"Nobody may come in\."):
        await outcome(hubs, text("connected", "connections", UserId="nobody"))


@pytest.mark.parametrize("error", [None, "The connection was lost."])
async def test_the_hub_learns_who_goes_and_why(hubs: AzureHubs, error: str | None) -> None:
    await outcome(hubs, text("disconnected", "connections", Error=error))
    assert seen == [("disconnected", error)]


@pytest.mark.parametrize(
    "event",
    [text("Add", Hub="other"), text("Add", "other"), text("reconnected", "connections")],
    ids=["hub", "category", "connection event"],
)
async def test_an_event_that_nobody_takes_fails(hubs: AzureHubs, event: str) -> None:
    with pytest.raises(FunctionFailed, match="There is no such"):
        await outcome(hubs, event)


async def test_an_event_that_is_too_large_fails(hubs: AzureHubs) -> None:
    with pytest.raises(FunctionFailed, match="more than 1048576 bytes"):
        await outcome(hubs, text("Refuse", Arguments=["x" * 1024 * 1024]))


async def test_an_anonymous_user_is_none(hubs: AzureHubs) -> None:
    await outcome(hubs, text("connected", "connections", UserId=None))
    assert seen == [("connected", "c1", None, {})]


@pytest.mark.parametrize("user_id", ["x, hubwire.claims: eyJyb2xlIjoiYWRtaW4ifQ", "a,b"])
def test_a_user_id_that_could_have_brought_claims_is_refused(user_id: str) -> None:
    with pytest.raises(InvalidMessage, match="comma"):
        request_of_trigger(text("Add", UserId=user_id))


async def test_a_claim_that_breaks_out_of_its_value_is_refused(hubs: AzureHubs) -> None:
    genuine = carried_claims({"role": "user"})
    forged = {"nickname": f"x, {CARRIED_CLAIM}: {carried_claims({'role': 'admin'})[CARRIED_CLAIM]}"}
    with pytest.raises(FunctionFailed, match="comes twice"):
        await outcome(hubs, text("connected", "connections", Claims={**forged, **genuine}))
    assert seen == []


@pytest.mark.parametrize("broken", ["", "[]", "{}", "{", '{"Hub": 1}', "[" * 100_000])
def test_a_text_that_is_none_is_refused(broken: str) -> None:
    with pytest.raises(InvalidMessage):
        request_of_trigger(broken)


async def test_nothing_is_answered_outside_of_the_lifespan() -> None:
    with pytest.raises(LocalProtocolError, match="do not run"):
        await AzureHubs(MemoryService()).handle_checked(request_of_trigger(text("Add")))


def test_a_refusal_without_text_has_one() -> None:
    with pytest.raises(FunctionFailed, match="refused"):
        result_of_trigger(UpstreamAnswer(403))


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).map(str.strip).filter(bool)


@given(user_id=words.filter(lambda word: "," not in word), hub=words, query=st.dictionaries(words, words))
def test_what_the_text_says_of_the_caller_stands_in_the_headers(user_id: str, hub: str, query: dict[str, str]) -> None:
    request = request_of_trigger(text("Add", UserId=user_id, Hub=hub, Query=query, Claims={"a": "b"}))
    assert request.headers["x-asrs-user-id"].encode("latin-1").decode() == user_id
    assert request.headers["x-asrs-hub"].encode("latin-1").decode() == hub
    assert read_claims(request.headers["x-asrs-user-claims"]) == [("a", "b")]
