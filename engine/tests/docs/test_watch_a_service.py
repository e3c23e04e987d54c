"""The page "Watch a service" is true: its program sees what a service tells, and its tables name every event."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket

import pytest
from engine.tests.docs.pages import HOW_TO, run_page

from hubwire.server import traced
from hubwire.server.live_trace import TraceCategory, TraceEvent
from hubwire.server.run import server_config
from hubwire.server.service import SignalRService
from hubwire.server.uvicorn import Server

PAGE = HOW_TO / "watch-a-service.md"


async def test_the_program_prints_what_happens(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        page = run_page(PAGE, replace={"http://localhost:8888": address})
        service = SignalRService([page["ACCESS_KEY"]], [address])
        server = Server(server_config(service, service.hubs, lifespan="on", log_config=None), service.hubs)
        serving = asyncio.create_task(server.serve([listener]))
        async with asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0)
            watching = asyncio.create_task(page["watch"]("?category=messaging"))
            while not service.live_trace.is_watched:  # noqa: ASYNC110 - it tells its relay alone
                await asyncio.sleep(0)
            service.live_trace.tell_of_service(TraceCategory.MESSAGING, "MessagesThrottled", "Slowly.", hub="chat")
            server.should_exit = True
            await serving
            await watching
    assert "'event': 'MessagesThrottled'" in capsys.readouterr().out


def test_the_page_names_every_event_and_field() -> None:
    text = PAGE.read_text(encoding="utf-8")
    events = set(re.findall(r'"((?:Connect|Message|Group|Close|Broker)[A-Za-z]+)"', inspect.getsource(traced)))
    assert len(events) > 10
    assert [event for event in sorted(events) if f"`{event}`" not in text] == []
    fields = TraceEvent.__struct_encode_fields__
    assert [field for field in fields if f"`{field}`" not in text] == []
