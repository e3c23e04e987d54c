"""The page "Host hubs behind Azure SignalR Service" is true."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from engine.tests.azure.fake_service import FakeService, fake_service
from engine.tests.azure.upstream_pair import serving_asgi
from engine.tests.docs.pages import HOW_TO, run_page

from hubwire.azure import hmac_jwt
from hubwire.azure.function_trigger import FunctionFailed
from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Completion, Invocation
from hubwire.wire.serverless import CONNECTED, unframed

KEY = "put-the-access-key-of-your-service-here="
CODE = "a-long-random-text-of-your-own"


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    async with fake_service() as service:
        yield service


@pytest.fixture
def page(service: FakeService) -> dict[str, Any]:
    endpoint = f"http://127.0.0.1:{service.port}"
    return run_page(HOW_TO / "behind-azure.md", replace={"https://shop.service.signalr.net": endpoint})


def headers_of(category: str, event: str, token: str) -> dict[str, str]:
    """As the service makes them of the token that a client came with."""
    claims = hmac_jwt.read(token, [KEY.encode()])
    return {
        "x-asrs-connection-id": "one",
        "x-asrs-hub": "chat",
        "x-asrs-category": category,
        "x-asrs-event": event,
        "x-asrs-signature": UpstreamSignatures([KEY]).sign("one"),
        "x-asrs-user-id": str(claims["asrs.s.uid"]),
        "x-asrs-user-claims": ", ".join(f"{name}: {value}" for name, value in claims.items()),
        "content-type": "application/json",
    }


@pytest.mark.parametrize("name", ["app", "api"])
async def test_clients_are_sent_to_the_service_and_their_calls_come_from_there(
    page: dict[str, Any], service: FakeService, name: str
) -> None:
    async with serving_asgi(page[name]) as address, aiohttp.ClientSession() as session:
        async with session.post(f"{address}/chat/negotiate?negotiateVersion=1") as response:
            answer = await response.json()
        assert answer["url"] == f"http://127.0.0.1:{service.port}/client/?hub=chat"

        async def call(category: str, event: str, body: bytes, code: str = CODE) -> tuple[int, bytes]:
            headers = headers_of(category, event, answer["accessToken"])
            url = f"{address}/api/upstream?code={code}"
            async with session.post(url, data=body, headers=headers) as response:
                return response.status, await response.read()

        assert await call("connections", "connected", CONNECTED) == (200, b"")
        said = await call("messages", "Say", unframed(JSON, Invocation("Say", ["hello"], "1")))
        assert said == (200, JSON.encode(Completion("1", 5, has_result=True)))
        status, body = await call("messages", "Role", unframed(JSON, Invocation("Role", [], "2")))
        role = "guest" if name == "app" else None
        assert (status, body) == (200, JSON.encode(Completion("2", role, has_result=True)))
        assert (await call("connections", "connected", CONNECTED, code="wrong"))[0] == 401
    made = [(request.method, request.path) for request in service.requests if "health" not in request.path]
    assert made == [
        ("PUT", "/api/hubs/chat/groups/everybody/connections/one"),
        ("POST", "/api/hubs/chat/groups/everybody/:send"),
    ]


async def test_a_function_host_passes_requests_to_handle(page: dict[str, Any]) -> None:
    async with page["hubs"].lifespan():
        headers = {"X-ASRS-Connection-Id": "one", "X-ASRS-Signature": UpstreamSignatures([KEY]).sign("one")}
        assert (await page["upstream"]("POST", headers, f"code={CODE}", b"")).status == 400
        assert (await page["upstream"]("POST", headers, "", b"")).status == 401


async def test_a_function_with_a_trigger_gives_its_text_to_the_hubs(page: dict[str, Any]) -> None:
    event = {"Hub": "chat", "Category": "messages", "Event": "Role", "ConnectionId": "one", "Arguments": []}
    async with page["hubs"].lifespan():
        assert await page["take"](json.dumps(event)) is None
        with pytest.raises(FunctionFailed, match="Method does not exist"):
            await page["take"](json.dumps({**event, "Event": "Other"}))
