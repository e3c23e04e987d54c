"""Negotiate (sheet 1): versions, transports, ids, errors, and where requests for hubs may differ in spelling."""

from __future__ import annotations

import re

import pytest
from compliance.checklist import TRANSPORTS, shows
from compliance.raw.judge import Judge

_ID = re.compile(r"[A-Za-z0-9_-]{22,64}")
_OFFERS = [
    {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]},
    {"transport": "ServerSentEvents", "transferFormats": ["Text"]},
    {"transport": "LongPolling", "transferFormats": ["Text", "Binary"]},
]


@shows("negotiate-v0")
@pytest.mark.parametrize("query", ["", "?negotiateVersion=0", "?x=negotiateVersion%3D1"])
async def test_version_0_has_one_id_for_everything(judge: Judge, query: str) -> None:
    reply = await judge.request("POST", f"/testhub/negotiate{query}")
    answer = reply.json()
    assert _ID.fullmatch(answer.pop("connectionId"))
    assert answer == {"negotiateVersion": 0, "availableTransports": _OFFERS}


@shows("negotiate-v1", "negotiate-above-v1")
@pytest.mark.parametrize("version", ["1", "2", "99999999999"])
async def test_version_1_and_above_have_a_secret_token(judge: Judge, version: str) -> None:
    reply = await judge.request("POST", f"/testhub/negotiate?negotiateVersion={version}")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert int(reply.headers["content-length"]) == len(reply.body)
    answer = reply.json()
    ids = (answer.pop("connectionId"), answer.pop("connectionToken"))
    assert all(map(_ID.fullmatch, ids))
    assert ids[0] != ids[1]
    assert answer == {"negotiateVersion": 1, "availableTransports": _OFFERS}


@shows("negotiate-non-integer")
@pytest.mark.parametrize("version", ["1.0", "x", "", "0x1"])
async def test_a_version_that_is_no_integer_is_an_error_inside_of_a_good_answer(judge: Judge, version: str) -> None:
    reply = await judge.request("POST", f"/testhub/negotiate?negotiateVersion={version}")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json() == {"error": "The client requested a non-integer protocol version."}


@shows("negotiate-minimum-version")
async def test_a_version_below_the_least_is_an_error_inside_of_a_good_answer(judge: Judge) -> None:
    text = "The client requested version '0', but the server does not support this version."
    for query in ("", "?negotiateVersion=0"):
        reply = await judge.request("POST", f"/minimum/negotiate{query}")
        assert (reply.status, reply.json()) == (200, {"error": text})
    assert (await judge.negotiate("/minimum"))["negotiateVersion"] == 1


@shows("negotiate-transports")
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/testhub-websockets", ["WebSockets"]),
        ("/testhub-events", ["ServerSentEvents"]),
        ("/testhub-polling", ["LongPolling"]),
        ("/testhub-nowebsockets", ["ServerSentEvents", "LongPolling"]),
    ],
)
async def test_only_what_the_endpoint_allows_is_offered(judge: Judge, path: str, names: list[str]) -> None:
    for query in ("negotiateVersion=0", "negotiateVersion=1"):
        answer = await judge.negotiate(path, query)
        assert answer["availableTransports"] == [offer for offer in _OFFERS if offer["transport"] in names]


@shows("negotiate-body-ignored")
async def test_the_body_of_a_negotiate_is_ignored(judge: Judge) -> None:
    for headers in ({}, {"Content-Type": "application/json"}, {"Content-Type": "text/plain;charset=UTF-8"}):
        for body in (b"", b'{"negotiateVersion":7}'):
            reply = await judge.request("POST", "/testhub/negotiate?negotiateVersion=1", headers, body)
            assert (reply.status, reply.json()["negotiateVersion"]) == (200, 1)


@shows("negotiate-methods")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
async def test_negotiate_is_posted_and_nothing_else(judge: Judge, method: str) -> None:
    async with judge.requesting(method, "/testhub/negotiate?negotiateVersion=1") as streams:
        head = await streams.head()
        assert (head.status, head.headers["content-type"]) == (405, "text/plain")


@shows("path-and-key-case", over=TRANSPORTS)
async def test_paths_of_hubs_and_keys_of_queries_may_be_in_any_case(judge: Judge, over: str) -> None:
    ids = (await judge.request("POST", "/TESTHUB/NEGOTIATE?NegotiateVersion=1")).json()
    assert ids["negotiateVersion"] == 1
    peer = judge.peer(over, "/TestHub/", query="ID=" + ids["connectionToken"] + "&Color=red")
    await peer.open()
    await peer.shake()
    assert await peer.own_id() == ids["connectionId"]
    assert await peer.result("GetQuery", "color") == "red"
    await peer.leave()


@shows("id-is-no-token")
async def test_the_public_id_opens_nothing_where_there_is_a_token(judge: Judge) -> None:
    ids = await judge.negotiate("/testhub")
    for id_ in (ids["connectionId"], ids["connectionToken"].swapcase(), ids["connectionToken"] + "A"):
        assert (await judge.upgrade(f"/testhub?id={id_}")).status == 404
        assert (await judge.request("GET", f"/testhub?id={id_}")).status == 404
    twice = f"/testhub?id={ids['connectionToken']}&id={ids['connectionToken']}"
    assert (await judge.request("GET", twice)).status == 404
    of_another_hub = f"/testhub-polling?id={ids['connectionToken']}"
    assert (await judge.request("GET", of_another_hub)).status == 404
    assert (await judge.upgrade(f"/testhub?id={ids['connectionToken']}")).status == 101


@shows("skip-negotiate")
async def test_a_websocket_without_id_is_a_new_connection(judge: Judge) -> None:
    peer = judge.peer("WebSockets-json")
    await peer.open()
    await peer.shake()
    assert _ID.fullmatch(await peer.own_id())


@shows("negotiate-unauthorized")
async def test_without_a_token_negotiate_is_401_with_nothing_to_show(judge: Judge) -> None:
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic x"}):
        reply = await judge.request("POST", "/authorizedhub/negotiate?negotiateVersion=1", headers)
        assert (reply.status, reply.phrase, reply.body) == (401, "Unauthorized", b"")


@shows("redirect")
async def test_a_redirect_says_where_to_and_nothing_else(judge: Judge) -> None:
    assert set(await judge.negotiate("/redirect")) == {"url"}
    answer = await judge.negotiate("/redirect", "negotiateVersion=1&user=ann")
    assert set(answer) == {"url", "accessToken"}
