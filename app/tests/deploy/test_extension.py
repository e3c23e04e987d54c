"""The OpenCart extension: its zips, and its code under PHP on a harness (`opencart.php`), a real shop's tables, and the
running application."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import secrets
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from app.tests.deploy.php import LIBRARY, run_php
from app.tests.opencart.clock import ManualClock
from app.tests.opencart.conftest import MakeWorld
from app.tests.opencart.mariadb import MariaDB
from app.tests.opencart.test_admin_sessions import DEVICE, SESSION, TOKEN, add_admin, log_in, trust
from app.tests.opencart.world import World
from app.tests.site import Site, running_site
from pydantic import SecretStr

from meschain.auth.api_keys import ApiKeys
from meschain.domain.events import StoredEvent
from meschain.http.login import REFRESH_COOKIE
from meschain.opencart.schema import Version
from meschain.services.clock import SystemClock
from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.database import Database
from meschain.state.events import SqlEventStore

ROOT = Path(__file__).parents[3]
HARNESS = Path(__file__).parent / "opencart.php"
HURRY = "'timeout_milliseconds' => 2000"
ROUTES = {3: "extension/module/meschain", 4: "extension/meschain/module/meschain"}
ALLOWED_IN_3 = (
    "admin/controller/extension/",
    "admin/language/",
    "admin/view/template/extension/",
    "catalog/controller/extension/",
    "system/library/",
)
"""Where OpenCart 3's installer lets an extension write, of what ours writes."""

FOR_OLD_PHP = [path for path in sorted((ROOT / "deploy/opencart").rglob("*.php")) if "opencart-4" not in path.parts]
"""OpenCart 4 needs PHP 8; the rest need not."""
NEWER_THAN_PHP_7_3 = (
    r"\bfn\s*\(",
    r"\?->",
    r"\bmatch\s*\(",
    r"\?\?=",
    r"\breadonly\b",
    r"\benum\s+\w",
    r": (?:mixed|static|never)\b",
    r"\bstr_(?:contains|starts_with|ends_with)\(",
    r"(?:public|private|protected)\s+\??(?:int|string|array|bool|float|[A-Z]\w+)\s+\$",
    r"\w\|\w+\s+\$",
    r"#\[",
)


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_extension", ROOT / "tools/build_extension.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    four, three = builder().build(tmp_path_factory.mktemp("dist"))
    return {4: four, 3: three}


def install(archive: Path, root: Path, major: int) -> None:
    """What OpenCart's installer does with the zip."""
    (root / "storage").mkdir(parents=True)
    with zipfile.ZipFile(archive) as opened:
        if major == 4:
            opened.extractall(root / "extension/meschain")
            return
        opened.extractall(root / "unpacked")
    for part in (root / "unpacked/upload").iterdir():
        part.rename(root / part.name)


def in_no_hurry(root: Path) -> None:
    """Let the shop wait for the service as long as a busy machine takes: how long a buyer waits is not asked here."""
    (controller,) = root.glob("**/catalog/controller/**/meschain.php")
    text = controller.read_text(encoding="utf-8")
    assert HURRY in text
    controller.write_text(text.replace(HURRY, "'timeout_milliseconds' => 30000"), encoding="utf-8")


@dataclass
class Extension:
    """The extension in one version of OpenCart, with a shop's database and an administrator who is logged in."""

    major: int
    root: Path
    world: World
    mariadb: MariaDB
    permissions: dict[str, list[str]] = field(default_factory=dict)
    language: str = "en-gb"

    @property
    def route(self) -> str:
        return ROUTES[self.major]

    async def call(
        self,
        method: str,
        *arguments: object,
        application: str = "admin",
        post: dict[str, str] | None = None,
        cookies: dict[str, str] | None = None,
        session: dict[str, str] | None = None,
    ) -> Any:
        """Call a method of the controller, as a request for its route would."""
        given = {
            "major": self.major,
            "root": str(self.root),
            "database": {
                "host": "127.0.0.1",
                "port": self.mariadb.port,
                "user": self.mariadb.user,
                "password": self.mariadb.password,
                "name": self.world.url.rpartition("/")[2],
            },
            "prefix": self.world.prefix,
            "application": application,
            "session_id": SESSION,
            "session": {"user_token": TOKEN, **(session or {})},
            "cookies": cookies or {},
            "post": post or {},
            "get": {},
            "language": self.language,
            "permissions": self.permissions or {"access": [self.route], "modify": [self.route]},
            "calls": [[self.route, method, list(arguments)]],
        }
        return await asyncio.to_thread(run_php, HARNESS, given=given)

    async def save(self, url: str, key: str = "", status: str = "1", orders: str = "0") -> Any:
        form = {
            "module_meschain_url": url,
            "module_meschain_key": key,
            "module_meschain_status": status,
            "module_meschain_orders": orders,
        }
        return await self.call("save" if self.major == 4 else "index", post=form)

    async def settings(self) -> dict[str, str]:
        rows = await self.world.rows("SELECT `key`, value FROM {setting} WHERE code = 'module_meschain'")
        return {str(key).removeprefix("module_meschain_"): str(value) for key, value in rows}


@pytest.fixture(params=[Version.V3_0, Version.V4_0, Version.V4_1], ids=str)
async def extension(
    request: pytest.FixtureRequest, make_world: MakeWorld, mariadb: MariaDB, zips: dict[int, Path], tmp_path: Path
) -> Extension:
    version = Version(request.param)
    major = 4 if version.is_4 else 3
    install(zips[major], tmp_path / "shop", major)
    in_no_hurry(tmp_path / "shop")
    world = replace(await make_world("mariadb", version), clock=ManualClock(datetime.now(UTC)))
    await world.run(
        "CREATE TABLE {event} (event_id INT AUTO_INCREMENT PRIMARY KEY, code VARCHAR(128), `trigger` TEXT, action TEXT,"
        " status INT)"
    )
    user_id = await add_admin(world)
    await log_in(world, {"user_id": str(user_id), "user_token": TOKEN})
    return Extension(major, tmp_path / "shop", world, mariadb)


@dataclass
class Served:
    """The extension, and the application on the same shop."""

    extension: Extension
    site: Site
    database: Database

    async def key(self) -> str:
        _, text = await ApiKeys(SqlApiKeyStore(self.database), SystemClock()).create("opencart", ["order"], ["shop"])
        return text

    async def published(self) -> list[StoredEvent]:
        rows = await SqlEventStore(self.database, SystemClock()).behind(0, 100)
        return [row for row in rows if row.event.event_id.startswith("publish:")]


@asynccontextmanager
async def serving(extension: Extension, data_dir: Path) -> AsyncIterator[Served]:
    url, secret = SecretStr(extension.world.url), SecretStr(secrets.token_urlsafe(40))
    async with running_site(data_dir, opencart_url=url, secret=secret) as site:
        database = await Database.open(site.settings.state_url)
        yield Served(extension, site, database)
        await database.close()


@pytest.fixture
async def served(extension: Extension, tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(extension, tmp_path / "data") as served:
        yield served


# --- the zips -------------------------------------------------------------------------------------------------------


def test_opencart_4_takes_the_zip(zips: dict[int, Path]) -> None:
    assert zips[4].name == "meschain.ocmod.zip"  # its installer names the folder after it
    with zipfile.ZipFile(zips[4]) as archive:
        names = archive.namelist()
        about = json.loads(archive.read("install.json"))
    assert all(about[name] for name in ("name", "version", "author", "link"))
    assert {name.partition("/")[0] for name in names} == {"admin", "catalog", "system", "install.json"}
    files = [name for name in names if not name.endswith("/")]
    assert all(f"{name.rpartition('/')[0]}/" in names for name in files if "/" in name)


def test_opencart_3_takes_the_zip(zips: dict[int, Path]) -> None:
    with zipfile.ZipFile(zips[3]) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/")]
    assert files
    assert all(name.removeprefix("upload/").startswith(ALLOWED_IN_3) for name in files)


def test_the_same_sources_give_the_same_bytes(zips: dict[int, Path], tmp_path: Path) -> None:
    assert [path.read_bytes() for path in builder().build(tmp_path)] == [zips[4].read_bytes(), zips[3].read_bytes()]


def test_texts_are_there_in_both_languages(zips: dict[int, Path]) -> None:
    texts = []
    for path in zips.values():
        with zipfile.ZipFile(path) as opened:
            names = [name for name in opened.namelist() if re.search(r"language/.*meschain\.php$", name)]
            texts += [opened.read(name).decode() for name in names]
    assert len(texts) == 4
    keys = [re.findall(r"\$_\['(\w+)'\]", text) for text in texts]
    assert all(each == keys[0] for each in keys)
    assert keys[0]


@pytest.mark.parametrize("path", FOR_OLD_PHP, ids=lambda path: path.name)
def test_what_old_versions_read_keeps_to_php_7_3(path: Path) -> None:
    """We have one PHP here; these are what later ones brought and what is easily written by mistake."""
    code = re.sub(r"/\*.*?\*/|//[^\n]*|'(?:[^'\\]|\\.)*'", "", path.read_text(), flags=re.DOTALL)
    assert re.findall("|".join(NEWER_THAN_PHP_7_3), code) == []


# --- settings -------------------------------------------------------------------------------------------------------


async def test_the_page_of_settings_has_all_that_its_view_reads(extension: Extension) -> None:
    key = f"mck_{'0' * 16}_{'A' * 43}"
    await extension.save("https://live.example.com", key)
    for language in ("en-gb", "tr-tr"):
        extension.language = language
        view = json.loads((await extension.call("index", session={"meschain_error": "It is away."}))["output"])
        assert view["missing"] == []
        assert view["data"]["module_meschain_url"] == "https://live.example.com"
        assert (view["data"]["has_key"], view["data"]["error_warning"]) == (True, "It is away.")
        assert key not in json.dumps(view)


async def test_settings_are_saved_and_a_key_that_is_not_given_stays(extension: Extension) -> None:
    key = f"mck_{'0' * 16}_{'A' * 43}"
    await extension.save("https://live.example.com/", key, orders="1")
    expected = {"url": "https://live.example.com", "key": key, "status": "1", "orders": "1"}
    assert await extension.settings() == expected
    await extension.save("http://localhost:8000", status="0")
    assert await extension.settings() == {"url": "http://localhost:8000", "key": key, "status": "0", "orders": "0"}


@pytest.mark.parametrize(
    ("url", "key", "orders", "field_name"),
    [
        ("", "", "0", "url"),
        ("http://live.example.com", "", "0", "url"),
        ("javascript:alert(1)", "", "0", "url"),
        ("https://live.example.com", "mck_x", "0", "key"),
        ("https://live.example.com", "", "1", "key"),
    ],
)
async def test_settings_that_cannot_work_are_refused(
    extension: Extension, url: str, key: str, orders: str, field_name: str
) -> None:
    output = json.loads((await extension.save(url, key, orders=orders))["output"])
    shown = output["error"][field_name] if extension.major == 4 else output["data"][f"error_{field_name}"]
    assert shown
    assert await extension.settings() == {}


async def test_who_may_not_modify_changes_nothing(extension: Extension) -> None:
    extension.permissions = {"access": [extension.route]}
    output = (await extension.save("https://live.example.com"))["output"]
    assert "You may not" in output
    assert await extension.settings() == {}


async def test_it_is_installed_once_and_uninstalled(extension: Extension) -> None:
    for _ in range(2):
        await extension.call("install")
    rows = await extension.world.rows("SELECT code, `trigger`, action, status FROM {event} ORDER BY code")
    assert len(rows) == len({row[0] for row in rows}) == (3 if extension.major == 4 else 2)
    separator = "." if extension.major == 4 else "/"
    assert rows[0] == (
        "meschain_menu",
        "admin/view/common/column_left/before",
        f"{extension.route}{separator}menu",
        1,
    )
    await extension.call("uninstall")
    assert await extension.world.rows("SELECT code FROM {event}") == []


async def test_the_menu_has_an_entry_for_those_who_may(extension: Extension) -> None:
    await extension.save("https://live.example.com")
    (_, data) = (await extension.call("menu", "common/column_left", {"menus": []}))["arguments"]
    (entry,) = data["menus"]
    assert entry["name"] == "MesChain-Sync"
    assert [child["name"] for child in entry["children"]] == ["Live dashboards", "Settings"]
    assert f"user_token={TOKEN}" in entry["children"][0]["href"]
    extension.permissions = {"modify": [extension.route]}
    assert (await extension.call("menu", "common/column_left", {"menus": []}))["arguments"][1]["menus"] == []
    extension.permissions = {}
    await extension.save("https://live.example.com", status="0")
    assert (await extension.call("menu", "common/column_left", {"menus": []}))["arguments"][1]["menus"] == []


# --- signing in -----------------------------------------------------------------------------------------------------


async def test_one_click_leads_into_the_dashboards_logged_in(served: Served) -> None:
    await served.extension.save(served.site.url)
    address = (await served.extension.call("open"))["redirect"]
    assert address.startswith(served.site.settings.public_url)
    async with served.site.http.get(address, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, f"{served.site.settings.public_url}/")
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith(REFRESH_COOKIE)
    async with served.site.http.post(f"{served.site.url}/api/refresh", headers={"Cookie": cookie}) as refreshed:
        session = await refreshed.json()
    assert session["name"] == "Ayşe Yılmaz"
    async with served.site.connected(session["accessToken"]) as client:
        await client.invoke("JoinAdminGroup", session["userId"], session["role"])


async def test_scripts_of_the_administration_get_a_token(served: Served) -> None:
    await served.extension.save(served.site.url)
    result = await served.extension.call("token")
    assert "Cache-Control: no-store" in result["headers"]
    token = json.loads(result["output"])["accessToken"]
    assert (await served.site.get("/api/session", token))[0] == 200


async def test_a_session_that_the_shop_ended_leads_back_with_the_reason(served: Served) -> None:
    await served.extension.save(served.site.url)
    await served.extension.world.run("DELETE FROM {session}")
    result = await served.extension.call("open")
    assert "shop.example.com/admin" in result["redirect"]
    assert "(401)" in result["session"]["meschain_error"]
    refused = await served.extension.call("token")
    assert "HTTP/1.1 403 Forbidden" in refused["headers"]
    assert "accessToken" not in refused["output"]


async def test_a_trusted_browser_passes_a_second_factor(extension: Extension, tmp_path: Path) -> None:
    world = extension.world
    name = {Version.V3_0: "", Version.V4_0: "authorize", Version.V4_1: "admin_authorize"}[world.version]
    await world.set("config_user_2fa" if world.version is Version.V4_1 else "config_security", "1")
    async with serving(extension, tmp_path / "data") as served:
        await extension.save(served.site.url)
        if not world.version.is_4:  # it knows no second factor, and no such setting
            assert "ticket=" in (await extension.call("open"))["redirect"]
            return
        assert "(403)" in (await extension.call("open"))["session"]["meschain_error"]
        user_id = (await world.rows("SELECT user_id FROM {user}"))[0][0]
        await trust(world, DEVICE, 1, user_id)
        assert "ticket=" in (await extension.call("open", cookies={name: DEVICE}))["redirect"]


async def test_without_right_or_settings_nobody_is_signed_in(extension: Extension) -> None:
    assert "not set up" in (await extension.call("open"))["session"]["meschain_error"]
    await extension.save("http://127.0.0.1:1")
    assert "cannot be reached" in (await extension.call("open"))["session"]["meschain_error"]
    assert "HTTP/1.1 502 Bad Gateway" in (await extension.call("token"))["headers"]
    extension.permissions = {"modify": [extension.route]}
    assert "You may not" in (await extension.call("open"))["session"]["meschain_error"]


# --- orders ---------------------------------------------------------------------------------------------------------


async def test_orders_are_told_as_they_change(served: Served) -> None:
    extension, world = served.extension, served.extension.world
    await extension.save(served.site.url, await served.key(), orders="1")
    order = await world.order(1, "100.0000", currency="USD", rate="0.02380952", items=(2, 3))
    for _ in range(2):  # whatever fires twice is told once
        result = await extension.call("order", "checkout/order", [order, 1, "", True], None, application="catalog")
        assert result["log"] == []
    await world.run("UPDATE {order} SET order_status_id = 5, date_modified = '2026-06-15 11:00:00'")
    await extension.call("order", "checkout/order", [order, 5], None, application="catalog")
    first, second = await served.published()
    payload = first.event.payload
    assert (payload["orderId"], payload["status"], payload["shopStatus"]) == (order, "awaiting", "Pending")
    assert (payload["total"], payload["currency"], payload["itemCount"]) == (2.38, "USD", 5)
    assert (payload["customer"], second.event.payload["status"]) == ("Ayşe Yılmaz", "delivered")


async def test_what_is_no_order_is_not_told(served: Served) -> None:
    extension, world = served.extension, served.extension.world
    await extension.save(served.site.url, await served.key(), orders="1")
    orders = [await world.order(status) for status in ((0, 16) if world.version.is_4 else (0,))]
    for order in (*orders, 999_999):
        await extension.call("order", "checkout/order", [order, 0], None, application="catalog")
    assert await served.published() == []
    await extension.save(served.site.url, orders="0")
    await extension.call("order", "checkout/order", [await world.order(1), 1], None, application="catalog")
    assert await served.published() == []


async def test_a_service_that_is_away_never_troubles_a_buyer(served: Served) -> None:
    extension, world = served.extension, served.extension.world
    key = await served.key()
    await extension.save("http://127.0.0.1:1", key, orders="1")
    first = await world.order(1)
    assert (await extension.call("order", "x", [first, 1], None, application="catalog"))["log"] == []
    (extension.root / "storage/meschain.spool.failed").unlink()
    await extension.save(served.site.url, key, orders="1")
    second = await world.order(1)
    await extension.call("order", "x", [second, 1], None, application="catalog")
    assert [row.event.payload["orderId"] for row in await served.published()] == [first, second]


async def test_what_goes_wrong_is_in_the_shops_log(extension: Extension) -> None:
    await extension.save("https://live.example.com", f"mck_{'0' * 16}_{'A' * 43}", orders="1")
    (extension.root / "storage").rmdir()
    result = await extension.call("order", "x", [await extension.world.order(1), 1], None, application="catalog")
    (line,) = result["log"]
    assert "was not told" in line
    assert (LIBRARY / "meschain_shop.php").exists()
