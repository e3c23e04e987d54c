"""Single events by real HTTP, as a service sends them: to the upstream function, and to the web hook of the extension.

Signatures are made here by hand, so that neither end judges itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from app.tests.conftest import with_demo_shop
from app.tests.functions_host.site import FunctionsSite, functions_site

from hubwire.azure.carried_claims import carried_claims
from meschain.auth.claims import claims_of
from meschain.domain.roles import Identity, Role

KEY, OTHER_KEY, CODE = (secrets.token_urlsafe(33) for _ in range(3))
UPSTREAM, WEBHOOK = "/api/upstream", "/runtime/webhooks/signalr"
USER_ID = "own:7"
SEPARATOR = b"\x1e"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def functions(tmp_path_factory: pytest.TempPathFactory, demo_shop_file: Path) -> AsyncIterator[FunctionsSite]:
    """One for all tests: each leaves it as it was."""
    data_dir = with_demo_shop(tmp_path_factory.mktemp("site") / "data", demo_shop_file)
    service = f"Endpoint=http://localhost:1;AccessKey={KEY};Version=1.0;"
    async with functions_site(
        data_dir, access_keys=[KEY], system_key=CODE, azure_signalr=service, upstream_code=CODE
    ) as functions:
        yield functions


def event(**changes: str | None) -> dict[str, str]:
    """Headers of a call of `AcknowledgeNotification` by a manager; None leaves one out."""
    role = Identity(USER_ID, "ada", Role.MARKETPLACE_MANAGER, ("n11",))
    signature = hmac.new(KEY.encode(), b"c1", hashlib.sha256).hexdigest()
    headers: Mapping[str, str | None] = {
        "Content-Type": "application/json",
        "X-ASRS-Hub": "meschainmarketplacehub",
        "X-ASRS-Category": "messages",
        "X-ASRS-Event": "AcknowledgeNotification",
        "X-ASRS-Connection-Id": "c1",
        "X-ASRS-Signature": f"sha256={signature.upper()}",
        "X-ASRS-User-Id": USER_ID,
        "X-ASRS-User-Claims": f"hubwire.claims: {carried_claims(claims_of(role))['hubwire.claims']}, exp: 1",
        "X-ASRS-Client-Query": "?hub=meschainmarketplacehub",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return {name: value for name, value in headers.items() if value is not None}


def call(target: str = "AcknowledgeNotification", *arguments: object, invocation_id: str | None = "5") -> bytes:
    message: dict[str, Any] = {"type": 1, "target": target, "arguments": arguments or ["none"]}
    if invocation_id is not None:
        message["invocationId"] = invocation_id
    return json.dumps(message).encode()


async def post(
    functions: FunctionsSite, path: str, headers: Mapping[str, str], body: bytes, code: str = CODE
) -> tuple[int, bytes]:
    site = functions.site
    url = f"{site.url}{path}?code={code}"
    async with site.http.post(url, data=body, headers=headers, skip_auto_headers=["Content-Type"]) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("path", [UPSTREAM, WEBHOOK])
async def test_a_call_is_answered_by_a_framed_completion(functions: FunctionsSite, path: str) -> None:
    status, body = await post(functions, path, event(), call())
    assert (status, body[-1:]) == (200, SEPARATOR)
    completion = json.loads(body[:-1])
    # By the trigger the worker has made a number of it, as Python's True is one.
    assert (completion["type"], completion["invocationId"], bool(completion["result"])) == (3, "5", False)


@pytest.mark.parametrize("path", [UPSTREAM, WEBHOOK])
async def test_a_call_in_messagepack_is_answered_in_messagepack(functions: FunctionsSite, path: str) -> None:
    body = msgspec.msgpack.encode([1, {}, "5", "AcknowledgeNotification", ["none"]])
    status, answer = await post(functions, path, event(Content_Type="application/x-msgpack"), body)
    assert (status, answer[0]) == (200, len(answer) - 1)
    completion = msgspec.msgpack.decode(answer[1:])
    assert completion[:4] == [3, {}, "5", 3]
    assert not completion[4]


@pytest.mark.parametrize("path", [UPSTREAM, WEBHOOK])
async def test_a_call_that_wants_no_answer_gets_none(functions: FunctionsSite, path: str) -> None:
    assert await post(functions, path, event(), call(invocation_id=None)) == (200, b"")


@pytest.mark.parametrize("path", [UPSTREAM, WEBHOOK])
async def test_rights_are_those_of_the_signed_claims(functions: FunctionsSite, path: str) -> None:
    headers = event(X_ASRS_Hub="MesChainAdminHub", X_ASRS_Event="HandleAdminCommand")
    status, body = await post(functions, path, headers, call("HandleAdminCommand", "refresh", {}))
    assert status == 200
    assert "is unauthorized" in json.loads(body[:-1])["error"]


@pytest.mark.parametrize("path", [UPSTREAM, WEBHOOK])
async def test_who_has_no_right_to_a_hub_is_refused_at_the_door(functions: FunctionsSite, path: str) -> None:
    headers = event(X_ASRS_Hub="MesChainAdminHub", X_ASRS_Category="connections", X_ASRS_Event="connected")
    status, _ = await post(functions, path, headers, b'{"type":10}')
    assert status == 403


@pytest.mark.parametrize("path", [UPSTREAM, WEBHOOK])
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"X_ASRS_Hub": None}, 400),
        ({"X_ASRS_Category": ""}, 400),
        ({"X_ASRS_Event": None}, 400),
        ({"X_ASRS_Hub": "other"}, 404),
        ({"X_ASRS_Category": "other"}, 404),
        ({"X_ASRS_Category": "connections", "X_ASRS_Event": "reconnected"}, 404),
        ({"X_ASRS_Signature": None}, 401),
        ({"X_ASRS_Signature": f"sha256={hmac.new(OTHER_KEY.encode(), b'c1', hashlib.sha256).hexdigest()}"}, 401),
        ({"X_ASRS_Connection_Id": "c2"}, 401),
    ],
)
async def test_an_event_that_is_none_of_ours_is_refused(
    functions: FunctionsSite, path: str, changes: Mapping[str, str | None], status: int
) -> None:
    assert (await post(functions, path, event(**changes), call()))[0] == status


@pytest.mark.parametrize("path", [UPSTREAM, WEBHOOK])
async def test_the_secret_of_the_address_is_asked_for(functions: FunctionsSite, path: str) -> None:
    assert (await post(functions, path, event(), call(), code="guessed"))[0] == 401


@pytest.mark.parametrize("signature_of", [[KEY, OTHER_KEY], [OTHER_KEY, KEY]])
@pytest.mark.parametrize("path", [UPSTREAM, WEBHOOK])
async def test_one_good_signature_of_several_is_enough(
    functions: FunctionsSite, path: str, signature_of: list[str]
) -> None:
    made = [f"sha256={hmac.new(key.encode(), b'c1', hashlib.sha256).hexdigest()}" for key in signature_of]
    assert (await post(functions, path, event(X_ASRS_Signature=", ".join(made)), call()))[0] == 200


@pytest.mark.parametrize(("path", "status"), [(UPSTREAM, 400), (WEBHOOK, 500)])
@pytest.mark.parametrize("body", [b"", b"{", call("Other")])
async def test_a_payload_that_is_none_or_another_is_refused(
    functions: FunctionsSite, path: str, status: int, body: bytes
) -> None:
    assert (await post(functions, path, event(), body))[0] == status


async def test_a_target_that_no_function_is_for_is_answered_by_the_upstream_function_alone(
    functions: FunctionsSite,
) -> None:
    headers = event(X_ASRS_Event="DropTables")
    assert (await post(functions, WEBHOOK, headers, call("DropTables")))[0] == 404
    status, body = await post(functions, UPSTREAM, headers, call("DropTables"))
    assert (status, "Method does not exist" in json.loads(body[:-1])["error"]) == (200, True)


async def test_a_user_id_with_a_comma_cannot_call_by_triggers(functions: FunctionsSite) -> None:
    forged = carried_claims({"role": "super_admin"})["hubwire.claims"]
    status, body = await post(functions, WEBHOOK, event(X_ASRS_User_Id=f"x, hubwire.claims: {forged}"), call())
    assert status == 200
    assert "comma" in json.loads(body[:-1])["error"]


async def test_a_disconnect_is_taken_and_comes_twice_without_harm(functions: FunctionsSite) -> None:
    headers = event(X_ASRS_Category="connections", X_ASRS_Event="disconnected")
    for path in (UPSTREAM, WEBHOOK, UPSTREAM):
        assert await post(functions, path, headers, b'{"type":11,"error":"lost"}') == (200, b"")
