"""A session and short words for what tests say to it."""

from __future__ import annotations

import json
from typing import Any

from hubwire.hub.failures import close_error
from hubwire.options import HubOptions, PropertyNames
from hubwire.session.events import SessionEvent
from hubwire.session.session import Session
from hubwire.wire.protocols import hub_protocols

CODECS = hub_protocols(frozenset({"json"}), PropertyNames.AS_DECLARED)


def line(**fields: Any) -> bytes:
    """One JSON hub message."""
    return json.dumps(fields).encode() + b"\x1e"


def handshake(version: int = 1) -> bytes:
    return line(protocol="json", version=version)


def call(number: int | str | None, target: str = "Do", *streams: str) -> bytes:
    fields: dict[str, Any] = {"type": 1, "target": target, "arguments": []}
    if number is not None:
        fields["invocationId"] = str(number)
    if streams:
        fields["streamIds"] = streams
    return line(**fields)


def stream(invocation_id: str, *streams: str) -> bytes:
    fields: dict[str, Any] = {"type": 4, "invocationId": invocation_id, "target": "Count", "arguments": []}
    if streams:
        fields["streamIds"] = streams
    return line(**fields)


def item(stream_id: str, value: object) -> bytes:
    return line(type=2, invocationId=stream_id, item=value)


def completion(invocation_id: str, **fields: Any) -> bytes:
    return line(type=3, invocationId=invocation_id, **fields)


def cancel(invocation_id: str) -> bytes:
    return line(type=5, invocationId=invocation_id)


PING = line(type=6)


class Wire:
    """A session at time 0 and both of its ends."""

    def __init__(self, options: HubOptions | None = None, *, version: int = 1, **arguments: Any) -> None:
        self.now = 0.0
        self.session = Session(options or HubOptions(), CODECS, 0.0, close_error, **arguments)
        self.session.receive_data(handshake(version), 0.0)
        self.session.events()
        self.session.data_to_send()
        self.session.send_connected(0.0)

    def receives(self, *messages: bytes) -> list[SessionEvent]:
        """What the session says to these messages."""
        self.session.receive_data(b"".join(messages), self.now)
        return self.events()

    def events(self) -> list[SessionEvent]:
        return list(self.session.events())

    def sent(self) -> list[dict[str, Any]]:
        """What went to the client since the last call."""
        return [json.loads(data[:-1]) for data in self.session.data_to_send()]

    def at(self, now: float) -> list[SessionEvent]:
        """Let it be that late."""
        self.now = now
        self.session.receive_time(now)
        return self.events()
