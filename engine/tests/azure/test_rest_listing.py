"""The connections of a group, page by page (azure-serverless 3.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from hubwire.model import Member

from .rest import BASE_URL, Rest, body_of

PATH = "/api/hubs/chat/groups/red/connections"


def _group_of(count: int) -> Rest:
    rest = Rest()
    for number in range(count):
        connection_id = f"c{number:04}"
        rest.connect(connection_id, f"u{number}" if number % 2 else None)
        rest.planes["chat"].registry.join("red", Member.connection(connection_id))
    rest.connect("other", "x")
    return rest


async def _pages(rest: Rest, query: str) -> AsyncIterator[list[dict[str, str]]]:
    """As a client goes through them: each next link as it is."""
    answer = await rest.call("GET", PATH, query=query)
    while True:
        assert answer.status == 200
        body = body_of(answer)
        yield body["value"]
        if "nextLink" not in body:
            return
        link = urlsplit(body["nextLink"])
        assert f"{link.scheme}://{link.netloc}" == BASE_URL
        assert link.path == PATH
        answer = await rest.call("GET", link.path, version=None, query=link.query)


@pytest.mark.parametrize(
    ("count", "query", "sizes"),
    [
        (0, "", [0]),
        (3, "", [3]),
        (200, "", [200]),
        (401, "", [200, 200, 1]),
        (5, "maxpagesize=2", [2, 2, 1]),
        (4, "maxPageSize=2", [2, 2]),
        (5, "top=3", [3]),
        (5, "top=3&maxpagesize=2", [2, 1]),
        (5, "top=4&maxpagesize=2", [2, 2]),
        (5, "top=100&maxpagesize=3", [3, 2]),
        (500, "top=300", [200, 100]),
    ],
)
async def test_pages(count: int, query: str, sizes: list[int]) -> None:
    rest = _group_of(count)
    pages = [page async for page in _pages(rest, query)]
    assert [len(page) for page in pages] == sizes
    listed = [each["connectionId"] for page in pages for each in page]
    assert listed == [f"c{number:04}" for number in range(sum(sizes))]


async def test_a_connection_without_user_has_none() -> None:
    (page,) = [page async for page in _pages(_group_of(2), "")]
    assert page == [{"connectionId": "c0000"}, {"connectionId": "c0001", "userId": "u1"}]


async def test_an_application_stays_in_the_next_link() -> None:
    rest = Rest()
    for connection_id in ("a", "b"):
        rest.connect(connection_id, hub="shop_chat")
        rest.planes["shop_chat"].registry.join("red", Member.connection(connection_id))
    pages = [page async for page in _pages(rest, "application=shop&maxpagesize=1")]
    assert [page[0]["connectionId"] for page in pages] == ["a", "b"]


@pytest.mark.parametrize(
    "query",
    [
        "maxpagesize=0",
        "maxpagesize=201",
        "maxpagesize=x",
        "top=0",
        "top=-1",
        "continuationToken=!",
        "continuationToken=_w",
    ],
)
async def test_malformed_parameters_are_400(query: str) -> None:
    assert (await _group_of(1).call("GET", PATH, query=query)).status == 400
