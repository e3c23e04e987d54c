"""User code as the documentation shows it passes mypy --strict, and mistakes do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

HEAD = """
from hubwire.hub import ClientContract, Hub, HubContext, client_method, hub_method

class ChatClient(ClientContract):
    @client_method("ReceiveMessage")
    async def receive_message(self, user: str, text: str) -> None: ...
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

    @hub_method("Blocking")
    def blocking(self) -> None: ...
"""


def _check(text: str, folder: Path) -> list[str]:
    source = folder / "chat.py"
    source.write_text(HEAD + text)
    out, problems, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", str(folder / "cache"), str(source)])
    assert not problems
    return [line.rsplit("[", 1)[-1].rstrip("]") for line in out.splitlines() if ": error: " in line]


@pytest.mark.parametrize(
    ("text", "errors"),
    [(GOOD, []), (BAD, ["arg-type", "call-arg", "attr-defined", "unused-coroutine", "type-var"])],
    ids=["good", "bad"],
)
def test_user_code_is_checked(text: str, errors: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # away from this repository's own configuration
    assert _check(text, tmp_path) == errors
