"""Logs in both forms: ours and other libraries', without a secret wherever it comes from."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import aiohttp
import pytest
import structlog
from app.tests.conftest import Serve
from app.tests.services.fakes import FakeClock
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from meschain.entrypoints.logging import MASK, RequestLog, configure_logging, scrub, shown_path

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvd246MSJ9.c2lnbmF0dXJlc2lnbmF0dXJl"
_WITH_LEVELS = ("alembic", "sqlalchemy", "aiosqlite", "asyncmy", "uvicorn.error")
FORMATS: tuple[Literal["console", "json"], ...] = ("console", "json")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Configuring is for a whole process; put it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in _WITH_LEVELS}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = False
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"GET /client/?hub=a&access_token={JWT}&id=1", JWT),
        ("GET /client/?access_token=opaque123&id=1", "opaque123"),
        (f"Authorization: Bearer {JWT}", JWT),
        ("{'authorization': 'Bearer opaque12345'}", "opaque12345"),
        ("(b'authorization', b'Basic dXNlcjpwYXNz')", "dXNlcjpwYXNz"),
        ("Cookie: meschain_refresh=opaque123; other=opaque456", "opaque456"),
        ("set-cookie: meschain_refresh=opaque123; HttpOnly", "opaque123"),
        ("meschain_refresh=opaque123", "opaque123"),
        ('{"username": "ada", "password": "hunter2"}', "hunter2"),
        ("password='hunter2' role='admin'", "hunter2"),
        ("mysql://reader:hunter2@db/shop", "hunter2"),
        ("postgresql+asyncpg://me:hun:ter2@db/shop", "ter2"),
        ("https://shop/admin/index.php?route=common/dashboard&user_token=opaque123", "opaque123"),
        (f"a token came along: {JWT}", JWT),
        ("client_secret: opaque123", "opaque123"),
    ],
)
def test_secrets_are_taken_out_of_texts(text: str, secret: str) -> None:
    assert secret not in scrub(text)
    assert MASK in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "ada logged in from 203.0.113.1",
        "http://localhost:8000/ answers",
        "the token has expired",
        "GET /client/?hub=meschainadminhub&id=abc",
        "2026-01-01T10:00:00 sqlite:////data/state.db",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize("log_format", FORMATS)
def test_no_secret_gets_out_by_key_text_or_traceback(log_format: Literal["console", "json"]) -> None:
    stream = io.StringIO()
    configure_logging(log_format, "debug", stream)
    log = structlog.get_logger("meschain.test")
    log.info(
        "an event", password="hunter2", headers={"Authorization": f"Bearer {JWT}", "Cookie": "a=hunter2"}, user="ada"
    )
    log.info("to %s", f"/client/?access_token={JWT}")
    logging.getLogger("some.library").warning("connecting to mysql://u:%s@db", "hunter2", extra={"secret": "hunter2"})
    try:
        raise ValueError(f"bad header Authorization: Bearer {JWT}")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed")
        log.exception("failed as well")
    text = stream.getvalue()
    assert "hunter2" not in text
    assert JWT not in text
    assert "ada" in text
    assert text.count("Traceback") == 2
    assert "ValueError" in text


def test_json_is_one_object_per_line() -> None:
    logging.getLogger("uvicorn.error").setLevel("WARNING")  # as a server in this process may have left it
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    structlog.get_logger("meschain.test").info("an event", number=1)
    logging.getLogger("uvicorn.error").info("listening on %s", "port 1", extra={"color_message": "listening"})
    structlog.get_logger("meschain.test").debug("unseen")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"], first["number"]) == (
        "an event",
        "info",
        "meschain.test",
        1,
    )
    assert "color_message" not in second
    assert (second["event"], second["logger"]) == ("listening on port 1", "uvicorn.error")
    assert first["timestamp"].endswith("Z")


def test_the_level_counts_for_everybody_and_statements_are_never_logged() -> None:
    stream = io.StringIO()
    configure_logging("console", "debug", stream)
    logging.getLogger("sqlalchemy.engine").info("SELECT hunter2")
    logging.getLogger("aiosqlite").debug("SELECT hunter2")
    logging.getLogger("botocore.auth").debug("Signature: hunter2")
    logging.getLogger("uvicorn.access").info("GET /?access_token=x")
    assert stream.getvalue() == ""
    configure_logging("console", "error", stream)
    logging.getLogger("meschain").warning("unseen")
    assert stream.getvalue() == ""


async def test_requests_are_logged_without_their_query(serve: Serve, http: aiohttp.ClientSession) -> None:
    async def fine(request: Request) -> Response:
        return PlainTextResponse("fine")

    async def broken(request: Request) -> Response:
        raise RuntimeError("broken")

    stream = io.StringIO()
    configure_logging("json", "info", stream)
    routes = [Route("/fine", fine), Route("/broken", broken), Route("/healthz", fine)]
    address = await serve(RequestLog(Starlette(routes=routes), FakeClock()))
    for path in ("/fine?access_token=hunter2", "/broken?a=hunter2", "/none", "/healthz"):
        async with http.get(f"{address}{path}") as answer:
            await answer.read()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    logged = [(line["method"], line["path"], line["status"]) for line in lines if line["event"] == "request"]
    assert logged == [("GET", "/fine", 200), ("GET", "/broken", 500), ("GET", "/none", 404)]
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/api/login", "/api/login"),
        ("/webhooks/etsy/main", "/webhooks/etsy/main"),
        ("/webhooks/ozon/main/hunter2", "/webhooks/ozon/main/***"),
        ("/webhooks/ozon/main/hunter2/more", "/webhooks/ozon/main/***"),
        ("/webhooks/ozon/main/", "/webhooks/ozon/main/***"),
    ],
)
def test_what_stands_behind_a_webhooks_store_is_not_logged(path: str, shown: str) -> None:
    assert shown_path(path) == shown
