"""The README is true: its Python runs, its hubs talk over a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine.tests.docs.pages import run_page
from engine.tests.docs.socket_client import connected
from websockets.exceptions import InvalidStatus

from hubwire.client import HubConnection
from hubwire.testing import serving

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the README defines, its blocks run one after the other as one program."""
    return run_page(README)


async def test_the_chat_talks_and_its_private_room_is_guarded(names: dict[str, Any]) -> None:
    async with serving(names["server"], names["app"]) as address:
        async with connected(f"{address}/chat") as ann, connected(f"{address}/chat") as bob:
            assert await ann.call("SendMessage", "ann", "hello") is None
            assert [await ann.called(), await bob.called()] == [("ReceiveMessage", ["ann", "hello"])] * 2
            await names["announce"]("closing time")
            assert await bob.called() == ("ReceiveMessage", ["server", "closing time"])
        with pytest.raises(InvalidStatus, match="401"):
            async with connected(f"{address}/private"):
                pass
        async with connected(f"{address}/private", "open sesame") as reader:
            with pytest.raises(RuntimeError, match="because user is unauthorized"):
                await reader.call("SendMessage", "ali", "hello")


async def test_the_laboratory_streams_and_asks(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(names["server"]) as address:
        assert await names["talk"](address) == [3, 2, 1]
        assert capsys.readouterr().out == "erased\n"
        async with HubConnection(f"{address}/lab") as client:

            async def numbers() -> Any:
                for number in (1, 2.5):
                    yield number

            assert await client.invoke("Total", numbers()) == 3.5


async def test_the_archive_is_shared_by_all_calls(names: dict[str, Any]) -> None:
    async with serving(names["server"]) as address, connected(f"{address}/archive") as client:
        assert [await client.call("Write", line) for line in ("a", "b")] == [1, 2]


async def test_the_hub_test_passes(names: dict[str, Any]) -> None:
    await names["test_a_message_reaches_everybody"]()
