"""Calls to the resource manager as they are printed, and a transport that only writes them down.

A plan is what Azure's library would have sent: the library itself makes the requests, and this transport takes them
instead of the network. Knows no templates.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the resource manager."""

    method: str
    target: str
    """Path and query, with the version of the interface."""
    body: Any
    """The JSON that is sent; None: nothing."""

    def __str__(self) -> str:
        """The same text for the same call, always."""
        line = f"{self.method} {self.target}"
        return line if self.body is None else f"{line}\n{json.dumps(self.body, indent=2, ensure_ascii=False)}"


class Recorder(HttpTransport[HttpRequest, HttpResponse]):
    """Keeps the request that the library was about to send, and sends nothing."""

    def record(self, request: Callable[[], object]) -> Call:
        """What a method of the library would send first."""
        try:
            request()
        except _Recorded as recorded:
            return recorded.call
        raise AssertionError("The library has sent nothing.")

    def send(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Called by the library."""
        address = urlsplit(request.url)
        content = request.content
        body = None if content is None else json.loads(content)
        raise _Recorded(Call(request.method, f"{address.path}?{address.query}", body))

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Nothing to close."""


class NoCredential:
    """Stands where a credential would, as nothing is sent."""

    def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        """No token."""
        return AccessToken("", 2**40)


class _Recorded(Exception):
    """Leaves the library with the call, before there is an answer."""

    def __init__(self, call: Call) -> None:
        self.call = call
        super().__init__(call.target)
