"""`meschain doctor`: each check, holding and not."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from app.tests.azure_service import AzureService
from app.tests.program import free_port
from engine.tests.brokers.redis_server import redis_server
from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, text

from meschain.bootstrap import DEMO_SHOP_FILE
from meschain.entrypoints.doctor import examine
from meschain.entrypoints.findings import Finding
from meschain.settings import LoadedSettings, Settings
from meschain.state.database import Database

SECRET = SecretStr("k3H8-vQz1_pXw7Lm9Rt2Yb5Nc4Jd6Gf0Ss")


@contextmanager
def closing_engine(folder: Path) -> Iterator[Connection]:
    """A transaction on our own database in that folder."""
    engine = create_engine(f"sqlite:///{folder}/demo.db")
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


async def findings(data_dir: Path, **settings: object) -> Mapping[str, Finding]:
    """What the doctor finds, by topic."""
    given = LoadedSettings(Settings(data_dir=data_dir, port=0, **settings))  # type: ignore[arg-type] # checked by it
    return {finding.topic: finding for finding in await examine(given)}


async def test_a_demo_needs_nothing(tmp_path: Path) -> None:
    found = await findings(tmp_path / "new")
    assert found["shop"].verdict == "note"
    assert {topic for topic, finding in found.items() if finding.verdict == "fail"} <= {"pages"}
    assert not (tmp_path / "new").exists()


async def test_our_own_database_is_empty_old_current_or_newer(tmp_path: Path) -> None:
    assert "serve makes the tables" in (await findings(tmp_path))["own database"].text
    await (await Database.open(f"sqlite:///{tmp_path}/demo.db")).close()
    assert "is up to date" in (await findings(tmp_path))["own database"].text
    with closing_engine(tmp_path) as connection:
        connection.execute(text("UPDATE mc_schema_version SET version_num = '0001'"))
    found = (await findings(tmp_path))["own database"]
    assert (found.verdict, "lacks" in found.text) == ("ok", True)
    with closing_engine(tmp_path) as connection:
        connection.execute(text("UPDATE mc_schema_version SET version_num = 'from the future'"))
    found = (await findings(tmp_path))["own database"]
    assert (found.verdict, "newer version" in found.text) == ("fail", True)


async def test_a_demo_in_a_given_database_is_told_what_that_means(tmp_path: Path) -> None:
    assert "demo accounts" not in await findings(tmp_path)
    found = await findings(tmp_path, database_url=f"sqlite:///{tmp_path}/given.db")
    assert (found["demo accounts"].verdict, "real shop" in found["demo accounts"].text) == ("note", True)


async def test_a_shop_is_looked_at_in_each_part(data_dir: Path) -> None:
    url = f"sqlite:///{data_dir / DEMO_SHOP_FILE}"
    found = await findings(data_dir, opencart_url=url, secret=SECRET)
    assert found["shop version"].text == "OpenCart 4.1, tables oc_*"
    assert "Europe/Istanbul" in found["shop settings"].text
    parts = ("figures", "orders", "order history", "marketplace links", "sync history", "admin users", "user groups")
    assert [found[f"shop {part}"].verdict for part in parts] == ["ok"] * len(parts)
    assert found["change capture"].text == "orders are asked for every 0.5 s, stock every 1 s"


async def test_a_shop_whose_changes_cannot_be_followed_as_wanted_is_said(data_dir: Path) -> None:
    url = f"sqlite:///{data_dir / DEMO_SHOP_FILE}"
    found = (await findings(data_dir, opencart_url=url, secret=SECRET, capture="binlog"))["change capture"]
    assert (found.verdict, "set capture to polling" in found.text, "every 0.5 s" in found.text) == ("note", True, True)


async def test_tables_that_change_capture_does_not_see_are_named(data_dir: Path) -> None:
    path = data_dir / DEMO_SHOP_FILE
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE oc_user_login"))
        connection.execute(text("DROP TABLE oc_product_option_value"))
    engine.dispose()
    found = (await findings(data_dir, opencart_url=f"sqlite:///{path}", secret=SECRET))["change capture"]
    assert found.text.endswith("this account sees nothing of log-ins and the stock of options")


async def test_a_shop_that_cannot_be_reached_is_said_without_its_password(tmp_path: Path) -> None:
    found = await findings(tmp_path, opencart_url="mysql://reader:geheim@127.0.0.1:1/shop", secret=SECRET)
    assert found["shop"].verdict == "fail"
    assert "127.0.0.1:1/shop" in found["shop"].text
    assert "geheim" not in found["shop"].text


async def test_another_prefix_is_named(data_dir: Path) -> None:
    url = f"sqlite:///{data_dir / DEMO_SHOP_FILE}"
    found = await findings(data_dir, opencart_url=url, opencart_prefix="shop_", secret=SECRET)
    assert found["shop"].verdict == "fail"
    assert "set opencart_prefix" in found["shop"].text


async def test_a_table_without_the_right_to_read_it_fails(data_dir: Path) -> None:
    path = data_dir / DEMO_SHOP_FILE
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE oc_user_group"))
    engine.dispose()
    found = await findings(data_dir, opencart_url=f"sqlite:///{path}", secret=SECRET)
    assert found["shop"].verdict == "fail"


async def test_redis_is_asked_where_there_is_one(tmp_path: Path) -> None:
    assert "not used" in (await findings(tmp_path))["Redis"].text
    async with redis_server() as server:
        found = await findings(tmp_path, redis_url=server.url, workers=2)
    assert (found["Redis"].verdict, "answers" in found["Redis"].text) == ("ok", True)
    assert "several machines" in found["own database"].text
    found = await findings(tmp_path, redis_url=server.url.replace("redis://", "redis://:geheim@"), workers=2)
    assert (found["Redis"].verdict, "geheim" in found["Redis"].text) == ("fail", False)


async def test_the_number_of_open_files_is_told_in_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "connections with 1 of them" in (await findings(tmp_path))["open files"].text
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    found = (await findings(tmp_path))["open files"]
    assert (found.verdict, "raise the limit" in found.text) == ("note", True)


async def test_a_port_in_use_fails(tmp_path: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        given = LoadedSettings(Settings(data_dir=tmp_path, port=other.getsockname()[1]))
        found = {finding.topic: finding for finding in await examine(given)}
    assert found["port"].verdict == "fail"


async def test_listeners_for_old_pages_are_looked_at(tmp_path: Path) -> None:
    found = await findings(tmp_path, legacy_listeners={"panel": {"port": free_port()}})
    assert found["old pages panel, port"].verdict == "ok"


async def test_certificates_are_loaded(tmp_path: Path) -> None:
    for name in ("certificate.pem", "key.pem"):
        (tmp_path / name).write_text("none")
    found = await findings(tmp_path, tls_certificate=tmp_path / "certificate.pem", tls_key=tmp_path / "key.pem")
    assert found["TLS"].verdict == "fail"


@pytest.mark.parametrize(
    ("settings", "verdict", "text"),
    [
        ({"host": "0.0.0.0"}, "fail", "set public_url"),
        ({"public_url": "http://shop.example.com"}, "note", "not https"),
        ({"public_url": "https://shop.example.com"}, "note", "trusted_proxies"),
        ({"public_url": "https://shop.example.com", "trusted_proxies": ("10.0.0.1",)}, "ok", "https://shop"),
    ],
)
async def test_the_public_address_fits_where_we_listen(
    tmp_path: Path, settings: Mapping[str, object], verdict: str, text: str
) -> None:
    found = (await findings(tmp_path, **settings))["public_url"]
    assert (found.verdict, text in found.text) == (verdict, True)


async def test_a_data_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert (await findings(tmp_path / "file"))["data folder"].verdict == "fail"


async def test_a_service_is_asked_for_something_that_needs_the_key(tmp_path: Path) -> None:
    assert "not used" in (await findings(tmp_path))["SignalR service"].text
    service = AzureService(tmp_path / "service", "http://127.0.0.1:1/api/upstream")
    await asyncio.to_thread(service.start)
    try:
        found = await findings(tmp_path, azure_signalr=service.connection_string, upstream_code=SECRET)
        assert (found["SignalR service"].verdict, found["SignalR service"].text) == (
            "ok",
            f"{service.url} answers and knows our key",
        )
        assert "/api/upstream?code=<upstream_code>" in found["upstream"].text
        assert "upstream_code" not in found
        wrong = service.connection_string.replace(service.key, SECRET.get_secret_value())
        found = await findings(tmp_path, azure_signalr=wrong)
        assert found["SignalR service"].verdict == "fail"
        assert "Check the access key" in found["SignalR service"].text
        assert found["upstream_code"].verdict == "note"
        assert "green side" not in found
        found = await findings(tmp_path, green_signalr=service.connection_string, upstream_code=SECRET)
        assert found["green side"].verdict == "ok"
        assert "/api/upstream-green?code=<upstream_code>" in found["green upstream"].text
        found = await findings(tmp_path, green_signalr=wrong)
        assert (found["green side"].verdict, "Check the access key" in found["green side"].text) == ("fail", True)
    finally:
        await asyncio.to_thread(service.stop)


async def test_a_service_that_is_away_or_badly_written_is_told(tmp_path: Path) -> None:
    away = f"Endpoint=http://127.0.0.1:{free_port()};AccessKey={SECRET.get_secret_value()};Version=1.0;"
    found = (await findings(tmp_path, azure_signalr=away))["SignalR service"]
    assert (found.verdict, "is not available" in found.text) == ("fail", True)
    found = (await findings(tmp_path, azure_signalr="Endpoint=http://localhost;Version=1.0"))["SignalR service"]
    assert (found.verdict, "has no AccessKey" in found.text) == ("fail", True)
    assert SECRET.get_secret_value() not in found.text
    found = (await findings(tmp_path, green_signalr="Endpoint=http://localhost;Version=1.0"))["green side"]
    assert (found.verdict, "green_signalr" in found.text) == ("fail", True)


async def test_a_service_whose_events_could_not_be_checked_fails_here_as_it_would_at_the_start(tmp_path: Path) -> None:
    found = (await findings(tmp_path, azure_signalr="Endpoint=https://a.example;AuthType=azure"))["SignalR service"]
    assert (found.verdict, "names no AccessKey" in found.text) == ("fail", True)
