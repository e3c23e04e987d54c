"""The built pages, served over a real socket."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from app.tests.conftest import Serve
from starlette.applications import Starlette
from yarl import URL

from meschain.http.pages import Pages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>start</title>")
    (folder / "admin.html").write_text("<!doctype html><title>admin</title>")
    (folder / "assets" / "admin-3f2a.js").write_text("export {}")
    (tmp_path / "outside.txt").write_text("not for browsers")
    return folder


async def test_root_is_the_start_page_and_is_asked_for_again_each_time(
    serve: Serve, http: aiohttp.ClientSession, folder: Path
) -> None:
    base = await serve(Starlette(routes=Pages(folder).routes()))
    async with http.get(f"{base}/") as answer:
        assert answer.status == 200
        assert "start" in await answer.text()
        assert answer.content_type == "text/html"
        assert answer.headers["cache-control"] == "no-cache"


async def test_assets_may_be_kept_for_ever(serve: Serve, http: aiohttp.ClientSession, folder: Path) -> None:
    base = await serve(Starlette(routes=Pages(folder).routes()))
    async with http.get(f"{base}/assets/admin-3f2a.js") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/javascript"
        assert "immutable" in answer.headers["cache-control"]


async def test_a_page_that_has_not_changed_is_not_sent_again(
    serve: Serve, http: aiohttp.ClientSession, folder: Path
) -> None:
    base = await serve(Starlette(routes=Pages(folder).routes()))
    async with http.get(f"{base}/admin.html") as first:
        tag = first.headers["etag"]
    async with http.get(f"{base}/admin.html", headers={"If-None-Match": tag}) as second:
        assert second.status == 304
        assert await second.read() == b""


@pytest.mark.parametrize("path", ["/../outside.txt", "/%2e%2e/outside.txt", "/assets/%2e%2e%2f%2e%2e%2foutside.txt"])
async def test_no_path_leaves_the_folder(serve: Serve, http: aiohttp.ClientSession, folder: Path, path: str) -> None:
    base = await serve(Starlette(routes=Pages(folder).routes()))
    async with http.get(URL(base + path, encoded=True)) as answer:
        assert answer.status == 404


async def test_links_in_the_folder_are_not_followed(serve: Serve, http: aiohttp.ClientSession, folder: Path) -> None:
    (folder / "secret.txt").symlink_to(folder.parent / "outside.txt")
    base = await serve(Starlette(routes=Pages(folder).routes()))
    async with http.get(f"{base}/secret.txt") as answer:
        assert answer.status == 404


async def test_without_built_pages_the_answer_says_what_to_do_until_they_are(
    serve: Serve, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    base = await serve(Starlette(routes=Pages(tmp_path / "pages").routes()))
    async with http.get(f"{base}/") as answer:
        assert answer.status == 503
        assert "make pages" in await answer.text()
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.html").write_text("built")
    async with http.get(f"{base}/") as answer:
        assert answer.status == 200


async def test_the_client_under_its_stable_name_is_asked_for_again_each_time(
    serve: Serve, http: aiohttp.ClientSession, folder: Path
) -> None:
    (folder / "assets" / "meschain-signalr.js").write_text("")
    base = await serve(Starlette(routes=Pages(folder).routes()))
    async with http.get(f"{base}/assets/meschain-signalr.js") as answer:
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-cache"
