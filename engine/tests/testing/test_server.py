"""The conformance server: its command line, and the pages around its hubs. What its hubs do is in `compliance/`."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from email.message import Message
from typing import Any

import pytest
from websockets.asyncio.client import connect

from hubwire.testing import serving
from hubwire.testing.conformance_app import ConformanceApp
from hubwire.testing.server import LISTENING, main

RECORD_SEPARATOR = "\x1e"


@pytest.fixture
async def address() -> AsyncIterator[str]:
    app = ConformanceApp()
    async with serving(app.server, app) as address:
        yield address


async def request(method: str, url: str, **headers: str) -> tuple[int, Message, str]:
    """Status, headers and body of an answer, redirects not followed."""

    def ask() -> tuple[int, Message, str]:
        asked = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    return await asyncio.to_thread(ask)


def test_it_says_where_it_listens_and_stops_when_told() -> None:
    command = [sys.executable, "-m", "hubwire.testing.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.fullmatch(rf"{LISTENING}http://127\.0\.0\.1:\d+\n", line)
        url = line.removeprefix(LISTENING).strip()
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert "/testhub" in answer.read().decode()
        process.terminate()
        output, errors = process.communicate(timeout=30)
    assert (output, errors) == ("", "")


def test_the_help_lists_every_path(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "--port",
        "--host",
        "--certificate",
        "/testhub",
        "/limits",
        "/echo",
        "/token",
        "/events/",
        "/release/",
        "--scarce",
    ):
        assert word in text


async def test_negotiate_sets_cookies_of_which_one_has_expired(address: str) -> None:
    status, headers, _ = await request("POST", f"{address}/testhub/negotiate?negotiateVersion=1")
    assert status == 200
    cookies = headers.get_all("set-cookie") or []
    assert [cookie.partition("=")[0] for cookie in cookies] == ["testCookie", "testCookie2", "expiredCookie"]
    assert "2015" in cookies[2]


async def test_the_pages_can_be_read_by_pages_of_any_origin(address: str) -> None:
    for method, path, status in (("GET", "/token", 200), ("OPTIONS", "/token", 204), ("GET", "/nothing", 404)):
        answer, headers, _ = await request(method, f"{address}{path}", Origin="http://127.0.0.1:1")
        assert answer == status
        assert headers["access-control-allow-origin"] == "http://127.0.0.1:1"
        assert headers["access-control-allow-credentials"] == "true"


async def test_a_bad_negotiate_has_a_body(address: str) -> None:
    status, _, body = await request("POST", f"{address}/bad-negotiate/negotiate")
    assert (status, body) == (400, "Some response from server")


async def test_the_redirected_echo_leads_to_the_echo(address: str) -> None:
    status, headers, _ = await request("POST", f"{address}/echoredirect/negotiate?negotiateVersion=1")
    assert (status, headers["location"]) == (307, "/echo/negotiate?negotiateVersion=1")


async def test_an_authorised_hub_takes_the_tokens_of_the_token_page(address: str) -> None:
    assert (await request("POST", f"{address}/authorizedhub/negotiate"))[0] == 401
    _, _, token = await request("GET", f"{address}/token?user=ann&seconds=60")
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await request("POST", f"{address}/authorizedhub/negotiate", **bearer))[0] == 200


async def test_redirects_count_and_may_carry_a_token(address: str) -> None:
    answers: list[Any] = [
        json.loads((await request("POST", f"{address}/redirect/negotiate{query}"))[2])
        for query in ("", "", "?user=ann")
    ]
    assert answers[0] == {"url": f"{address}/testHub?numRedirects=1"}
    assert answers[1] == {"url": f"{address}/testHub?numRedirects=2"}
    assert answers[2]["url"] == f"{address}/authorizedhub"
    assert answers[2]["accessToken"].count(".") == 2


async def test_a_client_can_be_asked_from_outside_and_its_events_be_read(address: str) -> None:
    async with connect(f"{address.replace('http', 'ws')}/testhub", proxy=None) as client:

        async def received() -> Any:
            return json.loads(str(await client.recv()).removesuffix(RECORD_SEPARATOR))

        await client.send('{"protocol":"json","version":1}\x1e')
        assert await received() == {}
        await client.send('{"type":1,"invocationId":"1","target":"GetCallerConnectionId","arguments":[]}\x1e')
        connection_id = (await received())["result"]
        asking = asyncio.create_task(request("GET", f"{address}/clientresult/{connection_id}?target=Ask"))
        question = await received()
        assert question["target"] == "Ask"
        answer = {"type": 3, "invocationId": question["invocationId"], "result": 10}
        await client.send(json.dumps(answer) + RECORD_SEPARATOR)
        assert json.loads((await asking)[2]) == {"result": 10}
        waiting = asyncio.create_task(request("GET", f"{address}/events/{connection_id}?until=disconnected"))
        await client.send('{"type":7}\x1e')
        assert json.loads((await waiting)[2]) == ["connected", "disconnected"]


async def test_a_gate_at_which_nobody_waits_opens_nothing(address: str) -> None:
    _, _, body = await request("GET", f"{address}/release/nothing")
    assert json.loads(body) is False


async def test_a_client_that_does_not_exist_cannot_be_asked(address: str) -> None:
    _, _, body = await request("GET", f"{address}/clientresult/nobody")
    assert json.loads(body) == {"error": "Connection 'nobody' does not exist."}
