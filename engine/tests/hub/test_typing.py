"""User code as the documentation shows it passes mypy --strict, and mistakes do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

HEAD = """
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Any

from hubwire.hub import ClientContract, Hub, HubContext, HubFilter, InvocationContext, client_method, hub_method

class ChatClient(ClientContract):
    @client_method("ReceiveMessage")
    async def receive_message(self, user: str, text: str) -> None: ...

    @client_method("Vote", timeout_seconds=5)
    async def vote(self, question: str) -> bool:
        raise NotImplementedError
"""

GOOD = """
class ChatHub(Hub[ChatClient]):
    @hub_method("SendMessage")
    async def send_message(self, user: str, text: str) -> None:
        await self.clients.all.receive_message(user, text)
        await self.clients.others_in_group("room").send("ReceiveMessage", user, text)

    @hub_method
    async def join(self, room: str) -> bool:
        await self.groups.add(self.context.connection_id, room)
        return True

    @hub_method("Count")
    async def count(self, until: int) -> AsyncIterator[int]:
        for number in range(until):
            yield number

    @hub_method("Given", cancellable=True)
    async def given(self) -> AsyncIterable[int]:
        return self.count(3)

    @hub_method(cancellable=True)
    async def total(self, numbers: AsyncIterator[int], more: AsyncGenerator[int, None]) -> int:
        return sum([number async for number in numbers]) + await anext(more)

    @hub_method("Poll")
    async def poll(self) -> str:
        agreed: bool = await self.clients.caller.vote("more?")
        name: str = await self.clients.caller.ask("Name", result_type=str)
        numbers: list[int] = await self.clients.caller.ask("Numbers", 1, result_type=list[int], timeout_seconds=2)
        anything: Any = await self.clients.caller.ask("Anything")
        maybe: int | None = await self.clients.caller.ask("Maybe", result_type=int | None)
        return f"{name} {agreed} {numbers} {anything} {maybe}"

class Doubling(HubFilter):
    async def stream(self, call: InvocationContext, items: AsyncIterator[object], /) -> AsyncIterator[object]:
        async for item in items:
            yield item
            yield item

class BareHub(Hub):
    @hub_method("Ping")
    async def ping(self) -> None:
        await self.clients.caller.send("Pong")

async def outside(context: HubContext[ChatClient], any_hub: HubContext) -> None:
    await context.clients.group("room").receive_message("ann", "hi")
    await any_hub.clients.all.send("x")
"""

BAD = """
class ChatHub(Hub[ChatClient]):
    @hub_method("SendMessage")
    async def send_message(self, user: str) -> None:
        await self.clients.all.receive_message(user, 1)
        await self.clients.all.receive_message(user)
        await self.clients.all.unknown(user)
        self.clients.all.receive_message(user, "not awaited")

    @hub_method("Poll")
    async def poll(self) -> None:
        answer: str = await self.clients.caller.vote("more?")
        await self.clients.caller.vote(1)
        number: int = await self.clients.caller.ask("Number", result_type=str)
        self.clients.caller.vote("not awaited")

    @hub_method("Blocking")
    def blocking(self) -> None: ...

class Forgotten(ClientContract):
    @client_method("Vote")
    async def vote(self) -> bool: ...
"""

MISTAKES = [
    "arg-type",
    "call-arg",
    "attr-defined",
    "unused-coroutine",
    "assignment",
    "arg-type",
    "arg-type",
    "unused-coroutine",
    "type-var",
    "empty-body",
]


def _check(text: str, folder: Path) -> list[str]:
    source = folder / "chat.py"
    source.write_text(HEAD + text)
    out, problems, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", str(folder / "cache"), str(source)])
    assert not problems
    return [line.rsplit("[", 1)[-1].rstrip("]") for line in out.splitlines() if ": error: " in line]


@pytest.mark.parametrize(
    ("text", "errors"),
    [(GOOD, []), (BAD, MISTAKES)],
    ids=["good", "bad"],
)
def test_user_code_is_checked(text: str, errors: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # away from this repository's own configuration
    assert _check(text, tmp_path) == errors
