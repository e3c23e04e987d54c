"""The way of an HTTP call through ASGI and back, with requests and responses of the azure-functions library."""

from __future__ import annotations

import logging

import azure.functions as func
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from meschain.entrypoints.functions.asgi import call_asgi, scope_of


def request(
    url: str = "https://shop.example/api/x", *, method: str = "GET", body: bytes = b"", **headers: str
) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest(method=method, url=url, headers=named, body=body)


def test_the_path_arrives_decoded_and_as_it_was_written() -> None:
    scope = scope_of(request("https://shop.example:8443/a%2Fb/%C4%9F?q=%20&q=2"))
    assert (scope["path"], scope["raw_path"]) == ("/a/b/ğ", b"/a%2Fb/%C4%9F")
    assert scope["query_string"] == b"q=%20&q=2"
    assert (scope["scheme"], scope["server"]) == ("https", ("shop.example", 8443))


def test_headers_arrive_as_bytes_in_lower_case() -> None:
    scope = scope_of(request(X_ASRS_User_Id="ayşe"))
    assert scope["headers"] == [(b"x-asrs-user-id", "ayşe".encode())]


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.7:50123", ("203.0.113.7", 0)),
        ("198.51.100.1, 203.0.113.7:50123", ("203.0.113.7", 0)),
        ("127.0.0.1, 203.0.113.7", ("203.0.113.7", 0)),
        ("[2001:db8::7]:50123", ("2001:db8::7", 0)),
        ("203.0.113.7, nonsense", None),
        ("", None),
    ],
)
def test_the_client_is_who_called_the_front_end_whatever_the_caller_says(
    forwarded: str, client: tuple[str, int] | None
) -> None:
    assert scope_of(request(X_Forwarded_For=forwarded))["client"] == client


async def echo(request: Request) -> Response:
    response = Response(await request.body(), 201, media_type="text/x-echo")
    response.set_cookie("first", "1", httponly=True)
    response.set_cookie("second", "2")
    return response


async def pieces(request: Request) -> Response:
    async def parts() -> object:
        yield b"one "
        yield b"two"

    return StreamingResponse(parts())  # type: ignore[arg-type] # an async iterator of bytes


async def broken(request: Request) -> Response:
    raise RuntimeError("a secret")


APP = Starlette(
    routes=[Route("/echo", echo, methods=["POST"]), Route("/pieces", pieces), Route("/broken", broken)],
)


async def test_body_status_headers_and_every_cookie_come_back() -> None:
    answer = await call_asgi(APP, request("https://shop.example/echo", method="POST", body=b"\x00\xff"))
    assert (answer.status_code, answer.get_body()) == (201, b"\x00\xff")
    assert answer.headers["content-type"] == "text/x-echo; charset=utf-8"
    assert answer.headers.getlist("set-cookie") == [
        "first=1; HttpOnly; Path=/; SameSite=lax",
        "second=2; Path=/; SameSite=lax",
    ]


async def test_a_streamed_answer_comes_back_whole() -> None:
    assert (await call_asgi(APP, request("https://shop.example/pieces"))).get_body() == b"one two"


async def test_a_failure_is_answered_without_its_text_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await call_asgi(APP, request("https://shop.example/broken"))
    assert (answer.status_code, answer.get_body()) == (500, b"Internal Server Error")
    assert "/broken failed" in caplog.text


async def test_an_application_that_answers_nothing_is_a_failure() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a secret")

    answer = await call_asgi(silent, request())
    assert (answer.status_code, answer.get_body()) == (500, b"")


async def test_half_an_answer_is_a_failure() -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"etag", b"1")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("a secret")

    answer = await call_asgi(breaking, request())
    assert (answer.status_code, answer.get_body(), dict(answer.headers)) == (500, b"", {})


async def test_nothing_of_an_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await call_asgi(APP, request("https://shop.example/echo", method="POST", body=b"token"))
    assert "token" not in caplog.text
