"""The page about the REST data plane: complete, and fetched from nowhere."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from hubwire.azure.rest_calls import RestRequest
from hubwire.azure.rest_guide import GUIDES, PARAMETERS
from hubwire.azure.rest_page import render
from hubwire.azure.routes import ROUTES

from .rest import BASE_URL, Rest, body_of, fields_of

_EMPTY = {"meta"}


class Reader(HTMLParser):
    """Checks that what is opened is closed, and keeps addresses, anchors and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.anchors: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _EMPTY:
            self.open.append(tag)
        for name, value in attrs:
            assert name not in ("src", "style")
            if name == "href":
                self.links.append(value or "")
            if name == "id":
                self.anchors.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _read(url: str = BASE_URL) -> Reader:
    reader = Reader()
    reader.feed(render(url))
    assert not reader.open
    return reader


def test_every_operation_and_parameter_is_explained() -> None:
    assert set(GUIDES) == set(ROUTES)
    named = {part[1:-1] for route in ROUTES.values() for part in route.path.split("/") if part.startswith("{")}
    assert set(PARAMETERS) == named | {name for route in ROUTES.values() for name in route.query}
    anchors = _read().anchors
    assert {operation.name.lower().replace("_", "-") for operation in ROUTES} <= set(anchors)
    assert len(anchors) == len(set(anchors))


async def test_its_links_lead_to_what_is_there_and_nowhere_else() -> None:
    reader = _read()
    assert "script" not in reader.tags
    assert "link" not in reader.tags
    for link in reader.links:
        if link.startswith("#"):
            assert link[1:] in reader.anchors
        else:
            assert (await Rest().server.handle(RestRequest("GET", link))).status == 200


def test_the_address_is_text() -> None:
    assert "<script>" not in render("https://x/<script>")


@pytest.mark.parametrize("path", ["/openapi", "/openapi/"])
async def test_the_page_needs_no_token_and_allows_no_code(path: str) -> None:
    answer = await Rest().server.handle(RestRequest("GET", path))
    assert answer.status == 200
    assert fields_of(answer)["content-type"] == "text/html; charset=utf-8"
    assert fields_of(answer)["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert BASE_URL in answer.body.decode()
    assert (await Rest().server.handle(RestRequest("HEAD", path))).body == b""


async def test_descriptions_are_served_by_version() -> None:
    answer = await Rest().server.handle(RestRequest("GET", "/openapi/2023-07-01.json"))
    assert answer.status == 200
    assert body_of(answer)["info"]["version"] == "2023-07-01"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/openapi/v1", 404),
        ("GET", "/openapi/v2.json", 404),
        ("GET", "/openapi/../v1.json", 404),
        ("GET", "/openapix", 404),
        ("POST", "/openapi", 405),
    ],
)
async def test_nothing_else_is_there(method: str, path: str, status: int) -> None:
    assert (await Rest().server.handle(RestRequest(method, path))).status == status
