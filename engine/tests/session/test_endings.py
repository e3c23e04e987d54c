"""Ends that a peer, a hub or a value could draw out: each has a bound."""

from __future__ import annotations

import json

import msgspec

from hubwire.errors import InvalidMessage
from hubwire.hub.failures import close_error
from hubwire.options import HubOptions, PropertyNames
from hubwire.session.events import Ended, EndReason, InvocationReceived
from hubwire.session.session import READ_AHEAD_BYTES, Session
from hubwire.wire.protocols import hub_protocols

CODECS = hub_protocols(frozenset({"json"}), PropertyNames.AS_DECLARED)

HANDSHAKE = b'{"protocol":"json","version":1}\x1e'
CALL = b'{"type":1,"invocationId":"1","target":"Do","arguments":[]}\x1e'


def opened() -> Session:
    session = Session(HubOptions(close_timeout_seconds=5.0), CODECS, 0.0, close_error)
    session.receive_data(HANDSHAKE, 0.0)
    session.send_connected(0.0)
    session.events()
    session.data_to_send()
    return session


def wants_data(session: Session) -> bool:
    return session.wants_data


def test_a_call_that_does_not_end_keeps_no_peer_that_broke_the_protocol() -> None:
    session = opened()
    session.receive_data(CALL + b"{\x1e", 1.0)
    (received,) = session.events()
    assert isinstance(received, InvocationReceived)
    assert session.deadline == 6.0
    session.receive_time(5.9)
    assert session.data_to_send() == ()
    session.receive_time(6.0)
    assert [json.loads(data[:-1])["type"] for data in session.data_to_send()] == [7]
    (end,) = session.events()
    assert isinstance(end, Ended)
    assert end.reason is EndReason.PROTOCOL
    assert isinstance(end.error, InvalidMessage)
    session.send_result(received.invocation, 1, 7.0)
    assert session.data_to_send() == ()


def test_after_the_end_reading_goes_on_and_a_backlog_is_dropped() -> None:
    session = opened()
    session.receive_data(CALL * 2 + CALL * (READ_AHEAD_BYTES // len(CALL) + 2), 0.0)
    assert not wants_data(session)
    session.send_close()
    assert wants_data(session)
    assert session._reader.buffered_bytes == 0


def test_a_result_whose_encoding_fails_in_any_way_ends_the_connection() -> None:
    class Half(msgspec.Struct):
        missing: int

    half = Half(1)
    del half.missing
    session = opened()
    session.receive_data(CALL, 0.0)
    (received,) = session.events()
    assert isinstance(received, InvocationReceived)
    session.send_result(received.invocation, half, 0.0)
    (end,) = session.events()
    assert isinstance(end, Ended)
    assert isinstance(end.error, AttributeError)
